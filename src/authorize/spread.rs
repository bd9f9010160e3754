//! Does the same to many things at once, on as many threads as the machine has processors.
//!
//! In: things in order and what to do with each. Out: what came of them, in the same order.
//!
//! Only loading uses it: thousands of policies are parsed and validated one by one, and none needs
//! another. The threads have room for Cedar's recursion, and end before this returns.
//!
//! Never: a thing left out. What cannot have a thread is done on this one; a panic goes on here.

use std::thread::{Builder, available_parallelism, scope};

use crate::setup_error::SetupError;

/// What came of each, in order.
pub(super) fn spread<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let processors = available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(processors).max(FEWEST);
    let work = &work;
    scope(|scope| {
        let running: Vec<_> = items
            .chunks(share)
            .map(|chunk| {
                let builder = Builder::new().stack_size(DEEP_STACK);
                let done = move || chunk.iter().map(work).collect::<Vec<R>>();
                (chunk, builder.spawn_scoped(scope, done))
            })
            .collect();
        let done = running.into_iter().map(|(chunk, thread)| match thread {
            Ok(thread) => thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(_) => chunk.iter().map(work).collect(),
        });
        done.flatten().collect()
    })
}

/// Runs the work on a thread with room for Cedar's recursion.
pub(super) fn on_a_deep_stack<T: Send>(
    work: impl FnOnce() -> Result<T, Vec<SetupError>> + Send,
) -> Result<T, Vec<SetupError>> {
    let lost = |why: &str| vec![SetupError::new(format!("policies cannot be loaded: {why}"))];
    scope(|scope| {
        let thread = Builder::new()
            .name("policies".to_owned())
            .stack_size(DEEP_STACK);
        match thread.spawn_scoped(scope, work) {
            Ok(running) => running
                .join()
                .unwrap_or_else(|_| Err(lost("the loader failed"))),
            Err(why) => Err(lost(&why.to_string())),
        }
    })
}

/// Fewer are not worth a thread.
const FEWEST: usize = 2;

/// Room for Cedar's recursion.
const DEEP_STACK: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_done_once_and_they_stay_in_order() {
        for many in [0, 1, 2, 3, 100, 1_001] {
            let items: Vec<usize> = (0..many).collect();
            assert_eq!(spread(&items, |n| *n), items);
        }
    }
}
