//! Gives a request its id, its moment and its span.
//!
//! In: the clock. Out: a [`Birth`].
//!
//! One draw of random bytes serves id and trace. It comes from the library's own generator, not
//! from a system call for each request. Should that generator ever fail, the nanosecond of the
//! request takes its place: ids need to differ, not to be secret.
//!
//! RFC 9562 5.7.

use uuid::{Builder, Uuid};

use crate::clock::{Clock, Time};

/// When a request came, and what no other request has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Birth {
    pub(super) id: Uuid,
    pub(super) time: Time,
    pub(super) mono_ns: u64,
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: [u8; 8],
}

impl Birth {
    pub(super) fn now(clock: &Clock) -> Birth {
        let (time, mono_ns) = (clock.now(), clock.mono_ns());
        let mut drawn = [0; 34];
        if aws_lc_rs::rand::fill(&mut drawn).is_err() {
            let stamp = mono_ns.to_be_bytes();
            for (byte, stamp) in drawn.iter_mut().zip(stamp.iter().cycle()) {
                *byte = *stamp;
            }
        }
        let (id, rest) = drawn.split_first_chunk().unwrap_or((&[0; 10], &[]));
        let (trace_id, rest) = rest.split_first_chunk().unwrap_or((&[0; 16], &[]));
        let span_id = rest.first_chunk().unwrap_or(&[0; 8]);
        Birth {
            id: Builder::from_unix_timestamp_millis(time.as_ms(), id).into_uuid(),
            time,
            mono_ns,
            trace_id: *trace_id,
            span_id: *span_id,
        }
    }
}
