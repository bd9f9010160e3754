//! Lets this process have as many open files as the machine allows it.
//!
//! In: how many connections the settings let in. Out: nothing, or a warning in the log.
//!
//! Each connection is an open file, and so is each one to an upstream. Most systems begin with 1,024,
//! for the sake of old programs that ask for files in a bit mask; this one does not. Where even the most
//! that is allowed is too little, callers would wait for a place although the settings have one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit; says what is missing.
pub(super) fn raise(connections: usize) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let in_force = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let needed = u64::try_from(connections).unwrap_or(u64::MAX);
    let needed = needed.saturating_mul(2).saturating_add(OWN_FILES);
    if let Some(most) = in_force.filter(|most| *most < needed) {
        tracing::warn!(
            "this process may have {most} open files, and `limits.connections: {connections}` can need \
             {needed}: raise it (systemd: LimitNOFILE=), or lower `limits.connections`"
        );
    }
}

/// Journal, index, listeners, key files.
const OWN_FILES: u64 = 256;
