//! Tells all connections to finish.
//!
//! In: two signals. Out: one state that every task can wait for.
//!
//! The state only moves on: run, drain, force. Whoever holds the [`DrainTrigger`] moves it; when it
//! is dropped the state stays as it is.

use tokio::sync::watch;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Run,
    Drain,
    Force,
}

/// Moves the state on.
#[derive(Debug)]
pub struct DrainTrigger(watch::Sender<State>);

/// Waits for the state to move on.
#[derive(Clone, Debug)]
pub struct DrainSignal(watch::Receiver<State>);

/// Both ends, in the state run.
pub fn drain_signal() -> (DrainTrigger, DrainSignal) {
    let (sender, receiver) = watch::channel(State::Run);
    (DrainTrigger(sender), DrainSignal(receiver))
}

impl DrainTrigger {
    /// Stop accepting, finish what runs.
    pub fn drain(&self) {
        self.move_to(State::Drain);
    }

    /// Cut everything now.
    pub fn force(&self) {
        self.move_to(State::Force);
    }

    fn move_to(&self, next: State) {
        self.0.send_if_modified(|state| {
            let moves = *state < next;
            *state = next.max(*state);
            moves
        });
    }
}

impl DrainSignal {
    /// Whether the drain has begun.
    pub fn is_draining(&self) -> bool {
        *self.0.borrow() >= State::Drain
    }

    /// Ends when the drain has begun.
    pub async fn begun(&mut self) {
        self.reached(State::Drain).await;
    }

    /// Ends when nothing more may be waited for.
    pub async fn forced(&mut self) {
        self.reached(State::Force).await;
    }

    async fn reached(&mut self, at_least: State) {
        if self.0.wait_for(|state| *state >= at_least).await.is_err() {
            // Nobody is left who could move the state.
            std::future::pending::<()>().await;
        }
    }
}
