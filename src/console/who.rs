//! Who can: who may do what, as the judge answers it, as a table and as a picture.
//!
//! In: the fields of the form. Out: a matrix of callers and requests, each cell an answer of the judge;
//! and teams, roles and projects as the bindings tie them, drawn and listed.
//!
//! Of a team there are the team's rows and bindings, and no other team's.

use std::sync::Arc;

use askama::Template;
use serde::Serialize;

use super::frame::{Frame, Made};
use super::picture::{Tie, drawn};
use super::texts::shown;
use super::view::View;
use crate::authorize::{Answer, Moment, Verdict};
use crate::own::malformed;
use crate::refusal::Refusal;
use crate::resolve::Scope;
use crate::workbench::who::{Matrix, Wanted};

/// The page.
#[derive(Template, Serialize)]
#[template(path = "who.html")]
struct Who {
    #[serde(skip)]
    frame: Frame,
    #[serde(skip)]
    action: String,
    #[serde(skip)]
    on: String,
    #[serde(skip)]
    by_policy: bool,
    columns: Vec<Column>,
    rows: Vec<Row>,
    ties: Vec<Tie>,
    #[serde(skip)]
    drawing: String,
    policies: String,
}

/// What is asked for.
#[derive(Serialize)]
struct Column {
    heading: Vec<String>,
    words: String,
    actions: Vec<String>,
}

/// Who asks.
#[derive(Serialize)]
struct Row {
    name: String,
    cells: Vec<Cell>,
}

/// An answer.
#[derive(Serialize)]
struct Cell {
    word: &'static str,
    #[serde(skip)]
    class: &'static str,
    policies: Vec<String>,
}

pub(super) fn page(view: &View<'_>) -> Result<Made, Refusal> {
    view.pairs().only(&["action", "on", "by", "tz"])?;
    let team = match view.scope {
        Scope::Everything => None,
        Scope::Team(team) => Some(team.to_owned()),
        Scope::Project(_) => {
            return Err(malformed("it is about a team or about everything"));
        }
    };
    let by_policy = match view.pairs().get("by") {
        None => false,
        Some("policy") => true,
        Some(_) => return Err(malformed("`by` is `policy` or left out")),
    };
    let policies = view.policies();
    let on = view.pairs().get("on");
    if let Some(on) = on.filter(|on| !policies.projects().any(|known| known == *on)) {
        let told = format!(
            "`on` is a project of the directory, and `{}` is none",
            shown(on, 60)
        );
        return Err(malformed(&told));
    }
    let wanted = Wanted {
        team: team.clone(),
        action: view.pairs().get("action").map(str::to_owned),
        on: on.map(str::to_owned),
        by_policy,
    };
    // At noon: a table should not change with the hour it is asked at.
    let noon = Moment {
        minute_of_day: 12 * 60,
        ..policies.moment(view.now())
    };
    let key = format!("{} {} {wanted:?}", policies.digest(), noon.written());
    // One set answers alike for the whole day, and the answers take thousands of questions.
    let made = || Arc::new(Matrix::of(policies, noon, &wanted));
    let matrix = view.parts.matrices.get_with(key, made);
    let columns = matrix.columns.iter().map(|column| Column {
        heading: column.heading(),
        words: column.words(),
        actions: column.actions.clone(),
    });
    let rows = matrix
        .rows
        .iter()
        .zip(&matrix.cells)
        .map(|(row, cells)| Row {
            name: shown(&row.name, 120),
            cells: cells.iter().map(|cell| answer(cell.as_ref())).collect(),
        });
    let ties = ties(view, team.as_deref());
    let text = |name: &str| shown(view.pairs().get(name).unwrap_or(""), 200);
    let page = Who {
        frame: Frame::of(view, "Who can"),
        action: text("action"),
        on: text("on"),
        by_policy,
        columns: columns.collect(),
        rows: rows.collect(),
        drawing: drawn(&ties),
        ties,
        policies: policies.short_digest().to_owned(),
    };
    Made::of(view, &page)
}

fn answer(answer: Option<&Answer>) -> Cell {
    let (word, class) = match answer.map(|answer| (answer.verdict, answer.policies.is_empty())) {
        None => ("n/a", "calm"),
        Some((Verdict::Allow, _)) => ("+ allow", "good"),
        Some((Verdict::Deny, true)) => ("–", "calm"),
        Some((Verdict::Deny, false)) => ("x DENY", "bad"),
        Some((Verdict::Error, _)) => ("! ERROR", "odd"),
    };
    Cell {
        word,
        class,
        policies: answer.map_or_else(Vec::new, |answer| answer.policies.clone()),
    }
}

/// What the bindings tie together.
fn ties(view: &View<'_>, team: Option<&str>) -> Vec<Tie> {
    let bound = view.policies().bound().into_iter();
    let bound = bound.filter(|one| team.is_none() || one.team.as_deref() == team);
    let strong = |actions: &[String]| {
        let deletes = |action: &String| action == "delete" || action.ends_with(".delete");
        actions
            .iter()
            .any(|action| deletes(action) || action == "power")
    };
    let tie = |one: crate::authorize::Bound| Tie {
        binding: shown(&one.name, 80),
        holder: shown(&one.holder, 60),
        is_strong: strong(&one.actions),
        actions: one.actions,
        role: one.role,
        projects: match one.projects.is_empty() {
            true => vec!["all".to_owned()],
            false => one.projects,
        },
        own: one.own,
    };
    bound.map(tie).collect()
}
