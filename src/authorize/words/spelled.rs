//! Spells names, lists and days as people read them.
//!
//! In: literals and names of policies. Out: words.

use cedar_policy::pst::{Expr, Literal};

use super::MOST_NAMES;

/// What it means that a list of the caller's has a word.
pub(super) fn possessed(attr: &str) -> Option<&'static str> {
    match attr {
        "scopes" => Some("token is for"),
        "roles" => Some("role is"),
        "actors" => Some("acted through"),
        _ => None,
    }
}

pub(super) fn possession(attr: &str) -> Option<&'static str> {
    match attr {
        "scopes" => Some("ask the issuer for a token with that scope"),
        "roles" => Some("ask for that role at the issuer, then get a new token"),
        _ => None,
    }
}

pub(super) fn environment(attr: &str) -> Option<&'static str> {
    ["environment", "deployment_tier"]
        .contains(&attr)
        .then_some("set `environment` on the job and protect that environment")
}

/// The ids of an entity or of a list of entities.
pub(super) fn ids(expr: &Expr) -> Vec<String> {
    match expr {
        Expr::Literal(Literal::EntityUID(uid)) => vec![uid.eid.to_string()],
        Expr::Set(all) => all.iter().flat_map(|one| ids(one)).collect(),
        _ => Vec::new(),
    }
}

pub(super) fn texts(expr: &Expr) -> Vec<String> {
    match expr {
        Expr::Literal(Literal::String(text)) => vec![text.to_string()],
        Expr::Set(all) => all.iter().flat_map(|one| texts(one)).collect(),
        _ => Vec::new(),
    }
}

/// `a`, `a or b`, `a, b or c`; of a long list the first and how many more.
pub(super) fn one_of(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [most @ .., last] if names.len() <= MOST_NAMES => {
            format!("{} or {last}", most.join(", "))
        }
        [first, second, rest @ ..] => {
            format!("{first}, {second} or one of {} more", rest.len())
        }
    }
}

pub(super) fn worded(attr: &str) -> String {
    match attr {
        "ref" => "branch".to_owned(),
        "ref_type" => "kind of ref".to_owned(),
        other => other.replace('_', " "),
    }
}

/// `MetricDashboard` → `metric dashboard`.
pub(super) fn spaced(kind: &str) -> String {
    let mut words = String::new();
    for letter in kind.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

pub(super) fn a(kind: &str) -> String {
    let word = spaced(kind);
    match word.starts_with(['a', 'e', 'i', 'o', 'u']) {
        true => format!("an {word}"),
        false => format!("a {word}"),
    }
}

pub(super) fn dashed(day: i64) -> String {
    format!(
        "{:04}-{:02}-{:02}",
        day / 10_000,
        day / 100 % 100,
        day % 100
    )
}
