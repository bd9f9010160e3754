//! A refusal in one sentence.
//!
//! In: a [`Refusal`]. Out: what happened, why, and what would help, for one line of a terminal.
//!
//! `job acme/shop/api on feat/x may not streams.create in project X: the branch is not protected.
//! Fix: run on a protected branch`
//!
//! Never: a control character, a line break, a double quote; a program that quotes the sentence
//! again (Go's `%q`) leaves it readable.

use super::{Check, Explanation, Reason, Refusal};

/// The sentence, at most [`SENTENCE_BYTES`] long.
pub(super) fn of(refusal: &Refusal) -> String {
    let sentence = match refusal.explanation() {
        Some(explanation) => explained(refusal, explanation),
        None => refusal.told().to_owned(),
    };
    plain(&sentence, SENTENCE_BYTES)
}

/// A few words above the sentence.
pub(super) fn title(reason: Reason) -> &'static str {
    match (reason.status().as_u16(), reason) {
        (401, Reason::NoCredential) => "Token required",
        (401, _) => "Token not accepted",
        (403, _) => "Denied by stile",
        (404, _) => "Unknown operation",
        (502 | 504, _) => "Upstream failed",
        (503, _) => "Not available at the moment",
        _ => "Refused by stile",
    }
}

/// Text as it may be shown to anyone: one line, nothing invisible, nothing that JSON or `%q` would
/// have to escape, cut with `...`.
pub(crate) fn plain(text: &str, most_bytes: usize) -> String {
    let mut plain = String::with_capacity(text.len().min(most_bytes));
    for c in text.chars() {
        let shown = match c {
            '"' => '\'',
            '\\' => '?',
            c if c.is_control() || is_invisible(c) => '?',
            c => c,
        };
        if plain.len() + shown.len_utf8() > most_bytes {
            plain.push_str("...");
            break;
        }
        plain.push(shown);
    }
    plain
}

fn explained(refusal: &Refusal, explanation: &Explanation) -> String {
    let mut sentence = match is_whole(refusal.told(), explanation) {
        true => refusal.told().to_owned(),
        false => whole(refusal, explanation),
    };
    if let Some(fix) = &explanation.fix {
        sentence.push_str(". Fix: ");
        sentence.push_str(fix);
    }
    sentence
}

/// Whether the refusing step told who, what and why already.
fn is_whole(told: &str, explanation: &Explanation) -> bool {
    !explanation.who.is_empty() && told.starts_with(&explanation.who)
}

fn whole(refusal: &Refusal, explanation: &Explanation) -> String {
    let who = plain(&explanation.who, PART_BYTES);
    let action = plain(&explanation.action, PART_BYTES);
    let on = plain(&explanation.on, PART_BYTES);
    let on = match (on.is_empty(), on.starts_with("project ")) {
        (true, _) => on,
        (false, true) => format!(" in {on}"),
        (false, false) => format!(" on {on}"),
    };
    format!("{who} may not {action}{on}: {}", why(refusal, explanation))
}

/// What the refusing step said, or else the first check that failed.
fn why(refusal: &Refusal, explanation: &Explanation) -> String {
    let failed = explanation.checks.iter().find(|check| !check.ok);
    match failed {
        Some(check) if refusal.told() == refusal.reason().sentence() => negated(check),
        _ => refusal.told().to_owned(),
    }
}

/// `branch is protected` as `the branch is not protected`.
fn negated(check: &Check) -> String {
    match check.check.split_once(" is ") {
        Some((what, how)) => format!("the {what} is not {how}"),
        None => format!("this does not hold: {}", check.check),
    }
}

/// Characters that turn or hide what stands beside them.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The longest sentence, in bytes.
const SENTENCE_BYTES: usize = 600;

/// The longest name inside a sentence, in bytes.
const PART_BYTES: usize = 120;
