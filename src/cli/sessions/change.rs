//! `stile sessions end`, `block` and `unblock`: change who is ended.
//!
//! In: an issuer, a name at it, a reason. Out: the change in the database, and what happens next.
//!
//! The moment of an end is of this machine's clock, and tokens bear that of their issuer, which may be
//! ahead by as much as is allowed for. So an end lies that much ahead, and who signs in again within it
//! is asked once more: the other side to err on would be a token that outlives its end.

use super::About;
use crate::cli::Exit;
use crate::cli::settings_file::SettingsFile;
use crate::cli::terminal::{Paint, Terminal};
use crate::cli::trouble::Trouble;
use crate::clock::{Clock, Time};
use crate::config::Settings;
use crate::database::DatabaseError;
use crate::identify::{LEEWAY_MS, What};
use crate::people::endings::{add, lift};
use crate::people::{EndingKind, EndingRow, PeopleSettings, Store};
use crate::setup_error::SetupError;

/// An issuer and how long its tokens are accepted at most.
struct Issuer {
    url: String,
    longest_ms: u64,
}

/// Ends what was issued until now.
pub(super) fn end(
    about: &About,
    why: &str,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let said = put(about, why, EndingKind::End, file)?;
    terminal.verdict("ENDED", Paint::Green, said)?;
    terminal.say(
        "every instance of these people obeys within 1 s: what was issued until now gets 401 \
         `ended`, and requests in flight are cut",
    );
    Ok(Exit::Yes)
}

/// Takes nothing any more.
pub(super) fn block(
    about: &About,
    why: &str,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let said = put(about, why, EndingKind::Block, file)?;
    terminal.verdict("BLOCKED", Paint::Green, said)?;
    terminal.say("every instance of these people obeys within 1 s: all of it gets 401 `ended`");
    Ok(Exit::Yes)
}

/// Takes a block back.
pub(super) fn unblock(
    about: &About,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let settings = file.load()?;
    let people = people_of(&settings)?;
    let (what, value) = named(about)?;
    let issuer = issuer_of(&settings, people, &about.issuer)?;
    let lifted = Store::open(&people.database).and_then(|mut store| {
        store.change(|database| {
            let key = (what, issuer.url.as_str(), value);
            let ours = lift(database, key, EndingKind::Block)?;
            let theirs = lift(database, key, EndingKind::Disabled)?;
            Ok(ours || theirs)
        })
    });
    let said = shown(what, value, &about.issuer);
    if !lifted.map_err(|fault| unreachable(&fault))? {
        let said = format!("{said} is not blocked; nothing changed");
        terminal.verdict("NOT BLOCKED", Paint::Yellow, said)?;
        return Ok(Exit::No);
    }
    terminal.verdict("UNBLOCKED", Paint::Green, said)?;
    terminal.say("what was issued before an end stays ended");
    Ok(Exit::Yes)
}

fn put(about: &About, why: &str, kind: EndingKind, file: &SettingsFile) -> Result<String, Trouble> {
    if why.trim().is_empty() || why.len() > LONGEST_WHY_BYTES {
        let fault = SetupError::new("the reason must say something, in at most 500 bytes");
        return Err(Trouble::input(fault.hint("--why 'left the company'")));
    }
    let settings = file.load()?;
    let people = people_of(&settings)?;
    let (what, value) = named(about)?;
    let issuer = issuer_of(&settings, people, &about.issuer)?;
    let now = Clock::machine().now();
    let at = now.plus_ms(LEEWAY_MS);
    let row = EndingRow {
        what,
        issuer_url: issuer.url,
        value: value.to_owned(),
        kind,
        at,
        why: why.to_owned(),
        by: "operator".to_owned(),
        said: now,
        needed_until: at.plus_ms(issuer.longest_ms),
    };
    written(people, row, now).map_err(|fault| unreachable(&fault))?;
    Ok(shown(what, value, &about.issuer))
}

fn written(people: &PeopleSettings, row: EndingRow, now: Time) -> Result<(), DatabaseError> {
    let mut store = Store::open(&people.database)?;
    store.change(|database| add(database, &[row], now))
}

fn named(about: &About) -> Result<(What, &str), Trouble> {
    let said = about.named.said();
    let said = said.filter(|(_, value)| !value.is_empty() && value.len() <= LONGEST_VALUE_BYTES);
    said.ok_or_else(|| {
        let fault = SetupError::new("whom it is about must say something, in at most 1 KiB");
        Trouble::input(fault.hint("stile sessions end --issuer okta --subject dana@example.com"))
    })
}

pub(super) fn people_of(settings: &Settings) -> Result<&PeopleSettings, Trouble> {
    settings.people.as_ref().ok_or_else(|| {
        let fault = SetupError::new("the settings keep nothing of people");
        Trouble::input(fault.hint("set `people: {}`, or where its database is, and restart stile"))
    })
}

fn issuer_of(settings: &Settings, people: &PeopleSettings, name: &str) -> Result<Issuer, Trouble> {
    let issuers = settings.issuers.iter().map(|one| {
        let longest_s = one.longest_lifetime_s.min(one.longest_age_s);
        (&one.name, one.url.clone(), longest_s.saturating_mul(1000))
    });
    let workloads = settings.workloads.iter();
    let workloads = workloads.map(|one| (&one.name, one.names.url(), one.longest_lifetime_ms));
    let mut known = issuers.chain(workloads);
    let found = known.find(|(known, ..)| *known == name);
    let Some((_, url, longest_ms)) = found else {
        let names = settings.issuers.iter().map(|one| one.name.as_str());
        let names = names.chain(settings.workloads.iter().map(|one| one.name.as_str()));
        let fault = SetupError::new(format!("no issuer is named `{name}`"));
        return Err(Trouble::input(fault.did_you_mean(name, names)));
    };
    let longest_ms = longest_ms.max(people.session_longest_ms) + 2 * LEEWAY_MS;
    Ok(Issuer { url, longest_ms })
}

pub(super) fn unreachable(fault: &DatabaseError) -> Trouble {
    let fault = SetupError::new(format!("the database of people: {fault}"));
    Trouble::Unknown(fault.hint("nothing changed; run it where the database can be reached"))
}

fn shown(what: What, value: &str, issuer: &str) -> String {
    format!("{} `{}` of {issuer}", what.word(), value.escape_debug())
}

const LONGEST_WHY_BYTES: usize = 500;
const LONGEST_VALUE_BYTES: usize = 1024;

pub(super) const END_EXAMPLES: &str = "\
Examples:
  stile sessions end --issuer okta --subject dana@example.com --why 'lost her laptop, ticket 4711'
  stile sessions end --issuer gitlab --group acme/shop --why 'runner was taken over'
  stile sessions end --issuer okta --token \"$TOKEN_FP\" --why 'leaked in a log'

Obeyed within a second by every instance that shares the database, also by requests in flight. A
fingerprint of a record ends its token at the instance whose record it is; the id and the SHA-256 of a
token end it everywhere. Exits with 0, with 2 when the settings keep nothing of people or have no such
issuer, with 3 when the database does not answer.";

pub(super) const BLOCK_EXAMPLES: &str = "\
Examples:
  stile sessions block --issuer okta --subject dana@example.com --why 'left the company'
  stile sessions block --issuer gitlab --group acme/old --why 'archived'

Exits as `stile sessions end`.";

pub(super) const UNBLOCK_EXAMPLES: &str = "\
Examples:
  stile sessions unblock --issuer okta --subject dana@example.com

Exits with 0, with 1 when it was not blocked.";
