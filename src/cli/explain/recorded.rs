//! Explains a decision of the journal.
//!
//! In: a decision's id and the journal. Out: the decision as it was made, and as the policies that
//! are here now would make it, with the reasons.
//!
//! The record holds every input of the decision, so it is asked again exactly; where it does not,
//! because it was cut or is of an older version, that is said and nothing is guessed.
//!
//! Never: writes into the journal, or believes that it is whole: `stile audit verify` says that.

use std::path::Path;

use super::telling::Telling;
use super::{ExplainArguments, decided, emit, ended, exit};
use crate::authorize::Moment;
use crate::cli::Exit;
use crate::cli::loaded;
use crate::cli::settings_file::SettingsFile;
use crate::cli::table::Format;
use crate::cli::terminal::Terminal;
use crate::cli::test::word;
use crate::cli::trouble::Trouble;
use crate::clock::Time;
use crate::record::frame::Kind;
use crate::record::{self, Gap, PastAsked, PastDecision};
use crate::refusal::Reason;
use crate::setup_error::SetupError;
use crate::workbench::Deed;

pub(super) fn run(
    arguments: &ExplainArguments,
    file: &SettingsFile,
    now: Time,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let Ok(id) = uuid::Uuid::try_parse(&arguments.what) else {
        let what = format!("`{}` is not the id of a decision", arguments.what);
        let hint = "an id is in `stile-decision` of every answer; after a method comes a path";
        return Err(Trouble::input(SetupError::new(what).hint(hint)));
    };
    let loaded = loaded::load(file, now)?;
    let folder = arguments.journal.clone();
    let folder = folder.unwrap_or_else(|| loaded.settings.journal.folder.clone());
    let id = id.hyphenated().to_string();
    let payload = found(&folder, &id)?;
    let past = PastDecision::read(&payload).map_err(|why| unreadable(&folder, why))?;
    let asked = match past.asked() {
        Ok(asked) => asked,
        Err(Gap::NotByPolicy) => return ended_early(&past, terminal),
        Err(gap) => {
            let what = format!("decision {id} cannot be asked again: {gap}");
            return Err(Trouble::Unknown(SetupError::new(what)));
        }
    };
    let PastAsked {
        question,
        lacks_email,
    } = asked;
    let Some(moment) = Moment::read(&question.at) else {
        return Err(unreadable(&folder, "it does not say at which minute"));
    };
    let mut resource = question.resource;
    resource.kind = question.kind;
    let deed = Deed {
        action: question.action,
        owner: loaded
            .policies
            .owner(&resource.kind, &resource)
            .map(str::to_owned),
        resource,
        moment,
    };
    let facts = question.facts;
    let decision = decided(&loaded, &facts, &deed)?;
    if lacks_email {
        let what = "the person's e-mail address is not in the record: a rule that reads it does not hold here";
        terminal.warn(&SetupError::new(what));
    }
    let then = past.policy_set.unwrap_or("");
    let other_set = then != loaded.policies.digest();
    if other_set && terminal.format() == Format::Table {
        let then = then.get(7..14).unwrap_or(then);
        terminal.foreign(format_args!(
            "then     {} by set {then}, policies {}",
            past.decision,
            match past.policies().as_slice() {
                [] => "none".to_owned(),
                policies => policies.join(", "),
            }
        ))?;
        let same = past.decision == word(decision.verdict);
        let same = if same {
            "the same answer"
        } else {
            "ANOTHER ANSWER"
        };
        terminal.foreign(format_args!(
            "now      {same} by set {}",
            loaded.policies.short_digest()
        ))?;
    }
    if arguments.emit_binding {
        return emit(&loaded, &facts, &deed, &decision, now, terminal);
    }
    let class = loaded.catalogue.action(&deed.action);
    let telling = Telling {
        facts: &facts,
        deed: &deed,
        class: class.map_or("", |entry| entry.class.word()),
        decision: &decision,
        policies: &loaded.policies,
        folder: &loaded.settings.policies.folder,
        id: Some(&id),
    };
    if terminal.format() == Format::Table {
        telling.tell(terminal)?;
    } else {
        let mut document = telling.document();
        if let Some(members) = document.as_object_mut() {
            members.insert("then".into(), past.decision.into());
            members.insert("then_policies".into(), past.policies().into());
            members.insert("then_policy_set".into(), then.into());
        }
        terminal.json(&document)?;
    }
    Ok(exit(&decision))
}

/// What ended before policies were asked has a reason, and that is all there is to it.
fn ended_early(past: &PastDecision<'_>, terminal: &mut Terminal) -> Result<Exit, Trouble> {
    let word = past.reason.unwrap_or(past.decision);
    let reason = Reason::ALL.iter().find(|reason| reason.word() == word);
    let told = reason.map_or("no policy was asked", |reason| reason.sentence());
    ended(word, told, terminal)?;
    Ok(Exit::No)
}

/// The record of a decision.
fn found(folder: &Path, id: &str) -> Result<Vec<u8>, Trouble> {
    let unread = |error: record::JournalError| Trouble::Unknown(error.to_setup_error());
    if !folder.is_dir() {
        let what = format!("there is no folder `{}`", folder.display());
        let hint = "name the journal's folder, or a copy of it, with --journal";
        return Err(Trouble::input(SetupError::new(what).hint(hint)));
    }
    let wanted = format!("\"id\":\"{id}\"");
    for record in record::read(folder).map_err(unread)? {
        let record = record.map_err(unread)?;
        let text = String::from_utf8_lossy(&record.payload);
        if record.kind == Kind::Decision && text.contains(&wanted) {
            let whole = record.whole().into_owned();
            let is_it = PastDecision::read(&whole).is_ok_and(|past| past.id == id);
            if is_it {
                return Ok(whole);
            }
        }
    }
    let what = format!("the journal `{}` has no decision {id}", folder.display());
    let hint = "each instance has its own journal: `stile-record` of the answer names it";
    Err(Trouble::input(SetupError::new(what).hint(hint)))
}

fn unreadable(folder: &Path, why: &str) -> Trouble {
    let what = format!("the record cannot be read: {why}");
    Trouble::Unknown(SetupError::in_file(folder, what))
}
