//! Combines the values of attributes into callers.
//!
//! In: a caller as usual and its [`Axis`]es. Out: every combination, or those with at most two
//! values away from the usual where all would be too many.

use std::fmt;

use super::Caller;

/// An attribute with the values that it is tried with; the first one is the usual one.
#[derive(Debug, Default)]
pub(super) struct Axis(Vec<Value>);

/// One value, in words and as what it does to a caller.
struct Value {
    words: String,
    set: Box<dyn Fn(&mut Caller)>,
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl Axis {
    /// Adds a value; without words where it goes without saying.
    #[must_use]
    pub(super) fn with(
        mut self,
        words: impl Into<String>,
        set: impl Fn(&mut Caller) + 'static,
    ) -> Axis {
        self.0.push(Value {
            words: words.into(),
            set: Box::new(set),
        });
        self
    }

    /// Adds a value when it applies.
    #[must_use]
    pub(super) fn with_if(
        self,
        applies: bool,
        words: impl Into<String>,
        set: impl Fn(&mut Caller) + 'static,
    ) -> Axis {
        match applies {
            true => self.with(words, set),
            false => self,
        }
    }
}

/// Every combination, and whether none was left out.
pub(super) fn combined(usual: &Caller, axes: &[Axis]) -> (Vec<Caller>, bool) {
    let all = axes
        .iter()
        .try_fold(1_usize, |all, axis| all.checked_mul(axis.0.len().max(1)));
    let whole = all.is_some_and(|all| all <= MOST_CALLERS);
    let most_unusual = if whole { usize::MAX } else { 2 };
    // Each with the number of its values that are away from the usual.
    let mut callers = vec![(usual.clone(), 0_usize)];
    for (place, axis) in axes.iter().enumerate() {
        let mut next = Vec::new();
        for (caller, unusual) in &callers {
            for (index, value) in axis.0.iter().enumerate() {
                // Where a caller comes from is never the usual or not: all places are tried.
                let unusual = unusual + usize::from(index > 0 && place > 0);
                if unusual <= most_unusual {
                    next.push((value.laid_over(caller), unusual));
                }
            }
        }
        if !next.is_empty() {
            callers = next;
        }
    }
    (
        callers.into_iter().map(|(caller, _)| caller).collect(),
        whole,
    )
}

impl Value {
    fn laid_over(&self, caller: &Caller) -> Caller {
        let mut caller = caller.clone();
        if !self.words.is_empty() {
            let comma = if caller.name.is_empty() { "" } else { ", " };
            caller.name.push_str(comma);
            caller.name.push_str(&self.words);
        }
        (self.set)(&mut caller);
        caller
    }
}

/// More callers of one kind are not combined in full.
const MOST_CALLERS: usize = 4_096;

/// A text that matches the literal: itself, or its pattern with something for each star.
pub(super) fn inside(literal: &str) -> String {
    literal.replace('*', "x")
}

/// A text that none of the literals is or matches.
pub(super) fn outside<'a>(
    candidates: &[&str],
    literals: impl Iterator<Item = &'a String> + Clone,
) -> String {
    let free = |text: &str| !literals.clone().any(|literal| matches(literal, text));
    let found = candidates.iter().find(|text| free(text));
    found.map_or_else(
        || {
            let mut text = "elsewhere".to_owned();
            while !free(&text) && text.len() < 64 {
                text.push('-');
            }
            text
        },
        |text| (*text).to_owned(),
    )
}

/// Whether a text is what a literal with stars says.
fn matches(literal: &str, text: &str) -> bool {
    match literal.split_once('*') {
        None => literal == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            let mut starts = (0..=rest.len()).filter_map(|at| rest.get(at..));
            starts.any(|rest| matches(after, rest))
        }),
    }
}
