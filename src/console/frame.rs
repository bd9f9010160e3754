//! The frame of every page: head, navigation, status strip; and the answer around it.
//!
//! In: a look, and the page's own value. Out: HTML, or JSON of the same value.
//!
//! The policy in the head lets a page load our style sheet and our script and nothing else, send forms
//! to us alone, and be framed by nobody. Both files have their digest in their name, so that a browser
//! may keep them for ever and a look at ten pages leaves one record of each.
//!
//! CSP level 3; RFC 9111 5.2.2; RFC 8246.

use std::sync::LazyLock;

use askama::Template;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, header};
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::Value;

use super::strip::{Cell, strip};
use super::texts::shown;
use super::view::View;
use super::whole;
use crate::clock::Time;
use crate::forward::ResponseBody;
use crate::identify::Who;
use crate::index::shown_in;
use crate::record::frame::sha256;
use crate::refusal::{Reason, Refusal};

/// What stands around a page.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) title: &'static str,
    pub(super) nav: Vec<Link>,
    pub(super) who: String,
    pub(super) scope: String,
    pub(super) is_narrow: bool,
    pub(super) strip: Vec<Cell>,
    pub(super) zones: Vec<Link>,
    /// The scope as fields of a form.
    pub(super) hidden: Vec<(&'static str, String)>,
    pub(super) twin: String,
    pub(super) now: Stamp,
    pub(super) style: &'static str,
    pub(super) script: &'static str,
    pub(super) icon: &'static str,
    /// Where the page goes on by itself, every few seconds, without a script.
    pub(super) again: Option<String>,
}

/// An address with its words.
#[derive(Debug, Serialize)]
pub(super) struct Link {
    pub(super) words: String,
    pub(super) href: String,
    /// Whether this is where one is.
    pub(super) is_here: bool,
}

/// A moment for people and for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Stamp {
    /// In UTC, for programs.
    pub(super) utc: String,
    /// In the zone of the page.
    pub(super) shown: String,
}

impl Stamp {
    pub(super) fn of(view: &View<'_>, time: Time) -> Stamp {
        let shown = view.time(time);
        Stamp {
            utc: shown_in(time, &TimeZone::UTC),
            // What `2026-11-23T12:04:11Z` says, for eyes.
            shown: shown.replacen('T', " ", 1).replace('Z', " UTC"),
        }
    }
}

impl Frame {
    pub(super) fn of(view: &View<'_>, title: &'static str) -> Frame {
        let here = view.page();
        let link = |words: &str, href: String, is_here: bool| Link {
            words: words.to_owned(),
            href,
            is_here,
        };
        let mut nav = vec![link(
            "You",
            view.href_in("", EVERYTHING, &[]),
            here.is_empty(),
        )];
        for (words, page, action) in PAGES {
            let is_whole = WHOLE.contains(page) && view.scope != EVERYTHING;
            if !is_whole && view.may(action, view.scope) {
                let is_here = here == *page || (*page == "/requests" && here == "/decision");
                nav.push(link(words, view.href(page, &[]), is_here));
            }
        }
        if view.may("deployments.list", EVERYTHING) {
            nav.push(link("Deploys", DEPLOYS.to_owned(), false));
        }
        let zones = ZONES.iter().map(|zone| {
            let here = view.zone_name == *zone;
            link(zone, view.same(view.page(), "tz", zone), here)
        });
        let scope = view.scope.id();
        let hidden = scope.as_deref().and_then(|id| id.split_once(':'));
        let hidden = hidden.map(|(kind, name)| match kind {
            "team" => ("team", name.to_owned()),
            _ => ("project", name.to_owned()),
        });
        let zone = (view.zone_name != "UTC").then(|| ("tz", view.zone_name.to_owned()));
        Frame {
            title,
            nav,
            who: shown(&who(view), 80),
            scope: shown(&view.scope_words(), 120),
            is_narrow: view.scope != EVERYTHING,
            strip: strip(view),
            zones: zones.collect(),

            hidden: hidden.into_iter().chain(zone).collect(),
            twin: view.same(&format!("{here}.json"), "", ""),
            now: Stamp::of(view, view.now()),
            style: STYLE.path,
            script: SCRIPT.path,
            icon: ICON.path,
            again: None,
        }
    }
}

fn who(view: &View<'_>) -> String {
    match &view.looking.principal.facts().who {
        Who::Job(job) => format!("job of {}", job.repository),
        Who::Person(person) => person.name.clone(),
        Who::Agent(agent) => agent.name.clone(),
    }
}

