//! Checks sizes, deadlines and counts.
//!
//! In: `limits` as written, zero excluded by type. Out: [`Limits`] that do not contradict each other.

use super::Checks;
use crate::config::file::File;
use crate::listen::Limits;

/// The limits, with defaults for what is not written.
pub(super) fn limits(file: &File, checks: &mut Checks) -> Option<Limits> {
    let written = file.limits.get()?;
    let limits = Limits {
        head_bytes: written.head_bytes.get()?.as_usize(),
        target_bytes: written.target_bytes.get()?.as_usize(),
        head_ms: written.head_timeout.get()?.as_ms(),
        body_idle_ms: written.body_idle_timeout.get()?.as_ms(),
        connections: written.connections.get()?.as_usize(),
        requests: written.requests.get()?.as_usize(),
        streams: u32::try_from(written.streams.get()?.get()).unwrap_or(u32::MAX),
        drain_ms: written.drain_timeout.get()?.as_ms(),
    };
    for (count, most) in [
        (&written.head_bytes, MOST_HEAD_BYTES),
        (&written.connections, MOST_CONNECTIONS),
        (&written.requests, MOST_CONNECTIONS),
        (&written.streams, MOST_STREAMS),
    ] {
        if let Some(number) = count.get().filter(|number| number.get() > most) {
            let what = format!("`{}` is more than stile is made for", number.get());
            checks.refuse(count.place(), what, &format!("at most {most}"));
        }
    }
    if limits.target_bytes > limits.head_bytes {
        let place = [&written.target_bytes, &written.head_bytes]
            .map(|count| count.place())
            .into_iter()
            .find(|place| !place.path.is_empty());
        if let Some(place) = place {
            let what = format!(
                "a target of {} bytes does not fit a head of {}",
                limits.target_bytes, limits.head_bytes
            );
            checks.refuse(place, what, "keep `target_bytes` below `head_bytes`");
        }
    }
    Some(limits)
}

/// The memory that stamping may take.
pub(super) fn stamped_bytes(file: &File, checks: &mut Checks) -> Option<usize> {
    let written = &file.limits.get()?.stamped_bytes;
    let bytes = *written.get()?;
    if bytes.get() < FEWEST_STAMPED_BYTES {
        let what = format!("{} bytes do not hold one large body", bytes.get());
        let hint = format!("at least {FEWEST_STAMPED_BYTES}");
        checks.refuse(written.place(), what, &hint);
    }
    Some(bytes.as_usize())
}

/// A body of 20 MiB as it came and as it goes, and what unpacks it.
const FEWEST_STAMPED_BYTES: u64 = 64 * 1024 * 1024;

/// Heads are held in memory, one for each connection.
const MOST_HEAD_BYTES: u64 = 1024 * 1024;
const MOST_CONNECTIONS: u64 = 1_000_000;
const MOST_STREAMS: u64 = 10_000;
