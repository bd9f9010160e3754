//! Writes down who may do what, one line for each named token, place and class.
//!
//! In: a loaded set with its case files. Out: the text of `tests/who.golden`: everything that the
//! tokens of the cases may do, decided by the judge that serves.
//!
//! What a team's own things add is a line of its own, without what holds for everybody's.
//!
//! Reviewers who read no Cedar see in the change of this file what a change of a policy does. Every
//! line says by itself what it is about, so that one change of rights is one changed line.

use std::collections::BTreeMap;

use super::assemble::Assembled;
use super::cases;
use super::decision::Verdict;
use super::entities::Question;
use super::schema::{PROJECT_LIST, Vocabulary};
use crate::identify::{Facts, Who};
use crate::resolve::Resource;

/// The whole matrix, in the order of files, tokens, places and classes.
pub(super) fn matrix(set: &Assembled) -> String {
    let mut text = String::from(OPENING);
    for file in set.folder.part("tests") {
        let name = file.name.trim_start_matches("tests/");
        let name = name.trim_end_matches(".yaml");
        for (token, facts) in cases::tokens(file, &set.judge.directory) {
            let row = Row {
                set,
                facts: &facts,
                name: format!("{name}/{token}"),
            };
            row.write(&mut text);
        }
    }
    text
}

/// One token.
struct Row<'a> {
    set: &'a Assembled,
    facts: &'a Facts,
    name: String,
}

impl Row<'_> {
    fn write(&self, text: &mut String) {
        self.place(None, None, "-", text);
        for project in self.set.judge.directory.projects() {
            self.place(Some(project), None, project, text);
            for team in self.teams() {
                let place = format!("{project} owner={team}");
                self.place(Some(project), Some(team), &place, text);
            }
        }
    }

    /// The teams whose things might be its own.
    fn teams(&self) -> Vec<&str> {
        let directory = &self.set.judge.directory;
        let groups = match &self.facts.who {
            Who::Job(_) => return Vec::new(),
            Who::Person(person) => &person.groups,
            Who::Agent(agent) => &agent.groups,
        };
        directory
            .teams_of(&self.facts.issuer, groups)
            .into_iter()
            .collect()
    }

    fn place(&self, project: Option<&str>, owner: Option<&str>, place: &str, text: &mut String) {
        let vocabulary = &self.set.judge.vocabulary;
        let mut allowed: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for action in vocabulary.actions() {
            let owned_only = || owner.is_some() && !self.may(action, project, None);
            if let Some(class) = vocabulary.class(action)
                && self.may(action, project, owner)
                && (owner.is_none() || owned_only())
            {
                allowed.entry(class.word()).or_default().push(action);
            }
        }
        for (class, actions) in allowed {
            let what = shortened(&actions, &of_class(vocabulary, class, project.is_some()));
            text.push_str(&format!("{}  {place}  {class}: {what}\n", self.name));
        }
    }

    fn may(&self, action: &str, project: Option<&str>, owner: Option<&str>) -> bool {
        let judge = &self.set.judge;
        let vocabulary = &judge.vocabulary;
        let (Some(class), Some(kind)) = (vocabulary.class(action), vocabulary.kind(action)) else {
            return false;
        };
        if !has_place(kind, project.is_some()) {
            return false;
        }
        let resource = Resource {
            kind: kind.to_owned(),
            id: project.map(|project| match kind {
                "Project" => project.to_owned(),
                _ => "any".to_owned(),
            }),
            project: project.map(str::to_owned),
        };
        let question = Question {
            facts: self.facts,
            action,
            class,
            kind,
            resource: &resource,
            owner: owner.filter(|_| kind != "Project" && kind != PROJECT_LIST),
            ticket: None,
            moment: cases::noon(),
        };
        judge.rule(&question).verdict == Verdict::Allow
    }
}

/// A project lies in itself; the list of projects lies nowhere. Others may be asked anywhere.
fn has_place(kind: &str, in_project: bool) -> bool {
    match kind {
        "Project" => in_project,
        PROJECT_LIST => !in_project,
        _ => true,
    }
}

/// The actions; the others where those are few.
fn shortened(actions: &[&str], all: &[&str]) -> String {
    let others = all.iter().filter(|action| !actions.contains(action));
    let others: Vec<&str> = others.copied().collect();
    match others.len() {
        0 => "all".to_owned(),
        few if few <= FEW && few < actions.len() => format!("all but {}", others.join(" ")),
        _ => actions.join(" "),
    }
}

fn of_class<'a>(vocabulary: &'a Vocabulary, class: &str, in_project: bool) -> Vec<&'a str> {
    let actions = vocabulary.actions().filter(|action| {
        let of_class = vocabulary
            .class(action)
            .is_some_and(|one| one.word() == class);
        let kind = vocabulary.kind(action);
        of_class && kind.is_some_and(|kind| has_place(kind, in_project))
    });
    actions.collect()
}

const FEW: usize = 3;

const OPENING: &str = "\
# Who may do what: the tokens of the cases, at Wednesday noon, without a ticket. Written by
# `stile test --accept-matrix`; `stile test` fails when it is no longer true.
";
