//! Reads the cases that a policy folder must pass: who, what, where, and the expected answer.
//!
//! In: a file of `tests/`. Out: [`Case`]s, each complete and with its line.
//!
//! ```text
//! tokens:
//!   ci-main: {ci: acme/shop/api, ref: main, protected: true}
//!   mira:    {user: mira@acme, teams: [payments], mfa: true}
//! cases:
//!   - ci-main  streams.create     X                           allow by ci-create-in-X
//!   - mira     dashboards.update  X owner=search              deny
//!   - mira     dashboards.read    X/abc at "sun 20:00"        allow
//!   - mira     projects.read      -                           allow
//! ```
//!
//! Several actions in one line, with commas between, are as many cases.
//!
//! Where: a project, `project/id`, or `-` for neither; `owner=TEAM`, `after=TEAM` for the owner that a change
//! would leave (`-` for none), `ticket=ID` for an open
//! break-glass, `at "sun 20:00"` or `at "2026-12-31 23:59"`. What a token leaves out is not claimed.
//! Without `at` it is Wednesday noon of one fixed week, so that a case never fails with the calendar.
//!
//! Never: a case about an unknown action, token, team or policy passed over: a typo would pass.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::ToSpan;
use jiff::civil::{Date, date};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::assemble::Source;
use super::decision::Verdict;
use super::directory::Directory;
use super::entities::Question;
use super::folder::File;
use super::moment::{self, Moment, WEEKDAYS};
use super::schema::Vocabulary;
use super::tokens::{TokenLines, Tokens};
use super::yaml;
use crate::identify::Facts;
use crate::resolve::{Class, Resource};
use crate::setup_error::{Code, SetupError};

/// A file of `tests/` as written.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CasesFile {
    /// Named facts.
    #[schemars(with = "BTreeMap<String, TokenLines>")]
    tokens: BTreeMap<String, Spanned<TokenLines>>,
    /// One line each: token, action, where, expected answer.
    #[schemars(with = "Vec<String>")]
    cases: Vec<Spanned<String>>,
}

/// One case, complete.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) file: PathBuf,
    pub(super) line: usize,
    pub(super) text: String,
    pub(super) expected: Verdict,
    pub(super) by: Option<String>,
    pub(super) action: String,
    facts: Facts,
    class: Class,
    kind: String,
    resource: Resource,
    owner: Option<String>,
    /// Whose it would be afterwards, where the request changes its label.
    after: Option<Option<String>>,
    ticket: Option<String>,
    moment: Moment,
}

impl Case {
    /// What it asks; an owner that it does not name is the directory's.
    pub(super) fn question<'a>(&'a self, directory: &'a Directory) -> Question<'a> {
        let listed = self
            .resource
            .id
            .as_deref()
            .and_then(|id| directory.owner(&self.kind, self.resource.project.as_deref(), id));
        Question {
            facts: &self.facts,
            action: &self.action,
            class: self.class,
            kind: &self.kind,
            resource: &self.resource,
            owner: self.owner.as_deref().or(listed),
            ticket: self.ticket.as_deref(),
            moment: self.moment,
        }
    }

    /// The same about what would be, where the case says that; the directory's word stands above.
    pub(super) fn afterwards<'a>(&'a self, directory: &'a Directory) -> Option<Question<'a>> {
        let after = self.after.as_ref()?.as_deref();
        let question = self.question(directory);
        let id = self.resource.id.as_deref();
        let project = self.resource.project.as_deref();
        let listed = id.and_then(|id| directory.owner(&self.kind, project, id));
        Some(Question {
            owner: listed.or(after),
            ..question
        })
    }
}

