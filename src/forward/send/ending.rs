//! How an exchange ends without an answer to pass on.
//!
//! In: what stopped it, or what the pool or the answer's head says. Out: an [`Ending`]: the word for
//! the record and the refusal for the caller.
//!
//! The line that matters is between what may have reached the upstream and what cannot have: only
//! the second is `upstream_unreachable`, `upstream_tls_error` or `not_forwarded`.

use std::time::Duration;

use http::{Response, StatusCode};
use hyper::body::Incoming;

use crate::forward::body::{BodyFaultKind, Progress};
use crate::forward::headers::well_framed;
use crate::record::End;
use crate::refusal::{Reason, Refusal};

/// How an exchange ended without an answer to pass on.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) end: End,
    pub(super) refusal: Refusal,
}

/// Why one try got no answer.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) ending: Ending,
    pub(super) known: Known,
}

/// What is known of what the upstream did with a try that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing.
    Nothing,
    /// It says that it did nothing with it (RFC 9113, 6.8 and 8.7), or it never left.
    Untouched,
    /// No connection came about.
    Unconnected,
    /// Its connection broke; whether the request did something, nobody can say.
    Broke,
}

impl Failed {
    /// No connection in its time.
    pub(super) fn to_connect() -> Failed {
        Failed {
            ending: Ending::unreachable("no connection in time"),
            known: Known::Unconnected,
        }
    }
}

impl From<Ending> for Failed {
    fn from(ending: Ending) -> Failed {
        let known = Known::Nothing;
        Failed { ending, known }
    }
}

impl Ending {
    /// Committed, and then nothing was sent.
    pub(super) fn unsent(reason: Reason) -> Ending {
        Ending {
            end: End::NotForwarded,
            refusal: Refusal::new(reason),
        }
    }

    /// Left alone for so long still, so nothing was sent.
    pub(super) fn resting(pause: Duration) -> Ending {
        Ending {
            end: End::NotForwarded,
            refusal: Refusal::new(Reason::UpstreamResting).retrying_after(whole_seconds(pause)),
        }
    }

    /// Kept back for so long still, so nothing was sent.
    pub(super) fn held(pause: Duration) -> Ending {
        let told = "the API behind this proxy asked its callers to wait";
        let refusal = Refusal::new(Reason::RateLimited).telling(told);
        Ending {
            end: End::NotForwarded,
            refusal: refusal.retrying_after(whole_seconds(pause)),
        }
    }

    /// Whether the upstream gave no answer, and not for the caller's fault.
    pub(super) fn is_of_upstream(&self) -> bool {
        matches!(self.end, End::UpstreamError | End::Timeout)
    }

    /// The same, with what its caller is told.
    pub(super) fn kept_back(refusal: Refusal) -> Ending {
        let end = End::NotForwarded;
        Ending { end, refusal }
    }

    /// No connection, so nothing was sent.
    pub(super) fn unreachable(noted: impl Into<String>) -> Ending {
        Ending {
            end: End::UpstreamError,
            refusal: Refusal::new(Reason::UpstreamUnreachable).noting(noted),
        }
    }

    /// The upstream's answer is none that can be passed on.
    pub(super) fn spoke_badly(noted: impl Into<String>) -> Ending {
        Ending {
            end: End::UpstreamError,
            refusal: Refusal::new(Reason::UpstreamBadResponse).noting(noted),
        }
    }

    /// The upstream took or said nothing for too long.
    pub(super) fn silent() -> Ending {
        Ending {
            end: End::Timeout,
            refusal: Refusal::new(Reason::UpstreamTimeout),
        }
    }

    /// Whoever asks was ended while the answer was waited for.
    pub(super) fn ended() -> Ending {
        Ending {
            end: End::Truncated,
            refusal: Refusal::new(Reason::Ended),
        }
    }

    /// The caller's body ended the exchange.
    fn caller(kind: BodyFaultKind) -> Ending {
        let (end, reason) = match kind {
            BodyFaultKind::TooLarge => (End::Truncated, Reason::BodyTooLarge),
            BodyFaultKind::CallerEnded => (End::Truncated, Reason::Ended),
            BodyFaultKind::CallerGone => (End::ClientAbort, Reason::MalformedRequest),
            BodyFaultKind::CallerSlow => (End::ClientAbort, Reason::ClientTimeout),
        };
        Ending {
            end,
            refusal: Refusal::new(reason),
        }
    }
}

/// Rounded up: whoever waits that long is let in.
fn whole_seconds(pause: Duration) -> u32 {
    let seconds = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
    u32::try_from(seconds.max(1)).unwrap_or(u32::MAX)
}

/// The exchange was stopped from our side.
pub(super) fn stopped(progress: &Progress) -> Ending {
    match progress.fault() {
        Some(kind) => Ending::caller(kind),
        None => Ending::spoke_badly("a storm of interim answers"),
    }
}

/// Sorts an error of the pool by what is known of the request, and by how far it came.
pub(super) fn sort(error: &hyper_util::client::legacy::Error, progress: &Progress) -> Failed {
    let known = match (progress.fault(), error.is_connect()) {
        (Some(_), _) => Known::Nothing,
        (None, true) => Known::Unconnected,
        (None, false) => known(error),
    };
    let ending = ending(error, progress);
    Failed { ending, known }
}

fn known(error: &(dyn std::error::Error + 'static)) -> Known {
    let mut known = Known::Broke;
    let mut cause = Some(error);
    while let Some(error) = cause {
        let never_left = error
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_canceled);
        if never_left {
            return Known::Untouched;
        }
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            // Of those under way a GOAWAY ends only streams above the last that it names.
            let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
            known = match error.is_remote() && (refused || error.is_go_away()) {
                true => Known::Untouched,
                false => Known::Nothing,
            };
        }
        cause = error.source();
    }
    known
}

fn ending(error: &hyper_util::client::legacy::Error, progress: &Progress) -> Ending {
    if let Some(kind) = progress.fault() {
        return Ending::caller(kind);
    }
    let cause = std::error::Error::source(error);
    let noted = chain(error);
    if error.is_connect() {
        // The connector hands TLS errors on as plain `io::Error`s, and wraps its own otherwise.
        return match cause.is_some_and(|cause| cause.is::<std::io::Error>()) {
            true => Ending {
                end: End::UpstreamError,
                refusal: Refusal::new(Reason::UpstreamTlsError).noting(noted),
            },
            false => Ending::unreachable(noted),
        };
    }
    let unsent = cause
        .and_then(|cause| cause.downcast_ref::<hyper::Error>())
        .is_some_and(hyper::Error::is_canceled);
    if unsent {
        return Ending::unreachable(noted);
    }
    Ending::spoke_badly(noted)
}

/// What is wrong with an answer's head, if anything is.
pub(super) fn fault_of(answer: &Response<Incoming>, progress: &Progress) -> Option<&'static str> {
    if progress.stormed() {
        return Some("a storm of interim answers");
    }
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Some("switched protocols unasked");
    }
    if answer.status().as_u16() >= 600 {
        return Some("a status that is none");
    }
    (!well_framed(answer.headers())).then_some("a length that can be read in two ways")
}

/// The error and its causes in one line; none of them carries a field or a body.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}
