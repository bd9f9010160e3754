//! Says in telemetry who sent it.
//!
//! In: the body of a committed OTLP request and its [`Principal`]. Out: a body that claims only what
//! the token proves, its SHA-256 and the memory it holds; or a [`Refusal`].
//!
//! Strip, then set. Attributes whose names tell of versions, pipelines and deployments go from
//! wherever OTLP has attributes; then what the token says is set on every resource. Everything else
//! stays byte for byte, what this program does not know too.
//!
//! Never: a value that the caller wrote among those that are set, a body that two parsers could read
//! differently, more memory than was set aside for all such bodies together.
//!
//! When a body cannot be read in exactly one way, nothing is sent.
//!
//! OTLP 1.x; OpenTelemetry semantic conventions 1.37, `vcs`, `cicd`, `deployment`, `service`.

pub mod coding;
mod facts;
mod flaw;
mod form;
mod held;
mod json;
mod message;
mod names;
mod protobuf;
mod shape;
mod wire;

pub mod settings;

pub use facts::Provenance;
pub use flaw::Flaw;
pub use held::{Held, Room};
pub use message::{Signal, Stamped, Writing, stamp};
pub use settings::{StampSettings, Stamps, VersionRule};

use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;

use self::form::Form;
use crate::identify::Principal;
use crate::listen::{Arrival, BodyError};
use crate::refusal::{Reason, Refusal};

/// Reads the body of an arrival whole and stamps it.
///
/// # Errors
///
/// `unsupported_media`, `unstampable_body`, `provenance_mismatch`, `body_too_large`, `overloaded`;
/// and `client_timeout` or `malformed_request` where the body broke off.
pub async fn read_and_stamp<B>(
    stamps: &Stamps,
    rule: VersionRule,
    principal: &Principal,
    arrival: &Arrival,
    most_bytes: u64,
    body: B,
) -> Result<Stamped, Refusal>
where
    B: Body<Data = Bytes, Error = BodyError>,
{
    let form = Form::of(arrival.path(), arrival.headers())?;
    let most = usize::try_from(most_bytes).unwrap_or(usize::MAX);
    let mut room = stamps.held().room();
    let reading = read(body, most, &mut room);
    let bytes = match tokio::time::timeout(WITHIN, reading).await {
        Ok(read) => read?,
        Err(_) => return Err(Refusal::new(Reason::ClientTimeout)),
    };
    let provenance = Provenance::of(principal, rule);
    let work = move || form.stamp(bytes, &provenance, most, room);
    if bytes_are_many(most_bytes, arrival) {
        // Long enough to hold up whoever shares this thread.
        let done = tokio::task::spawn_blocking(work).await;
        return done
            .map_err(|_| Refusal::new(Reason::UnstampableBody).noting("stamping ended in a panic"))?
            .map_err(Refusal::from);
    }
    work().map_err(Refusal::from)
}

async fn read<B>(body: B, most: usize, room: &mut Room) -> Result<Vec<u8>, Refusal>
where
    B: Body<Data = Bytes, Error = BodyError>,
{
    let mut body = std::pin::pin!(body);
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken_off(&error))?;
        let Ok(piece) = frame.into_data() else {
            continue;
        };
        if piece.len() > most.saturating_sub(bytes.len()) {
            return Err(Refusal::new(Reason::BodyTooLarge));
        }
        room.grow(piece.len())?;
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

fn broken_off(error: &BodyError) -> Refusal {
    Refusal::new(match error {
        BodyError::TimedOut => Reason::ClientTimeout,
        BodyError::Malformed | BodyError::BrokenOff(_) => Reason::MalformedRequest,
    })
}

/// Whether stamping may take longer than a turn of the runtime should.
fn bytes_are_many(most_bytes: u64, arrival: &Arrival) -> bool {
    let declared = arrival.headers().get(http::header::CONTENT_LENGTH);
    let declared = declared.and_then(|value| value.to_str().ok()?.parse().ok());
    declared.unwrap_or(most_bytes) > FEW_BYTES
}

/// For a whole body to arrive: one that trickles would keep others from being read.
const WITHIN: Duration = Duration::from_secs(60);

/// A body of this size is stamped within a millisecond, unpacked too.
const FEW_BYTES: u64 = 16 * 1024;
