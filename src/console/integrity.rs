//! Integrity: how far the journal is signed, anchored, searched and handed on.
//!
//! In: how the instance stands. Out: the same numbers as readiness has, in words.
//!
//! What this page cannot say is that the journal is whole: who wrote it cannot vouch for it. It names the
//! commands by which anybody else finds out.

use askama::Template;
use serde::Serialize;

use super::frame::{Frame, Made, Stamp};
use super::texts::{grouped, shown, span};
use super::view::View;
use crate::admin::{Readiness, Standing};
use crate::clock::Time;
use crate::refusal::{Reason, Refusal};

/// The page.
#[derive(Template, Serialize)]
#[template(path = "integrity.html")]
struct Integrity {
    #[serde(skip)]
    frame: Frame,
    state: &'static str,
    #[serde(skip)]
    class: &'static str,
    fault: Option<String>,
    records: u64,
    signed: u64,
    anchored: u64,
    exposure_s: u64,
    waiting: usize,
    anchors: Vec<Anchor>,
    index: Option<Reader>,
    leaving: Vec<Reader>,
    #[serde(skip)]
    drawing: String,
}

/// One who keeps checkpoints outside.
#[derive(Serialize)]
struct Anchor {
    name: String,
    state: &'static str,
    #[serde(skip)]
    class: &'static str,
    answered: Option<Stamp>,
    fault: String,
}

/// One who takes over records.
#[derive(Serialize)]
struct Reader {
    name: String,
    state: &'static str,
    #[serde(skip)]
    class: &'static str,
    records: u64,
    behind: u64,
    fault: String,
}

pub(super) fn page(view: &View<'_>) -> Result<Made, Refusal> {
    view.pairs().only(&["tz"])?;
    let Some(readiness) = view.readiness() else {
        return Err(Refusal::new(Reason::Overloaded).telling("stile is still starting"));
    };
    let Readiness {
        journal,
        index,
        leaving,
        ..
    } = readiness;
    let text = |fault: Option<String>| fault.map_or_else(String::new, |fault| shown(&fault, 300));
    let (state, class) = word(journal.state);
    let fault = journal.fault.map(str::to_owned).or(journal.tree_fault);
    let index = index.map(|index| {
        let (state, class) = word(index.state);
        Reader {
            name: "index".to_owned(),
            state,
            class,
            records: index.records,
            behind: index.behind,
            fault: text(index.fault),
        }
    });
    let leaving = leaving.into_iter().map(|one| {
        let (state, class) = word(one.state);
        Reader {
            name: format!("{} ({})", shown(&one.to, 60), one.kind),
            state,
            class,
            records: one.records,
            behind: one.behind,
            fault: text(one.fault),
        }
    });
    let anchors = journal.anchors.into_iter().map(|one| {
        let (state, class) = word(one.state);
        Anchor {
            name: shown(&one.anchor, 100),
            state,
            class,
            answered: one.answered_ms.map(|ms| Stamp::of(view, Time::from_ms(ms))),
            fault: text(one.fault),
        }
    });
    let page = Integrity {
        frame: Frame::of(view, "Integrity"),
        state,
        class,
        fault: fault.map(|fault| shown(&fault, 300)),
        records: journal.records,
        signed: journal.signed,
        anchored: journal.anchored,
        exposure_s: journal.exposure_s,
        waiting: journal.waiting,
        anchors: anchors.collect(),
        index,
        leaving: leaving.collect(),
        drawing: drawn(journal.records, journal.signed, journal.anchored),
    };
    Made::of(view, &page)
}

impl Integrity {
    fn grouped(&self, number: &u64) -> String {
        grouped(*number)
    }

    fn span(&self, seconds: &u64) -> String {
        span(*seconds)
    }
}

/// How far each goes: three bars, one under another.
fn drawn(records: u64, signed: u64, anchored: u64) -> String {
    let mut out = format!(
        "<svg viewBox=\"0 0 1000 66\" class=\"far\" role=\"img\" preserveAspectRatio=\"none\" \
         aria-labelledby=\"far far-desc\"><title id=\"far\">How far the journal is signed and anchored\
         </title><desc id=\"far-desc\">Of {} records {} are signed and {} anchored.</desc>",
        grouped(records),
        grouped(signed),
        grouped(anchored)
    );
    for (at, count) in [records, signed, anchored].into_iter().enumerate() {
        let width = count.saturating_mul(1000) / records.max(1);
        let y = at * 22;
        out.push_str(&format!(
            "<rect class=\"room\" x=\"0\" y=\"{y}\" width=\"1000\" height=\"18\"/>\
             <rect class=\"came\" x=\"0\" y=\"{y}\" width=\"{width}\" height=\"18\"/>"
        ));
    }
    out.push_str("</svg>");
    out
}

/// The word with its sign, and the colour that says the same.
pub(super) fn word(state: Standing) -> (&'static str, &'static str) {
    match state {
        Standing::Ready => ("OK +", "good"),
        Standing::Degraded => ("LOOK !", "odd"),
        Standing::NotReady => ("DOWN x", "bad"),
    }
}
