//! Lets people sign in with a provider, and out again.
//!
//! In: a browser that wants in, or comes back from the provider. Out: where it goes next, the cookies it
//! keeps, and who it is.
//!
//! A sign-in that has begun is kept by the browser, sealed: state, nonce, the proof of the code, and where
//! to go afterwards. What comes back counts once and in that browser only. A session gets a new random id
//! at every sign-in; the one that the browser had before ends.
//!
//! Never: sends a browser anywhere but to the provider or to a page of ours; takes a session for anything
//! but pages of ours, so that no site can make a browser call an API through us.
//!
//! OpenID Connect Core 3.1.2; RFC 9207; RFC 9700 4 (attacks).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::ORIGIN;
use http::{HeaderMap, HeaderValue, Method};
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use super::cookies::Cookie;
use super::in_use::{ForLater, Id, InUse, for_later, invalid, no_randomness};
use super::random::random;
use super::return_to::return_to;
use super::sealed::Seal;
use super::sessions::{self, Session};
use super::{People, ProviderSettings, digest, keys};
use crate::clock::{Clock, Time};
use crate::identify::{Issuers, KeptPerson, Principal, Provider, SignInSettings, SignedIn};
use crate::listen::Arrival;
use crate::refusal::{Reason, Refusal};
use crate::secret::Secret;
use crate::setup_error::SetupError;

/// Everything that signing in needs. Clones share it.
#[derive(Clone, Debug)]
pub struct SignIn(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    people: People,
    providers: Vec<Provider>,
    labels: Vec<String>,
    site_url: String,
    in_use: InUse,
    login_key: OnceCell<[u8; 32]>,
}

/// A browser on its way to the provider.
#[derive(Debug)]
pub struct Going {
    /// Where to.
    pub url: String,
    /// What it keeps meanwhile.
    pub cookies: Vec<HeaderValue>,
}

/// Somebody who came back from the provider and is who the provider says; not let in yet.
#[derive(Debug)]
pub struct Arrived {
    /// Who it is.
    pub principal: Arc<Principal>,
    id: Id,
    session: Session,
    before: Option<[u8; 32]>,
    return_to: String,
}

/// What a sign-in that has begun must find again.
#[derive(Debug, Serialize, Deserialize)]
struct UnderWay {
    issuer: String,
    state: String,
    nonce: String,
    verifier: String,
    return_to: String,
    begun_ms: u64,
}

impl SignIn {
    /// Reads the secrets; asks nobody.
    ///
    /// # Errors
    ///
    /// A provider that cannot be trusted as it is set, or a secret that cannot be read.
    pub fn build(people: People, site_url: &str, clock: &Clock) -> Result<SignIn, SetupError> {
        let settings = people.settings().providers.clone();
        let labels = settings.iter().map(|one| one.label.clone()).collect();
        let built = settings
            .into_iter()
            .map(|one| provider(one, site_url, clock));
        Ok(SignIn(Arc::new(Parts {
            in_use: InUse::new(people.clone()),
            people,
            providers: built.collect::<Result<_, _>>()?,
            labels,
            site_url: site_url.to_owned(),
            login_key: OnceCell::new(),
        })))
    }

    /// The providers, each by its name and what people read on its button.
    pub fn providers(&self) -> impl Iterator<Item = (&str, &str)> {
        let labels = self.0.labels.iter().map(String::as_str);
        self.0.providers.iter().map(Provider::name).zip(labels)
    }

    /// Whether a session is all that this request could show.
    pub fn speaks_for(&self, arrival: &Arrival) -> bool {
        arrival.path().starts_with("/.stile/")
            && !FIELDS
                .iter()
                .any(|name| arrival.headers().contains_key(*name))
            && !matches!(Cookie::Session.find(arrival.headers()), Ok(None))
    }

    /// Who a request's session is of.
    ///
    /// # Errors
    ///
    /// `session_invalid`, `csrf` for a change that another site asked for, or as for a token.
    pub async fn identify(
        &self,
        arrival: &Arrival,
        issuers: &Issuers,
    ) -> Result<Arc<Principal>, Refusal> {
        let id = session_id(arrival.headers())?.ok_or_else(invalid)?;
        if !matches!(*arrival.method(), Method::GET | Method::HEAD) {
            self.check_origin(arrival.headers())?;
        }
        let parts = &self.0;
        let person = parts
            .in_use
            .person(&id, &parts.providers, issuers, arrival.time());
        person.await
    }

    /// Begins: where the browser goes, and what it keeps until it comes back.
    ///
    /// # Errors
    ///
    /// `login_failed` for a provider that nobody set; `idp_unavailable`, `people_unavailable`.
    pub async fn begin(
        &self,
        provider: &str,
        back_to: Option<&str>,
        now: Time,
    ) -> Result<Going, Refusal> {
        let provider = self.provider(|one| one.name() == provider)?;
        let begun = provider.begin().await?;
        let under_way = UnderWay {
            issuer: provider.issuer_url().to_owned(),
            state: begun.state,
            nonce: begun.nonce,
            verifier: begun.verifier.reveal().to_owned(),
            return_to: return_to(back_to).to_owned(),
            begun_ms: now.as_ms(),
        };
        let plain = serde_json::to_vec(&under_way).map_err(|_| no_randomness())?;
        let sealed = self.login_seal().await?.seal(&plain);
        let sealed = URL_SAFE_NO_PAD.encode(sealed.ok_or_else(no_randomness)?);
        Ok(Going {
            url: begun.url,
            cookies: Cookie::Login
                .set(&sealed, LOGIN_MS / 1000)
                .into_iter()
                .collect(),
        })
    }

