//! `stile keys upstreams`: shows how old the keys are that upstreams are shown.
//!
//! In: a running stile. Out: one row for each key of each upstream, and what is wrong with it.
//!
//! Never: a key, or a part of one.

use super::{age, running};
use crate::admin::UpstreamKey;
use crate::cli::Exit;
use crate::cli::asked;
use crate::cli::settings_file::SettingsFile;
use crate::cli::table::{Format, Table};
use crate::cli::terminal::Terminal;
use crate::cli::trouble::Trouble;
use crate::setup_error::SetupError;

pub(super) fn list(file: &SettingsFile, terminal: &mut Terminal) -> Result<Exit, Trouble> {
    let page = running(&asked::admin_url(None, file.load()?.admin)?)?;
    terminal.table(&rows(&page.upstreams, terminal.format() == Format::Table))?;
    let mut told: Vec<&String> = Vec::new();
    for key in &page.upstreams {
        let Some(fault) = key.fault.as_ref().filter(|fault| !told.contains(fault)) else {
            continue;
        };
        told.push(fault);
        let what = format!("upstream `{}`: no new key: {fault}", key.upstream);
        terminal.warn(&SetupError::new(what).hint("the key before is used meanwhile"));
    }
    Ok(match page.upstreams.iter().all(|key| key.state == "used") {
        true => Exit::Yes,
        false => Exit::No,
    })
}

fn rows(keys: &[UpstreamKey], for_people: bool) -> Table {
    let mut table = Table::new(match for_people {
        true => &["upstream", "whose", "state", "age", "last used", "due in"],
        false => &["upstream", "whose", "state", "age_s", "used_s", "due_s"],
    });
    for key in keys {
        let whose = match (for_people, key.whose.is_empty()) {
            (true, true) => "everybody else's".to_owned(),
            _ => key.whose.clone(),
        };
        let mut row = vec![
            key.upstream.clone().into(),
            whose.into(),
            key.state.clone().into(),
        ];
        row.extend(match for_people {
            true => [
                key.age_s.map(age).into(),
                key.used_s
                    .map_or("never".to_owned(), |s| format!("{} ago", age(s)))
                    .into(),
                key.due_s.map(age).into(),
            ],
            false => [key.age_s.into(), key.used_s.into(), key.due_s.into()],
        });
        table.row(row);
    }
    table
}

pub(super) const EXAMPLES: &str = "\
Examples:
  stile keys upstreams                   which key is how old, and when it was last used
  stile keys upstreams --format json | jq '.[] | select(.state == \"due\")'

`used` is as it should be, `due` older than `rotate_after`, `fault` one whose program gives no new one.
Ages are counted from when the file was written; last used is since the running stile started.

Exits with 0 when no key is due or at fault, with 1 when one is, with 3 when stile cannot be asked.";
