//! Writes down who may do what, one line for each named token, place and class.
//!
//! In: a loaded set with its case files. Out: the text of `tests/who.golden`: everything that the
//! tokens of the cases may do, decided by the judge that serves.
//!
//! Reviewers who read no Cedar see in the change of this file what a change of a policy does. Every
//! line says by itself what it is about, so that one change of rights is one changed line.

use super::assemble::Assembled;
use super::cases;
use super::permitted::{Permitted, Places, of_class};
use super::schema::Vocabulary;

/// The whole matrix, in the order of files, tokens, places and classes.
pub(super) fn matrix(set: &Assembled) -> String {
    let projects: Vec<&str> = set.judge.directory.projects().collect();
    let mut text = String::from(OPENING);
    for file in set.folder.part("tests") {
        let name = file.name.trim_start_matches("tests/");
        let name = name.trim_end_matches(".yaml");
        for (token, facts) in cases::tokens(file, &set.judge.directory) {
            let moment = cases::noon();
            let facts = &facts;
            for permitted in (Places { set, facts, moment }).of(&projects) {
                let what = shortened(&permitted, &set.judge.vocabulary);
                let (place, class) = (place(&permitted), permitted.class);
                text.push_str(&format!("{name}/{token}  {place}  {class}: {what}\n"));
            }
        }
    }
    text
}

fn place(permitted: &Permitted) -> String {
    match (&permitted.project, &permitted.owner) {
        (None, None) => "-".to_owned(),
        (None, Some(team)) => format!("- owner={team}"),
        (Some(project), None) => project.clone(),
        (Some(project), Some(team)) => format!("{project} owner={team}"),
    }
}

/// The actions; the others where those are few.
fn shortened(permitted: &Permitted, vocabulary: &Vocabulary) -> String {
    if permitted.all {
        return "all".to_owned();
    }
    let actions = &permitted.actions;
    let in_project = permitted.project.is_some();
    let others = of_class(vocabulary, permitted.class, in_project)
        .filter(|action| !actions.iter().any(|one| one == action));
    let others: Vec<&str> = others.collect();
    match others.len() {
        few if few <= FEW && few < actions.len() => format!("all but {}", others.join(" ")),
        _ => actions.join(" "),
    }
}

const FEW: usize = 3;

const OPENING: &str = "\
# Who may do what: the tokens of the cases, at Wednesday noon, without a ticket. Written by
# `stile test --accept-matrix`; `stile test` fails when it is no longer true.
";