/// Reads and checks one file. `policies` are all there are, where that is known.
pub(super) fn read(
    file: &File,
    directory: &Directory,
    vocabulary: &Vocabulary,
    policies: Option<&BTreeMap<String, Source>>,
) -> Result<Vec<Case>, Vec<SetupError>> {
    let written: CasesFile = yaml::read(file).map_err(|fault| vec![fault])?;
    let tokens = Tokens {
        written: &written.tokens,
        directory,
    };
    let reading = Reading {
        file,
        tokens,
        vocabulary,
        policies,
        written: &written,
    };
    let mut faults = Vec::new();
    let mut cases = Vec::new();
    for (name, lines) in &written.tokens {
        if let Err(fault) = tokens.facts(name) {
            let fault = SetupError::in_file(&file.path, fault).coded(Code::UnknownToken);
            faults.push(yaml::at(fault, lines.referenced));
        }
    }
    for line in &written.cases {
        match reading.case(line) {
            Ok(of_line) => cases.extend(of_line),
            Err(fault) => faults.push(yaml::at(fault.coded(Code::BadCase), line.referenced)),
        }
    }
    match faults.is_empty() {
        true => Ok(cases),
        false => Err(faults),
    }
}

/// The facts of each token of a file that was read before, by name.
pub(super) fn tokens(file: &File, directory: &Directory) -> Vec<(String, Facts)> {
    let written: CasesFile = yaml::read(file).unwrap_or_default();
    let tokens = Tokens {
        written: &written.tokens,
        directory,
    };
    let names = written.tokens.keys();
    let facts = names.filter_map(|name| Some((name.clone(), tokens.facts(name).ok()?)));
    facts.collect()
}

/// When a case is that says nothing else: Wednesday noon of one fixed week.
pub(super) fn noon() -> Moment {
    Moment::on(FIXED_DAY, 12 * 60)
}

struct Reading<'a> {
    file: &'a File,
    tokens: Tokens<'a>,
    vocabulary: &'a Vocabulary,
    policies: Option<&'a BTreeMap<String, Source>>,
    written: &'a CasesFile,
}

impl Reading<'_> {
    fn case(&self, line: &Spanned<String>) -> Result<Vec<Case>, SetupError> {
        let fault = |text: String| SetupError::in_file(&self.file.path, text);
        let words = words(&line.value).map_err(fault)?;
        let mut words = words.iter().map(String::as_str);
        let mut next = |what: &str| {
            let word = words.next();
            word.ok_or_else(|| fault(format!("a case without {what}")))
        };
        let (token, actions, place) = (next("a token")?, next("an action")?, next("a place")?);
        let known = self.written.tokens.keys().map(String::as_str);
        if !self.written.tokens.contains_key(token) {
            let fault = fault(format!("unknown token `{token}`")).coded(Code::UnknownToken);
            return Err(fault.did_you_mean(token, known));
        }
        let facts = self.tokens.facts(token).map_err(fault)?;
        let mut case = Case {
            file: self.file.path.clone(),
            line: usize::try_from(line.referenced.line()).unwrap_or(0),
            text: line.value.split_whitespace().collect::<Vec<_>>().join(" "),
            expected: Verdict::Deny,
            by: None,
            action: String::new(),
            facts,
            class: Class::Read,
            kind: String::new(),
            resource: resource("", place),
            owner: None,
            after: None,
            ticket: None,
            moment: noon(),
        };
        loop {
            let word = next("an expected answer")?;
            if let Some(team) = word.strip_prefix("owner=") {
                let team_fault = |text| fault(text).coded(Code::UnknownTeam);
                self.tokens.known_team(team).map_err(team_fault)?;
                case.owner = Some(team.to_owned());
            } else if let Some(team) = word.strip_prefix("after=") {
                let team = (team != "-").then_some(team);
                if let Some(team) = team {
                    let team_fault = |text| fault(text).coded(Code::UnknownTeam);
                    self.tokens.known_team(team).map_err(team_fault)?;
                }
                case.after = Some(team.map(str::to_owned));
            } else if let Some(ticket) = word.strip_prefix("ticket=") {
                case.ticket = Some(ticket.to_owned());
            } else if word == "at" {
                let when = next("a time")?;
                case.moment = at(when).ok_or_else(|| {
                    fault(format!("`{when}` is no time")).hint("write `sun 20:00` in quotes")
                })?;
            } else {
                case.expected = verdict(word).ok_or_else(|| {
                    let known = ["allow", "deny", "error", "at"];
                    fault(format!("`{word}` is no answer")).did_you_mean(word, known)
                })?;
                break;
            }
        }
        case.by = match words.next() {
            None => None,
            Some("by") => {
                let id = words.next().unwrap_or("");
                if let Some(policies) = self.policies.filter(|all| !all.contains_key(id)) {
                    let known = policies.keys().map(String::as_str);
                    let fault = fault(format!("unknown policy `{id}`")).coded(Code::UnknownPolicy);
                    return Err(fault.did_you_mean(id, known));
                }
                Some(id.to_owned())
            }
            Some(word) => return Err(fault(format!("`{word}` after the answer"))),
        };
        match words.next() {
            Some(word) => Err(fault(format!("`{word}` after the end of the case"))),
            None => {
                let each = actions.split(',').map(|action| {
                    let one = self.about(action, place, &case)?;
                    let text = one.text.replacen(actions, action, 1);
                    Ok(Case { text, ..one })
                });
                each.collect()
            }
        }
    }

    /// The case for one of its actions.
    fn about(&self, action: &str, place: &str, case: &Case) -> Result<Case, SetupError> {
        let (class, kind) = (self.vocabulary.class(action), self.vocabulary.kind(action));
        let (Some(class), Some(kind)) = (class, kind) else {
            let known = self.vocabulary.actions();
            let fault = format!("unknown action `{action}`");
            let fault = SetupError::in_file(&self.file.path, fault).coded(Code::UnknownAction);
            return Err(fault.did_you_mean(action, known));
        };
        Ok(Case {
            action: action.to_owned(),
            class,
            kind: kind.to_owned(),
            resource: resource(kind, place),
            ..case.clone()
        })
    }
}