    /// Who came back with this query.
    ///
    /// # Errors
    ///
    /// `login_failed` with what did not fit; otherwise as for a token.
    pub async fn complete(&self, arrival: &Arrival, issuers: &Issuers) -> Result<Arrived, Refusal> {
        let now = arrival.time();
        let under_way = self.under_way(arrival.headers(), now).await?;
        let answer = Answer::read(arrival.query().unwrap_or_default())?;
        if digest(&[under_way.state.as_bytes()]) != digest(&[answer.state.as_bytes()]) {
            return Err(failed(
                "what came back does not belong to the sign-in that this browser began",
            ));
        }
        let provider = self.provider(|one| one.issuer_url() == under_way.issuer)?;
        if answer
            .issuer
            .is_some_and(|issuer| issuer != under_way.issuer)
        {
            return Err(failed("another provider answered than was asked"));
        }
        let code = answer.code.ok_or_else(|| {
            let why = answer.error.as_deref().unwrap_or("nothing");
            failed("the provider did not sign you in")
                .noting(format!("it said {}", why.escape_debug()))
        })?;
        let verifier = Secret::new(under_way.verifier);
        let signed_in = provider
            .complete(&code, verifier, &under_way.nonce, now)
            .await?;
        self.arrived(arrival, issuers, &signed_in, under_way.return_to)
    }

    /// Lets in who arrived: where they go, and the cookie of their session.
    ///
    /// # Errors
    ///
    /// `people_unavailable`.
    pub async fn admit(&self, arrived: Arrived) -> Result<Going, Refusal> {
        let Arrived {
            id,
            session,
            before,
            return_to,
            ..
        } = arrived;
        let key = id.digest;
        let put = self
            .0
            .people
            .ask(move |store| sessions::begin(store, &key, &session, before));
        put.await?;
        let lives_s = self.0.people.settings().session_longest_ms / 1000;
        let cookies = [
            Cookie::Session.set(id.text.reveal(), lives_s),
            Cookie::Login.clear(),
        ];
        Ok(Going {
            url: return_to,
            cookies: cookies.into_iter().flatten().collect(),
        })
    }

    /// Ends the session of this request, if it has one: where the browser goes to end it
    /// at the provider, too.
    ///
    /// # Errors
    ///
    /// `people_unavailable`.
    pub async fn leave(&self, headers: &HeaderMap) -> Result<Going, Refusal> {
        let mut url = "/.stile/logout?done".to_owned();
        if let Some(id) = session_id(headers).ok().flatten() {
            let key = id.digest;
            let ended = self.0.people.ask(move |store| {
                let session = sessions::find(store, &key)?;
                sessions::end(store, &key)?;
                Ok(session)
            });
            let session = ended.await?;
            self.0.in_use.forget(&id);
            if let Some(session) = session
                && let Some(later) = for_later(&id, &session.sealed)
                && let Ok(provider) =
                    self.provider(|one| one.issuer_url() == session.person.issuer_url)
            {
                let back_to = format!("{}/.stile/logout?done", self.0.site_url);
                let end = provider
                    .end_url(&Secret::new(later.id_token), &back_to)
                    .await;
                url = end.unwrap_or(url);
            }
        }
        let cookies = [Cookie::Session.clear(), Cookie::Login.clear()];
        Ok(Going {
            url,
            cookies: cookies.into_iter().flatten().collect(),
        })
    }

    fn arrived(
        &self,
        arrival: &Arrival,
        issuers: &Issuers,
        signed_in: &SignedIn,
        return_to: String,
    ) -> Result<Arrived, Refusal> {
        let now = arrival.time();
        let person = KeptPerson::of(&signed_in.principal)
            .ok_or_else(|| failed("the provider named a program and not a person"))?;
        let secret: [u8; 32] = random().ok_or_else(no_randomness)?;
        let id = Id::of(&secret);
        let ends = now.plus_ms(self.0.people.settings().session_longest_ms);
        let later = ForLater {
            id_token: signed_in.id_token.reveal().to_owned(),
            refresh: signed_in
                .refresh
                .as_ref()
                .map(|refresh| refresh.reveal().to_owned()),
        };
        let session = Session {
            id: id.short(),
            person: person.clone(),
            begun: now,
            seen: now,
            renewed: now,
            asked: now,
            ends,
            sealed: later.sealed(&id).ok_or_else(no_randomness)?,
        };
        let principal = Arc::new(person.principal(id.digest, now, ends));
        let before = session_id(arrival.headers()).ok().flatten();
        Ok(Arrived {
            // Who was ended here is not let in because the provider still does.
            principal: issuers.of_session(principal, now)?,
            session,
            before: before.map(|before| before.digest),
            id,
            return_to,
        })
    }

