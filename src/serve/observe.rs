//! Says loudly what is only tried.
//!
//! In: the policies that come into force, at the start and at each reload. Out: lines of the log.

use crate::authorize::{Mode, Policies};

/// Warns of the mode and names what is under observe.
pub(super) fn tell(policies: &Policies) {
    if policies.mode() == Mode::Observe {
        tracing::warn!(
            "MODE OBSERVE: whoever has a valid token passes with our key unless a guardrail forbids \
             it; records say what would be refused (`would`). Set `mode: enforce` when done"
        );
    }
    let observed: Vec<&str> = policies.observed().collect();
    if !observed.is_empty() {
        tracing::warn!(
            policies = observed.len(),
            "under observe, and not in force: {}",
            shown(&observed)
        );
    }
}

/// The first few names.
fn shown(names: &[&str]) -> String {
    let mut text = names
        .iter()
        .take(MOST_NAMED)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > MOST_NAMED {
        text.push_str(", …");
    }
    text
}

const MOST_NAMED: usize = 20;
