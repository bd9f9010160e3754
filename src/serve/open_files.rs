//! Lets this process have as many open files as the machine allows it.
//!
//! In: how many connections and requests the settings let in. Out: nothing, or what is missing.
//!
//! Each connection is an open file, and each request has one to its upstream. Most systems begin with 1,024,
//! for the sake of old programs that ask for files in a bit mask; this one does not. Where even the most
//! that is allowed is too little, callers would wait for a place although the settings have one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::listen::Limits;

/// Raises the limit; says what is missing even so.
pub(super) fn raise(limits: &Limits) -> Option<String> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let in_force = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let callers = limits.connections.saturating_add(limits.requests);
    let needed = u64::try_from(callers).unwrap_or(u64::MAX);
    let needed = needed.saturating_add(OWN_FILES);
    let most = in_force.filter(|most| *most < needed)?;
    Some(format!(
        "this process may have {most} open files, and `limits.connections` and `limits.requests` can \
         need {needed}: raise it (systemd: LimitNOFILE=), or lower them"
    ))
}

/// Journal, index, listeners, key files.
const OWN_FILES: u64 = 256;