fn resource(kind: &str, place: &str) -> Resource {
    let (project, id) = match place.split_once('/') {
        _ if place == "-" => (None, None),
        Some(("", id)) => (None, Some(id)),
        Some((project, id)) => (Some(project), Some(id)),
        None if kind == "Project" => (Some(place), Some(place)),
        None => (Some(place), None),
    };
    Resource {
        kind: kind.to_owned(),
        id: id.map(str::to_owned),
        project: project.map(str::to_owned),
    }
}

fn verdict(word: &str) -> Option<Verdict> {
    match word {
        "allow" => Some(Verdict::Allow),
        "deny" => Some(Verdict::Deny),
        "error" => Some(Verdict::Error),
        _ => None,
    }
}

/// `sun 20:00` of the fixed week, or `2026-12-31 23:59`.
fn at(text: &str) -> Option<Moment> {
    let (day, clock) = text.split_once(' ')?;
    let minute = moment::minute_of(clock).filter(|minute| *minute < 24 * 60)?;
    let day = match WEEKDAYS.iter().position(|word| *word == day) {
        Some(index) => {
            let days = i64::try_from(index).ok()?.days();
            FIXED_MONDAY.checked_add(days).ok()?
        }
        None => day.parse::<Date>().ok()?,
    };
    Some(Moment::on(day, minute))
}

/// Words between spaces; quotes hold several together.
fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted
                .split_once('"')
                .ok_or_else(|| "a quote without an end".to_owned())?,
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    Ok(words)
}

const FIXED_MONDAY: Date = date(2026, 1, 5);
const FIXED_DAY: Date = date(2026, 1, 7);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_words_together() {
        let line = "mira  read X at \"sun 20:00\" allow";
        assert_eq!(words(line).unwrap()[4], "sun 20:00");
        assert!(words("a \"b").is_err());
    }

    #[test]
    fn weekdays_are_of_one_fixed_week_and_dates_of_their_own() {
        assert_eq!(at("sun 20:00"), Some(Moment::on(date(2026, 1, 11), 1200)));
        assert_eq!(at("wed 12:00").unwrap().weekday, "wed");
        let last = at("2026-12-31 23:59").unwrap();
        assert_eq!((last.weekday, last.date), ("thu", 20_261_231));
        for wrong in ["sun", "son 20:00", "sun 24:00", "2026-13-01 10:00", ""] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }
}
