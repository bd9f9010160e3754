//! Looks at the issuers: the clock against theirs, their keys, and whom their tokens are made for.
//!
//! In: how the key sets stand after a fetch from here. Out: findings.

use super::Finding;
use crate::cli::keys::age;
use crate::config::Settings;
use crate::identify::{Freshness, KeySetState};

/// The clock of this machine, against what the issuers say in `date`.
pub(super) fn clock(states: &[KeySetState]) -> Finding {
    let said = states
        .iter()
        .filter_map(|state| Some((state.clock_ahead_s?, &state.issuer)));
    let Some((ahead_s, issuer)) = said.max_by_key(|(ahead_s, _)| ahead_s.unsigned_abs()) else {
        return Finding::unknown(
            "clock",
            "no issuer said what time it is",
            "compare it by hand: tokens allow 30 s",
        );
    };
    let apart_s = ahead_s.unsigned_abs();
    let way = match ahead_s {
        0.. => "ahead of",
        _ => "behind",
    };
    let found = format!("the clock of {issuer} is {} {way} ours", age(apart_s));
    match apart_s {
        0..=LEEWAY_S => Finding::yes("clock", found),
        _ => Finding::no(
            "clock",
            format!("{found}, and tokens allow 30 s"),
            "let this machine follow a time server: `timedatectl` shows whether it does",
        ),
    }
}

/// Discovery and keys of one issuer.
pub(super) fn keys(state: &KeySetState) -> Finding {
    let check = format!("issuer {}", state.issuer);
    let used = state.keys;
    let not_used = state.listed.len().saturating_sub(used);
    let rest = match not_used {
        0 => String::new(),
        n => format!(", {n} not used (`stile keys --fetch` says why)"),
    };
    if let (Some(fault), advice) = (state.last_fault, state.advice.unwrap_or_default()) {
        let url = state.fault_url.as_deref().unwrap_or(&state.source);
        let found = format!("{fault}: {url}");
        return match OUT_OF_REACH.contains(&fault) {
            true => Finding::unknown(check, found, advice),
            false => Finding::no(check, found, advice),
        };
    }
    match (state.freshness, used) {
        (Freshness::None, _) => Finding::unknown(
            check,
            "it was not asked",
            "try again; if it stays, `stile keys --fetch` says more",
        ),
        (_, 0) => Finding::no(
            check,
            format!("it publishes no key that can be used{rest}"),
            "its operator must publish RSA of 2048 bits and more, P-256, P-384 or Ed25519",
        ),
        (Freshness::File, _) => Finding::yes(
            check,
            format!("{used} keys used{rest}, from {}", state.source),
        ),
        (Freshness::Fresh | Freshness::Stale, _) => {
            let url = state.keys_url.as_deref().unwrap_or(&state.source);
            let found = format!("it names itself as set; {used} keys used{rest}, from {url}");
            Finding::yes(check, found)
        }
    }
}

/// Whether audiences are such that no token made for another door opens this one.
pub(super) fn audiences(settings: &Settings) -> Vec<Finding> {
    let of_upstream = |audience: &str| {
        let same = |url: &http::Uri| {
            url.to_string().trim_end_matches('/') == audience.trim_end_matches('/')
        };
        settings.upstreams.iter().any(|one| same(&one.url))
    };
    let one = |issuer: &crate::identify::IssuerSettings| {
        let check = format!("audience of {}", issuer.name);
        let shown = issuer.audiences.join(", ");
        if let Some(audience) = issuer.audiences.iter().find(|a| of_upstream(a)) {
            let found = format!("`{audience}` is an upstream, whose tokens would open this too");
            return Finding::no(check, found, NAME_THIS_PROXY);
        }
        let general = |audience: &&String| {
            GENERAL.contains(&audience.as_str()) || audience.ends_with("/userinfo")
        };
        match issuer.audiences.iter().find(general) {
            Some(audience) => Finding::no(
                check,
                format!("`{audience}` is in tokens that were asked for without this proxy in mind"),
                NAME_THIS_PROXY,
            ),
            None => Finding::yes(check, shown),
        }
    };
    settings.issuers.iter().map(one).collect()
}

/// Of a machine that does not answer, nothing is known.
const OUT_OF_REACH: &[&str] = &["unknown_name", "unreachable", "timed_out"];
/// What issuers put into tokens by themselves, and what everybody calls their first service.
const GENERAL: &[&str] = &["account", "api", "default", "public", "openid", "*"];
const LEEWAY_S: u64 = 30;
const NAME_THIS_PROXY: &str =
    "use the URL of this proxy, in `audiences` and where tokens are asked for";
