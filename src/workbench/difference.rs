//! Compares what two sets do: who may do what more, and what less.
//!
//! In: the set before and the set after. Out: a [`Difference`]: the cells of the matrix that
//! change, and whether the set after is contained in the one before.
//!
//! Containment is tried for every combination of the [`Classes`] of both sets together, so a widening
//! that no row of the matrix shows is found too; the first one is kept as a [`Witness`]. Both sets
//! are asked about callers by the issuer's groups, so a group that moves to another team counts. What
//! no changed policy can apply to is the same in both and not tried.
//!
//! Never: "contained" without saying what was tried.

use super::classes::{Ask, Caller, Classes};
use super::who::{Matrix, Wanted};
use crate::authorize::{Answer, Moment, Policies, Verdict};

/// What changes between two sets.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Before and after, only where it changes.
    pub matrix: Matrix<[Answer; 2]>,
    /// How many rows were compared.
    pub rows: usize,
    /// How many actions there are.
    pub actions: usize,
    /// Combinations of callers and requests that were tried.
    pub tried: usize,
    /// How many of them are newly allowed, and the first one.
    pub more: (usize, Option<Witness>),
    /// How many of them are no longer allowed, and the first one.
    pub less: (usize, Option<Witness>),
    /// What was not tried, in sentences.
    pub uncovered: Vec<String>,
}

/// A combination that is answered otherwise.
#[derive(Clone, Debug)]
pub struct Witness {
    /// Who would ask.
    pub caller: Caller,
    /// What for.
    pub ask: Ask,
    /// Before and after.
    pub answers: [Answer; 2],
}

/// What changes from one set to the other.
pub fn difference(before: &Policies, after: &Policies, now: Moment) -> Difference {
    let worlds = [before.world(), after.world()];
    let both = |ask: &Ask, caller: &Caller| [before, after].map(|set| ask.put_to(set, caller));
    let wanted = Wanted {
        by_policy: true,
        ..Wanted::default()
    };
    let matrix = Matrix::asked(&worlds, now, &wanted, |ask, row| both(ask, &row.caller));
    let mut actions: Vec<&String> = worlds
        .iter()
        .flat_map(|world| world.actions.iter().map(|one| &one.action))
        .collect();
    actions.sort();
    actions.dedup();
    let classes = Classes::of(&worlds, now).without_unchanged(&worlds);
    let mut difference = Difference {
        rows: matrix.rows.len(),
        matrix: matrix.only_changes(),
        actions: actions.len(),
        tried: classes.combinations(),
        more: (0, None),
        less: (0, None),
        uncovered: classes.uncovered(),
    };
    for (caller, ask) in classes.each() {
        let answers = both(ask, caller);
        let change = match answers
            .each_ref()
            .map(|answer| answer.verdict == Verdict::Allow)
        {
            [false, true] => &mut difference.more,
            [true, false] => &mut difference.less,
            _ => continue,
        };
        change.0 += 1;
        change.1.get_or_insert_with(|| Witness {
            caller: caller.clone(),
            ask: ask.clone(),
            answers,
        });
    }
    difference
}

impl Difference {
    /// Whether the set after allows something that the set before did not.
    pub fn widens(&self) -> bool {
        self.more.0 > 0 || self.changes().any(|[before, after]| is_more(before, after))
    }

    /// Whether every answer is the same, as far as was tried.
    pub fn is_nothing(&self) -> bool {
        self.more.0 == 0 && self.less.0 == 0 && self.changes().next().is_none()
    }

    /// Rows and actions that change.
    pub fn touched(&self) -> (usize, usize) {
        let mut actions: Vec<&String> = Vec::new();
        let columns = self.matrix.columns.iter();
        for action in columns.flat_map(|column| &column.actions) {
            if !actions.contains(&action) {
                actions.push(action);
            }
        }
        (self.matrix.rows.len(), actions.len())
    }

    fn changes(&self) -> impl Iterator<Item = &[Answer; 2]> {
        let cells = self.matrix.cells.iter().flatten().flatten();
        cells.filter(|[before, after]| before.verdict != after.verdict)
    }
}

/// Whether it is newly allowed.
pub fn is_more(before: &Answer, after: &Answer) -> bool {
    before.verdict != Verdict::Allow && after.verdict == Verdict::Allow
}

impl Matrix<[Answer; 2]> {
    /// Without rows and columns in which no verdict changes.
    fn only_changes(self) -> Self {
        let changed = |cell: &Option<[Answer; 2]>| {
            cell.as_ref()
                .is_some_and(|[before, after]| before.verdict != after.verdict)
        };
        let in_column = |place: usize| {
            self.cells
                .iter()
                .any(|row| row.get(place).is_some_and(changed))
        };
        let columns: Vec<bool> = (0..self.columns.len()).map(in_column).collect();
        let kept = |place: &usize| columns.get(*place) == Some(&true);
        let of_columns = self.columns.into_iter().enumerate();
        let columns_kept = of_columns.filter(|(place, _)| kept(place));
        let (mut rows, mut cells) = (Vec::new(), Vec::new());
        for (row, answers) in self.rows.into_iter().zip(self.cells) {
            if answers.iter().any(changed) {
                let answers = answers.into_iter().enumerate();
                let answers = answers.filter(|(place, _)| kept(place));
                rows.push(row);
                cells.push(answers.map(|(_, answer)| answer).collect());
            }
        }
        Matrix {
            columns: columns_kept.map(|(_, column)| column).collect(),
            rows,
            cells,
        }
    }
}
