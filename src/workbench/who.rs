//! Draws who may do what: the effective answers of a set as a table.
//!
//! In: a loaded set, its world, what to leave out. Out: a [`Matrix`]: rows of callers, columns of
//! requests, and in each cell the answer with the policies behind it.
//!
//! Cells come from the judge, asked about one representative each, so the picture cannot drift from
//! what is enforced. Rows and columns that differ in no cell are one.
//!
//! Never: a row or a column that is described and not asked.

use crate::authorize::{Answer, Moment, Policies, Verdict, World};

use super::classes::Ask;

mod columns;
mod rows;

pub use columns::{Column, Owned};
pub use rows::Row;

/// What to draw; everything where nothing is said.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only people of this team.
    pub team: Option<String>,
    /// Only this action, or those of `dashboards.*`, or of a class: `delete`.
    pub action: Option<String>,
    /// Only in this project.
    pub on: Option<String>,
    /// Tell answers apart by the policies behind them, too.
    pub by_policy: bool,
}

/// Who may do what; in each cell an answer, or the answers of several sets.
#[derive(Clone, Debug)]
pub struct Matrix<C = Answer> {
    /// What is asked for.
    pub columns: Vec<Column>,
    /// Who asks.
    pub rows: Vec<Row>,
    /// Each row's answers, in the order of columns; none where a caller cannot ask for such a thing,
    /// as a job has nothing of its own.
    pub cells: Vec<Vec<Option<C>>>,
}

/// What stands in a cell.
pub trait Cell: Clone + PartialEq {
    /// What it says, without the policies behind it.
    fn verdicts(&self) -> [Verdict; 2];

    /// What a reader sees of it.
    fn shown(&self) -> [&'static str; 2];
}

impl Cell for Answer {
    fn verdicts(&self) -> [Verdict; 2] {
        [self.verdict; 2]
    }

    fn shown(&self) -> [&'static str; 2] {
        [word(Some(self)); 2]
    }
}

/// Before and after.
impl Cell for [Answer; 2] {
    fn verdicts(&self) -> [Verdict; 2] {
        self.each_ref().map(|answer| answer.verdict)
    }

    fn shown(&self) -> [&'static str; 2] {
        self.each_ref().map(|answer| word(Some(answer)))
    }
}

impl Matrix {
    /// The answers of one set.
    pub fn of(policies: &Policies, now: Moment, wanted: &Wanted) -> Matrix {
        let worlds = [policies.world()];
        Matrix::asked(&worlds, now, wanted, |ask, row| {
            ask.put_to(policies, &row.caller)
        })
    }
}

impl<C: Cell> Matrix<C> {
    /// The rows and columns of these worlds, each cell asked, and what is alike folded.
    pub(super) fn asked(
        worlds: &[World],
        now: Moment,
        wanted: &Wanted,
        ask: impl Fn(&Ask, &Row) -> C,
    ) -> Matrix<C> {
        let rows = rows::rows(worlds, now);
        let columns = columns::columns(worlds, wanted);
        let cells = rows.iter().map(|row| {
            let asks = columns.iter().map(|column| column.ask(row));
            asks.map(|asked| Some(ask(&asked?, row))).collect()
        });
        let drawn = Matrix {
            cells: cells.collect(),
            rows,
            columns,
        };
        let alike = |one: &C, other: &C| match wanted.by_policy {
            true => one == other,
            false => one.shown() == other.shown(),
        };
        drawn.folded(&alike).without_repeats(&alike).only(wanted)
    }

