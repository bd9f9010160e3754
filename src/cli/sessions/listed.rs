//! `stile sessions endings`: shows who is ended.
//!
//! In: the database of people. Out: a row for each ending, the oldest first.

use super::change::{people_of, unreachable};
use crate::cli::Exit;
use crate::cli::settings_file::SettingsFile;
use crate::cli::table::{Format, Table};
use crate::cli::terminal::Terminal;
use crate::cli::trouble::Trouble;
use crate::clock::{Clock, Time};
use crate::people::endings::rows;
use crate::people::{EndingKind, EndingRow, Store};

pub(super) fn list(file: &SettingsFile, terminal: &mut Terminal) -> Result<Exit, Trouble> {
    let settings = file.load()?;
    let people = people_of(&settings)?;
    let all = Store::open(&people.database).and_then(|mut store| store.read(rows));
    let now = Clock::machine().now();
    let name = |url: &str| {
        let known = settings.issuers.iter().find(|one| one.url == url);
        known.map_or_else(|| url.to_owned(), |one| one.name.clone())
    };
    let for_people = terminal.format() == Format::Table;
    let mut table = Table::new(&HEADING);
    let needed = |row: &EndingRow| row.kind != EndingKind::End || row.needed_until > now;
    for row in all.map_err(|fault| unreachable(&fault))? {
        if !needed(&row) {
            continue;
        }
        let until = (row.kind == EndingKind::End).then(|| moment(row.at));
        let value = match for_people {
            true => row.value.escape_debug().to_string(),
            false => row.value.clone(),
        };
        table.row(vec![
            name(&row.issuer_url).into(),
            row.what.word().into(),
            value.into(),
            row.kind.word().into(),
            until.into(),
            moment(row.said).into(),
            row.by.into(),
            match for_people {
                true => row.why.escape_debug().to_string().into(),
                false => row.why.into(),
            },
        ]);
    }
    terminal.table(&table)?;
    Ok(Exit::Yes)
}

pub(super) fn moment(time: Time) -> String {
    let ms = i64::try_from(time.as_ms()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(ms)
        .unwrap_or_default()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

const HEADING: [&str; 8] = [
    "issuer", "what", "value", "kind", "until", "said", "by", "why",
];

pub(super) const EXAMPLES: &str = "\
Examples:
  stile sessions endings
  stile sessions endings --format json | jq -r '.[] | select(.kind != \"end\") | .value'

`end` ends what was issued until the moment in `until`; `block` is an operator's and `disabled` a
provider's, until they are lifted. Exits with 0, with 3 when the database does not answer.";
