//! `stile sessions list`: shows who has signed in.
//!
//! In: the database of people. Out: a row for each session that has not ended by itself, the newest first.
//!
//! Never: what opens a session; its short name here is a digest.

use super::change::{people_of, unreachable};
use super::listed::moment;
use crate::cli::Exit;
use crate::cli::settings_file::SettingsFile;
use crate::cli::table::{Format, Table};
use crate::cli::terminal::Terminal;
use crate::cli::trouble::Trouble;
use crate::clock::Clock;
use crate::people::{Store, sessions};

pub(super) fn list(file: &SettingsFile, terminal: &mut Terminal) -> Result<Exit, Trouble> {
    let settings = file.load()?;
    let people = people_of(&settings)?;
    let now = Clock::machine().now();
    let all = Store::open(&people.database)
        .and_then(|mut store| sessions::all(&mut store, now, people.session_idle_ms));
    let for_people = terminal.format() == Format::Table;
    let told = |text: String| match for_people {
        true => text.escape_debug().to_string(),
        false => text,
    };
    let mut table = Table::new(&HEADING);
    for one in all.map_err(|fault| unreachable(&fault))? {
        table.row(vec![
            one.id.into(),
            one.person.issuer.into(),
            told(one.person.name).into(),
            told(one.person.subject).into(),
            one.person.session_id.map(told).into(),
            moment(one.begun).into(),
            moment(one.seen).into(),
            moment(one.ends).into(),
        ]);
    }
    terminal.table(&table)?;
    Ok(Exit::Yes)
}

const HEADING: [&str; 8] = [
    "id", "issuer", "name", "subject", "session", "begun", "used", "ends",
];

pub(super) const EXAMPLES: &str = "\
Examples:
  stile sessions list
  stile sessions list --format json | jq -r '.[] | select(.name == \"dana@example.com\") | .session'

`session` is the one at the provider, which `stile sessions end --session` takes. Who was ended stands
here until the session is over by itself; `stile sessions endings` says who that is. Exits with 0, with 3
when the database does not answer.";
