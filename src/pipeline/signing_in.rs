//! Lets people in and out: the pages of signing in, and where they lead.
//!
//! In: an arrival at `/.stile/login`, `callback` or `logout`. Out: the answer, after its record.
//!
//! Who signed in is recorded before the session exists, who signed out before it ends; a sign-in that
//! failed is a refusal with its reason. The query of a callback is in no record and no log.
//!
//! Never: ends a session because a page of another site shows an image.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};

use super::manner::Manner;
use super::{InForce, Pipeline, Refused, stamp};
use crate::forward::ResponseBody;
use crate::listen::Arrival;
use crate::people::pages;
use crate::people::sign_in::{Going, SignIn};
use crate::refusal::{Reason, Refusal};

/// What somebody wants who signs in or out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// To begin.
    Login,
    /// To come back from the provider.
    Callback,
    /// To see how to leave, or that it is done.
    Leaving,
    /// To leave.
    Leave,
}

/// What it is, where people sign in at all.
pub(super) fn asked_for(in_force: &InForce, arrival: &Arrival) -> Option<(SignIn, Step)> {
    let sign_in = in_force.ruling.sign_in.clone()?;
    let step = match (arrival.method(), arrival.path()) {
        (&Method::GET, "/.stile/login") => Step::Login,
        (&Method::GET, "/.stile/callback") => Step::Callback,
        (&Method::GET, "/.stile/logout") => Step::Leaving,
        (&Method::POST, "/.stile/logout") => Step::Leave,
        _ => return None,
    };
    Some((sign_in, step))
}

impl Pipeline {
    /// Does it.
    pub(super) async fn sign_in(
        &self,
        in_force: Arc<InForce>,
        arrival: Arrival,
        manner: &Manner,
        (sign_in, step): (SignIn, Step),
    ) -> Response<ResponseBody> {
        let done = match (self.0.journal.believes(arrival.time()), step) {
            (false, _) => Err(Refusal::new(Reason::ClockUntrusted)),
            (true, Step::Login) => self.login(&sign_in, &arrival).await,
            (true, Step::Callback) => self.callback(&in_force, &sign_in, &arrival).await,
            (true, Step::Leaving) => self.leaving(&arrival).await,
            (true, Step::Leave) => self.leave(&in_force, &sign_in, &arrival).await,
        };
        match done {
            Ok((mut response, seq)) => {
                stamp(&mut response, manner);
                self.receipt(&mut response, seq);
                response
            }
            Err(refusal) => {
                let refused = Refused::unheard(refusal);
                self.turn_back(arrival.sighting(), manner, refused).await
            }
        }
    }

    async fn login(&self, sign_in: &SignIn, arrival: &Arrival) -> Done {
        let mut asked = Query::default();
        for (key, value) in form_urlencoded::parse(arrival.query().unwrap_or_default().as_bytes()) {
            match key.as_ref() {
                "provider" => asked.provider = Some(value.into_owned()),
                "return_to" => asked.return_to = Some(value.into_owned()),
                _ => {}
            }
        }
        let return_to = asked.return_to.as_deref();
        let mut providers = sign_in.providers();
        let only = match (providers.next(), providers.next()) {
            (Some((name, _)), None) => Some(name.to_owned()),
            _ => None,
        };
        match asked.provider.or(only) {
            Some(provider) => {
                let going = sign_in.begin(&provider, return_to, arrival.time()).await?;
                let seq = self.0.journal.publish(arrival.sighting()).await?;
                Ok((gone(going), seq))
            }
            None => {
                let seq = self.0.journal.publish(arrival.sighting()).await?;
                let body = pages::choice(sign_in.providers(), return_to);
                Ok((page("Sign in", &body), seq))
            }
        }
    }

    async fn callback(&self, in_force: &InForce, sign_in: &SignIn, arrival: &Arrival) -> Done {
        let arrived = sign_in.complete(arrival, &in_force.ruling.issuers).await?;
        let told = self.0.journal.tell(arrival.sighting(), &arrived.principal);
        let seq = told.await?;
        Ok((gone(sign_in.admit(arrived).await?), seq))
    }

    async fn leaving(&self, arrival: &Arrival) -> Done {
        let seq = self.0.journal.publish(arrival.sighting()).await?;
        let is_done = arrival.query() == Some("done");
        let title = if is_done { "Signed out" } else { "Sign out" };
        Ok((page(title, &pages::leaving(is_done)), seq))
    }

    async fn leave(&self, in_force: &InForce, sign_in: &SignIn, arrival: &Arrival) -> Done {
        sign_in.check_origin(arrival.headers())?;
        let seq = match sign_in.identify(arrival, &in_force.ruling.issuers).await {
            Ok(principal) => self.0.journal.tell(arrival.sighting(), &principal).await?,
            // A session that has ended already is no reason to keep its cookie.
            Err(_) => self.0.journal.publish(arrival.sighting()).await?,
        };
        let going = sign_in.leave(arrival.headers()).await?;
        Ok((left(going), seq))
    }
}

/// The end of a session. A form of ours may lead to us only (`form-action`), so who goes on to the
/// provider is sent there by a page and not by an answer to the form.
fn left(going: Going) -> Response<ResponseBody> {
    if going.url.starts_with('/') {
        return gone(going);
    }
    let mut response = page("Signed out", &pages::going_on(&going.url));
    let headers = response.headers_mut();
    if let Ok(refresh) = HeaderValue::try_from(format!("0; url={}", going.url)) {
        headers.insert(header::REFRESH, refresh);
    }
    for cookie in going.cookies {
        headers.append(header::SET_COOKIE, cookie);
    }
    response
}

type Done = Result<(Response<ResponseBody>, u64), Refusal>;

#[derive(Default)]
struct Query {
    provider: Option<String>,
    return_to: Option<String>,
}

/// Where a browser is sent (RFC 9110 15.4.4).
pub(super) fn gone(going: Going) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::Full(Bytes::new()));
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    if let Ok(url) = HeaderValue::try_from(going.url) {
        headers.insert(header::LOCATION, url);
    }
    for cookie in going.cookies {
        headers.append(header::SET_COOKIE, cookie);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    response
}

fn page(title: &'static str, body: &crate::refusal::PageBody) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::Full(Bytes::new()));
    let html = pages::page(title, body, response.headers_mut());
    *response.body_mut() = ResponseBody::Full(Bytes::from(html));
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