    async fn under_way(&self, headers: &HeaderMap, now: Time) -> Result<UnderWay, Refusal> {
        let none = || failed("this browser began no sign-in here, or it was too long ago");
        let sealed = Cookie::Login.find(headers)?.ok_or_else(none)?;
        let sealed = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| none())?;
        let plain = self.login_seal().await?.open(&sealed).ok_or_else(none)?;
        let under_way: UnderWay = serde_json::from_slice(&plain).map_err(|_| none())?;
        let begun = Time::from_ms(under_way.begun_ms);
        match now.ms_since(begun) > LOGIN_MS {
            true => Err(none()),
            false => Ok(under_way),
        }
    }

    async fn login_seal(&self) -> Result<Seal, Refusal> {
        let fresh: [u8; 32] = random().ok_or_else(no_randomness)?;
        let shared = self.0.login_key.get_or_try_init(|| {
            self.0
                .people
                .ask(move |store| keys::shared(store, "login", fresh))
        });
        Seal::new(shared.await?, "login").ok_or_else(no_randomness)
    }

    fn provider(&self, wanted: impl Fn(&&Provider) -> bool) -> Result<&Provider, Refusal> {
        let found = self.0.providers.iter().find(wanted);
        found.ok_or_else(|| failed("there is no such provider here"))
    }

    /// Whether this site's own page asked for it (Fetch, "Origin header").
    ///
    /// # Errors
    ///
    /// `csrf`.
    pub fn check_origin(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let mut said = headers.get_all(ORIGIN).iter();
        match (said.next(), said.next()) {
            (Some(origin), None) if origin.as_bytes() == self.0.site_url.as_bytes() => Ok(()),
            _ => Err(Refusal::new(Reason::Csrf)),
        }
    }
}

impl Id {
    fn of(secret: &[u8; 32]) -> Id {
        let text = URL_SAFE_NO_PAD.encode(secret);
        Id {
            digest: digest(&[text.as_bytes()]),
            text: Secret::new(text),
        }
    }

    /// A name for lists: it opens nothing.
    fn short(&self) -> String {
        let bytes = self.digest.iter().take(8);
        bytes.map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The session that these fields show.
fn session_id(headers: &HeaderMap) -> Result<Option<Id>, Refusal> {
    let Some(text) = Cookie::Session.find(headers)? else {
        return Ok(None);
    };
    let secret = URL_SAFE_NO_PAD.decode(text).ok();
    let secret: Option<[u8; 32]> = secret.and_then(|bytes| bytes.try_into().ok());
    secret
        .map(|secret| Some(Id::of(&secret)))
        .ok_or_else(invalid)
}

/// What a provider answers with (OpenID Connect Core 3.1.2.5 and 3.1.2.6).
#[derive(Debug, Default)]
struct Answer {
    state: String,
    code: Option<String>,
    issuer: Option<String>,
    error: Option<String>,
}

impl Answer {
    fn read(query: &str) -> Result<Answer, Refusal> {
        let mut known: Vec<String> = Vec::new();
        let (mut answer, mut state) = (Answer::default(), None);
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let (key, value) = (key.into_owned(), value.into_owned());
            if known.contains(&key) {
                return Err(failed("the provider's answer says something twice"));
            }
            match key.as_str() {
                "state" => state = Some(value),
                "code" => answer.code = Some(value),
                "iss" => answer.issuer = Some(value),
                "error" => answer.error = Some(value),
                _ => {}
            }
            known.push(key);
        }
        if answer.code.is_some() && answer.error.is_some() {
            return Err(failed("the provider's answer says yes and no"));
        }
        answer.state = state.ok_or_else(|| failed("the provider's answer names no sign-in"))?;
        Ok(answer)
    }
}

fn provider(one: ProviderSettings, site_url: &str, clock: &Clock) -> Result<Provider, SetupError> {
    let secret = std::fs::read_to_string(&one.secret_file).map_err(|fault| {
        let said = fault.to_string().to_lowercase();
        SetupError::in_file(
            &one.secret_file,
            format!("the client's secret cannot be read: {said}"),
        )
    })?;
    let settings = SignInSettings {
        issuer: one.issuer,
        client_id: one.client_id,
        name_claim: one.name_claim,
        groups_claim: one.groups_claim,
        scopes: one.scopes,
        redirect_url: format!("{site_url}/.stile/callback"),
    };
    Provider::build(
        settings,
        Secret::new(secret.trim().to_owned()),
        clock.clone(),
    )
}

fn failed(why: &str) -> Refusal {
    Refusal::new(Reason::LoginFailed).telling(format!("{why}: begin again"))
}

/// What a token comes in: beside one a session is a credential too many, and whoever reads tokens says so.
const FIELDS: &[&str] = &["authorization", "lightstep-access-token"];

/// How long somebody may take to sign in at the provider.
const LOGIN_MS: u64 = 10 * 60_000;
