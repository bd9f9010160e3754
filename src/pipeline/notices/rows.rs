//! Says what a notice changes, and what the journal keeps of it.
//!
//! In: who said what. Out: the rows that it puts in or lifts, and the words for its record.
//!
//! A name without an issuer is one at the sender, and at each issuer that the sender speaks for.
//!
//! Never: a row about the people of another issuer; a name of a person for the journal.

use serde_json::{Value, json};

use super::{Declined, Fault, InForce, Taking};
use crate::clock::Time;
use crate::identify::{Notice, What};
use crate::listen::Arrival;
use crate::people::notices::{About, Effect, Heard};
use crate::people::{EndingKind, EndingRow};
use crate::record::frame::{hex, sha256};
use crate::refusal::{Reason, Refusal};

/// The rows that a notice puts in, or lifts.
pub(super) fn rows_of(
    in_force: &InForce,
    taking: &Taking,
    notice: &Notice,
    heard: &Heard,
    now: Time,
) -> Result<Vec<EndingRow>, Declined> {
    let issuers = &in_force.ruling.issuers;
    let mut own: Vec<String> = vec![notice.issuer_url.clone()];
    if let Some(settings) = taking.of(&notice.issuer) {
        let also = settings.also.iter();
        own.extend(
            also.filter_map(|name| issuers.url_of(name))
                .map(str::to_owned),
        );
    }
    let kind = match heard.effect {
        Effect::Disable | Effect::Enable => EndingKind::Disabled,
        Effect::End | Effect::Nothing(_) => EndingKind::End,
    };
    let session_ms = taking.people.settings().session_longest_ms;
    let row = |about: &About, issuer_url: &String| EndingRow {
        what: about.what,
        issuer_url: issuer_url.clone(),
        value: about.value.clone(),
        kind,
        at: notice.issued,
        why: heard.event.clone(),
        by: notice.issuer.clone(),
        said: now,
        needed_until: notice
            .issued
            .max(now)
            .plus_ms(issuers.longest_ms(issuer_url).unwrap_or(0).max(session_ms)),
    };
    let mut rows = Vec::new();
    for about in &heard.about {
        match &about.issuer_url {
            None => rows.extend(own.iter().map(|url| row(about, url))),
            Some(url) if own.contains(url) => rows.push(row(about, url)),
            Some(_) => {
                let why = "it is about another issuer's people than the sender speaks for";
                let refusal = Refusal::new(Reason::UnknownIssuer).telling(why).noting(why);
                let fault = Fault::Foreign;
                return Err(Declined { refusal, fault });
            }
        }
    }
    Ok(rows)
}

/// What the journal keeps of a notice: no name of a person.
pub(super) fn detail_of(
    arrival: &Arrival,
    notice: &Notice,
    heard: &Heard,
    rows: &[EndingRow],
) -> Vec<(&'static str, Value)> {
    let about = |row: &EndingRow| {
        let digest = digest_of(row.what, &row.issuer_url, &row.value);
        format!("{} {digest}", row.what.word())
    };
    let about: Vec<String> = rows.iter().take(MOST_TOLD).map(about).collect();
    let (effect, why) = match heard.effect {
        Effect::End => ("end", None),
        Effect::Disable => ("disable", None),
        Effect::Enable => ("enable", None),
        Effect::Nothing(why) => ("none", Some(why)),
    };
    let mut detail = vec![
        ("about", json!(about.join("; "))),
        ("effect", json!(effect)),
        ("event", json!(heard.event)),
        ("id", json!(arrival.id().to_string())),
        ("issuer", json!(notice.issuer)),
        ("notice", json!(hex(&sha256(&[notice.id.as_bytes()])))),
    ];
    if let Some(why) = why {
        detail.push(("why", json!(why)));
    }
    detail
}

/// How the journal names whom an ending is about: whoever knows the name can find it, and nobody reads
/// it there.
pub fn digest_of(what: What, issuer_url: &str, value: &str) -> String {
    let value = what.spelled(value);
    let parts = [
        what.word().as_bytes(),
        b"\0",
        issuer_url.as_bytes(),
        b"\0",
        value.as_bytes(),
    ];
    let mut digest = hex(&sha256(&parts));
    digest.truncate(DIGEST_DIGITS);
    digest
}

const MOST_TOLD: usize = 20;
/// 64 bits: enough to find one among millions.
const DIGEST_DIGITS: usize = 16;
