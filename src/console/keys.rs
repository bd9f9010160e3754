//! Keys: those that tokens are verified with, and how old those are that upstreams are shown.
//!
//! In: how key sets and upstreams stand. Out: what `stile keys` shows. No key is on the page: of an
//! issuer's there is what it publishes to the world, of an upstream's its age.

use askama::Template;
use serde::Serialize;

use super::frame::{Frame, Made};
use super::texts::{shown, span};
use super::view::View;
use crate::admin::{IssuerKeys, KeysPage, UpstreamKey};
use crate::refusal::Refusal;

/// The page.
#[derive(Template, Serialize)]
#[template(path = "keys.html")]
struct Keys {
    #[serde(skip)]
    frame: Frame,
    issuers: Vec<IssuerKeys>,
    upstreams: Vec<UpstreamKey>,
}

pub(super) fn page(view: &View<'_>) -> Result<Made, Refusal> {
    view.pairs().only(&["tz"])?;
    let ruling = &view.looking.ruling;
    let keys = KeysPage::of(ruling.issuers.states());
    let KeysPage {
        mut issuers,
        upstreams,
    } = keys.and_upstreams(&ruling.upstreams.states(), view.now());
    for key in issuers.iter_mut().flat_map(|issuer| &mut issuer.keys) {
        key.kid = shown(&key.kid, 120);
    }
    let page = Keys {
        frame: Frame::of(view, "Keys"),
        issuers,
        upstreams,
    };
    Made::of(view, &page)
}

impl Keys {
    fn age(&self, seconds: &Option<u64>) -> String {
        seconds.map_or_else(|| "–".to_owned(), span)
    }

    /// The word with its sign.
    fn word(&self, state: &str) -> String {
        match state {
            "fresh" | "file" | "used" => format!("{} +", state.to_uppercase()),
            "stale" | "due" | "fault" => format!("{} !", state.to_uppercase()),
            other => format!("{} x", other.to_uppercase()),
        }
    }

    fn class(&self, state: &str) -> &'static str {
        match state {
            "fresh" | "file" | "used" => "good",
            "stale" | "due" | "fault" => "odd",
            _ => "bad",
        }
    }
}