    /// Columns that no row tells apart, joined: over owners, then over projects, then over actions,
    /// so that each still says exactly what it stands for. What a row cannot ask for, such as its
    /// own things, tells no owners apart.
    fn folded(mut self, alike: &dyn Fn(&C, &C) -> bool) -> Matrix<C> {
        self.join_where(Column::differs_in_owner, &|one, other| {
            one.zip(other).is_none_or(|(one, other)| alike(one, other))
        });
        let both = |one: Option<&C>, other: Option<&C>| match (one, other) {
            (Some(one), Some(other)) => alike(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        self.join_where(Column::differs_in_project, &both);
        for column in &mut self.columns {
            column.settle();
        }
        self.join_where(Column::differs_in_actions, &both);
        for column in &mut self.columns {
            column.actions.sort();
        }
        self
    }

    fn join_where(
        &mut self,
        may: fn(&Column, &Column) -> bool,
        alike: &dyn Fn(Option<&C>, Option<&C>) -> bool,
    ) {
        let mut place = 0;
        while place < self.columns.len() {
            let mut other = place + 1;
            while other < self.columns.len() {
                let of = |at: usize| self.columns.get(at);
                let may = of(place)
                    .zip(of(other))
                    .is_some_and(|(one, other)| may(one, other));
                let same = |row: &Vec<Option<C>>| {
                    let cell = |at: usize| row.get(at).and_then(Option::as_ref);
                    alike(cell(place), cell(other))
                };
                match may && self.cells.iter().all(same) {
                    true => self.join(place, other),
                    false => other += 1,
                }
            }
            place += 1;
        }
    }

    fn join(&mut self, place: usize, other: usize) {
        let joined = self.columns.remove(other);
        for row in &mut self.cells {
            let cell = row.remove(other);
            if let Some(kept) = row.get_mut(place)
                && kept.is_none()
            {
                *kept = cell;
            }
        }
        if let Some(column) = self.columns.get_mut(place) {
            column.join(joined);
        }
    }

    /// Without variants of a row that may do what the row may, and with those together that may do
    /// the same.
    fn without_repeats(self, alike: &dyn Fn(&C, &C) -> bool) -> Matrix<C> {
        let verdicts = |cells: &[Option<C>]| -> Vec<Option<[Verdict; 2]>> {
            let verdicts = cells.iter().map(|cell| Some(cell.as_ref()?.verdicts()));
            verdicts.collect()
        };
        let mut kept: Vec<(Row, Vec<Option<C>>)> = Vec::new();
        for (row, cells) in self.rows.iter().zip(&self.cells) {
            let usual = row.variant_of.and_then(|usual| self.cells.get(usual));
            if usual.is_some_and(|usual| verdicts(usual) == verdicts(cells)) {
                continue;
            }
            let same = |of_other: &[Option<C>]| {
                let mut both = cells.iter().zip(of_other);
                both.all(|pair| match pair {
                    (Some(one), Some(other)) => alike(one, other),
                    (one, other) => one.is_none() && other.is_none(),
                })
            };
            let found = kept
                .iter_mut()
                .find(|(other, of_other)| row.joins(other) && same(of_other));
            match found {
                Some((other, _)) => other.take_in(row),
                None => kept.push((row.clone(), cells.clone())),
            }
        }
        let (rows, cells) = kept.into_iter().unzip();
        Matrix {
            columns: self.columns,
            rows,
            cells,
        }
    }

    fn only(mut self, wanted: &Wanted) -> Matrix<C> {
        let Some(team) = &wanted.team else {
            return self;
        };
        let kept: Vec<bool> = self.rows.iter().map(|row| row.is_of(team)).collect();
        let mut of_rows = kept.iter();
        self.rows.retain(|_| of_rows.next() == Some(&true));
        let mut of_cells = kept.iter();
        self.cells.retain(|_| of_cells.next() == Some(&true));
        self
    }

    /// Every cell with its row and column.
    pub fn each(&self) -> impl Iterator<Item = (&Row, &Column, &C)> {
        self.rows.iter().zip(&self.cells).flat_map(|(row, cells)| {
            let cells = self.columns.iter().zip(cells);
            cells.filter_map(move |(column, answer)| Some((row, column, answer.as_ref()?)))
        })
    }
}

/// How an answer is written in a cell.
pub fn word(answer: Option<&Answer>) -> &'static str {
    let Some(answer) = answer else {
        return "n/a";
    };
    match (answer.verdict, answer.policies.is_empty()) {
        (Verdict::Allow, _) => "✓ allow",
        (Verdict::Deny, true) => "-",
        (Verdict::Deny, false) => "✗ DENY",
        (Verdict::Error, _) => "! ERROR",
    }
}