/// A page that was made.
#[derive(Debug)]
pub(super) struct Made(Response<ResponseBody>);

impl Made {
    /// The page, or its twin where that was asked for.
    ///
    /// # Errors
    ///
    /// `internal` where a template cannot be filled, which none of ours does.
    pub(super) fn of<P: Template + Serialize>(view: &View<'_>, page: &P) -> Result<Made, Refusal> {
        let failed = |fault: &dyn std::fmt::Display| {
            Refusal::new(Reason::Overloaded).noting(format!("a page cannot be written: {fault}"))
        };
        if view.is_twin() {
            let mut twin = serde_json::to_value(page).map_err(|fault| failed(&fault))?;
            if let Some(members) = twin.as_object_mut() {
                members.insert("scope".to_owned(), Value::from(view.scope_words()));
                let now = shown_in(view.now(), &TimeZone::UTC);
                members.insert("as_of".to_owned(), Value::from(now));
                let strip = serde_json::to_value(strip(view)).map_err(|fault| failed(&fault))?;
                members.insert("strip".to_owned(), strip);
            }
            return Ok(Made::answered("application/json", whole(twin.to_string())));
        }
        let html = page.render().map_err(|fault| failed(&fault))?;
        Ok(Made::answered("text/html; charset=utf-8", whole(html)))
    }

    /// Something else of a media type.
    pub(super) fn answered(media_type: &'static str, body: ResponseBody) -> Made {
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        for (name, value) in HEADERS {
            headers.insert(name.clone(), HeaderValue::from_static(value));
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        Made(response)
    }

    /// To be kept as a file of this name.
    pub(super) fn named(mut self, name: &str) -> Made {
        let disposition = format!("attachment; filename=\"{name}\"");
        if let Ok(value) = HeaderValue::try_from(disposition) {
            self.0
                .headers_mut()
                .insert(header::CONTENT_DISPOSITION, value);
        }
        self
    }

    pub(super) fn answer(self) -> Response<ResponseBody> {
        self.0
    }
}

/// The style sheet or the script, where the path is one of theirs.
pub(super) fn part(path: &str) -> Option<Response<ResponseBody>> {
    let part = [&*STYLE, &*SCRIPT, &*ICON]
        .into_iter()
        .find(|part| part.path == path)?;
    let mut response = Response::new(ResponseBody::Full(Bytes::from_static(part.text.as_bytes())));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(part.media_type),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(FOR_EVER));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    Some(response)
}

/// A file that pages load.
struct Part {
    path: &'static str,
    text: &'static str,
    media_type: &'static str,
}

impl Part {
    fn of(text: &'static str, ending: &str, media_type: &'static str) -> Part {
        let digest = sha256(&[text.as_bytes()]);
        let digits: String = digest
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        // One for each file and process.
        let path = Box::leak(format!("/.stile/console/{digits}.{ending}").into_boxed_str());
        Part {
            path,
            text,
            media_type,
        }
    }
}

static STYLE: LazyLock<Part> =
    LazyLock::new(|| Part::of(include_str!("style.css"), "css", "text/css; charset=utf-8"));
static SCRIPT: LazyLock<Part> = LazyLock::new(|| {
    Part::of(
        include_str!("live.js"),
        "js",
        "text/javascript; charset=utf-8",
    )
});

static ICON: LazyLock<Part> =
    LazyLock::new(|| Part::of(include_str!("icon.svg"), "svg", "image/svg+xml"));

const EVERYTHING: crate::resolve::Scope<'static> = crate::resolve::Scope::Everything;

/// Words, path and action of each page.
pub(super) const PAGES: &[(&str, &str, &str)] = &[
    ("Requests", "/requests", "console.requests"),
    ("Denied", "/denied", "console.requests"),
    ("Who can", "/who", "console.policy"),
    ("Policy", "/policy", "console.policy"),
    ("Integrity", "/integrity", "console.integrity"),
    ("Keys", "/keys", "console.integrity"),
    ("Export", "/export", "console.export"),
];

/// Pages that have no narrower scope than everything.
pub(super) const WHOLE: &[&str] = &["/policy", "/integrity", "/keys"];

const DEPLOYS: &str = "/.stile/v1/deployments?format=html";

/// The zones that a page offers; any other can be written into the address.
const ZONES: &[&str] = &["UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo"];

const FOR_EVER: &str = "public, max-age=31536000, immutable";

const HEADERS: &[(HeaderName, &str)] = &[
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; \
         form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
];
