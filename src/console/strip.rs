//! Says on every page how stile stands: one cell for each part, each a word and, where the caller may
//! open it, a link.
//!
//! In: a look. Out: [`Cell`]s. Names and reasons are for those who may look at `console.integrity`;
//! everybody else is told the word.

use serde::Serialize;

use super::texts::{grouped, shown, span};
use super::view::View;
use crate::admin::{Readiness, Standing};
use crate::authorize::Mode;
use crate::resolve::Scope;

/// One part.
#[derive(Debug, Serialize)]
pub(super) struct Cell {
    /// What it is about: `policy`.
    pub(super) about: &'static str,
    /// How it stands, in a word: `OK`.
    pub(super) word: &'static str,
    /// The colour that says the same.
    pub(super) class: &'static str,
    /// More, for those who may know.
    pub(super) detail: String,
    #[serde(skip)]
    pub(super) href: Option<String>,
}

/// Every part.
pub(super) fn strip(view: &View<'_>) -> Vec<Cell> {
    let may_know = view.may("console.integrity", Scope::Everything);
    let link = |page: &str| Some(view.href_in(page, Scope::Everything, &[])).filter(|_| may_know);
    let mut cells = vec![policy(view), mode(view)];
    if let Some(readiness) = view.readiness() {
        cells.push(Cell {
            href: link("/integrity"),
            ..audit(&readiness, may_know)
        });
        let issuers = readiness
            .keys
            .iter()
            .map(|one| (one.issuer.as_str(), one.state));
        cells.push(Cell {
            href: link("/keys"),
            ..parts("identity", "key sets", issuers, may_know)
        });
        let upstreams = readiness.upstreams.iter();
        let upstreams = upstreams.map(|one| (one.upstream.as_str(), one.state));
        cells.push(Cell {
            href: link("/keys"),
            ..parts("upstreams", "upstreams", upstreams, may_know)
        });
    }
    cells
}

fn policy(view: &View<'_>) -> Cell {
    let policies = view.policies();
    let age = view.now().ms_since(policies.loaded()) / 1000;
    let may = view.may("console.policy", Scope::Everything);
    Cell {
        about: "policy",
        word: "TESTED",
        class: "good",
        detail: format!(
            "{}, {} cases, loaded {} ago",
            policies.short_digest(),
            grouped(policies.cases() as u64),
            span(age)
        ),
        href: may.then(|| view.href_in("/policy", Scope::Everything, &[])),
    }
}

fn mode(view: &View<'_>) -> Cell {
    let (word, class, detail) = match view.policies().mode() {
        Mode::Enforce => ("ENFORCE", "good", ""),
        Mode::Observe => (
            "OBSERVE !",
            "odd",
            "what nothing allows passes all the same",
        ),
    };
    let may = view.may("console.policy", Scope::Everything);
    Cell {
        about: "mode",
        word,
        class,
        detail: detail.to_owned(),
        href: may.then(|| view.href_in("/policy", Scope::Everything, &[])),
    }
}

fn audit(readiness: &Readiness, may_know: bool) -> Cell {
    let journal = &readiness.journal;
    let (word, class) = match journal.state {
        Standing::Ready if journal.signed > 0 => ("SIGNED", "good"),
        Standing::Ready => ("RECORDING", "good"),
        Standing::Degraded => ("LATE !", "odd"),
        Standing::NotReady => ("STOPPED x", "bad"),
    };
    let detail = match (may_know, journal.fault) {
        (false, _) => String::new(),
        (true, Some(fault)) => fault.to_owned(),
        (true, None) => format!(
            "to {} of {}",
            grouped(journal.signed),
            grouped(journal.records)
        ),
    };
    Cell {
        about: "audit",
        word,
        class,
        detail,
        href: None,
    }
}

fn parts<'s>(
    about: &'static str,
    all: &str,
    each: impl Iterator<Item = (&'s str, Standing)>,
    may_know: bool,
) -> Cell {
    let each: Vec<(&str, Standing)> = each.collect();
    let worst = each.iter().map(|(_, state)| *state).max();
    let (word, class) = match worst {
        Some(Standing::Ready) | None => ("OK", "good"),
        Some(Standing::Degraded) => ("LOOK !", "odd"),
        Some(Standing::NotReady) => ("DOWN x", "bad"),
    };
    let troubled = each.iter().filter(|(_, state)| *state != Standing::Ready);
    let troubled: Vec<String> = troubled.map(|(name, _)| shown(name, 40)).collect();
    let detail = match (may_know, troubled.is_empty()) {
        (false, _) => String::new(),
        (true, true) => format!("{} {all}", each.len()),
        (true, false) => troubled.join(", "),
    };
    Cell {
        about,
        word,
        class,
        detail,
        href: None,
    }
}
