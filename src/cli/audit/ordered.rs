//! Has an order about the journal carried out: by the running stile, or here where none is running.
//!
//! In: an [`Order`]. Out: what came of it.
//!
//! Never: a second writer beside the one that has the journal open.

use std::path::Path;
use std::time::{Duration, Instant};

use super::{Terminal, Trouble};
use crate::cli::keys::runtime;
use crate::clock::Clock;
use crate::config::Settings;
use crate::record::erasure::orders::{Done, Order, Ordered};
use crate::record::{Identity, Journal, is_in_use};
use crate::setup_error::SetupError;

/// Has it carried out and waits for that.
pub(super) fn carried_out(
    settings: &Settings,
    order: &Order,
    terminal: &mut Terminal,
) -> Result<Done, Trouble> {
    let folder = &settings.journal.folder;
    match is_in_use(folder) {
        true => by_order(folder, order, terminal),
        false => by_ourselves(settings, order),
    }
}

/// Who asks, for the record: as they say, or the number of the user.
pub(super) fn who_asks(said: Option<&str>) -> String {
    let user = || format!("uid {}", rustix::process::getuid().as_raw());
    said.map_or_else(user, str::to_owned)
}

/// By the process that has the journal open.
fn by_order(folder: &Path, order: &Order, terminal: &mut Terminal) -> Result<Done, Trouble> {
    let ordered = Ordered::leave(folder, order).map_err(Trouble::Journal)?;
    terminal.say("the running stile was told to; waiting");
    let (begun, mut said) = (Instant::now(), Instant::now());
    loop {
        // Looked at first: an answer may be the last thing that a process did.
        let is_served = is_in_use(folder);
        if let Some(done) = ordered.answered().map_err(Trouble::Journal)? {
            return Ok(done);
        }
        if !is_served {
            let what = match ordered.take_back() {
                true => "stile ended before it did anything",
                false => "stile ended meanwhile: its next start completes what it announced",
            };
            let fault = SetupError::new(what).hint("run this again: it says what is left");
            return Err(Trouble::Unknown(fault));
        }
        if said.elapsed() >= BETWEEN_WORDS {
            said = Instant::now();
            let waited = begun.elapsed().as_secs();
            terminal.say(format_args!("waiting for {waited} s"));
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

/// With the journal opened by this command.
fn by_ourselves(settings: &Settings, order: &Order) -> Result<Done, Trouble> {
    let identity = Identity {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        config_digest: format!("sha256:{}", settings.digest),
    };
    let journal = settings.journal.clone();
    let opened = Journal::open(journal, Clock::machine(), identity).map_err(Trouble::Journal)?;
    let done = order.carry_out(&opened.journal.eraser());
    let closed = runtime()?.block_on(opened.journal.close());
    let done = done.map_err(Trouble::Journal)?;
    closed.map_err(Trouble::Journal)?;
    Ok(done)
}

const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
const BETWEEN_WORDS: Duration = Duration::from_secs(5);
