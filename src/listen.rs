//! Accepts connections and hands each well-formed request to one function.
//!
//! In: bytes. Out: an [`Arrival`] and its body, given to a [`Receive`]; or an [`Unreadable`] and
//! the refusal it deserves.
//!
//! HTTP/1 goes through a gate of our own before hyper parses it: no byte of a message is passed on
//! before its whole head was checked strictly. HTTP/2 gets the same checks on its fields; what the
//! HTTP library rejects there by itself is recorded before it may say so.
//!
//! Never: normalises. What is ambiguous is refused, and what is refused on HTTP/1 for its form ends
//! its connection.
//!
//! RFC 9110; RFC 9112; RFC 9113.

pub mod arrival;
pub mod settings;
pub mod front;

// From the socket to the parsed request.
mod socket;
mod drain;
mod serve;
mod connection;
mod proxy_header;
mod tls;
mod certificate;
mod named;
mod staple;
mod validity;
mod opening;
mod rewound;

// The gate of HTTP/1, from the outside in.
mod guarded;
mod gate;
mod head;
mod framing;
mod target;
mod host;
mod bytes;
mod farewell;

// The watch of HTTP/2, from the outside in.
mod recording;
mod watched;
mod doubt;
mod field_blocks;
mod objection;
mod frames;

// One request.
mod received;
mod hops;
mod birth;
mod trace;
mod trailers;
mod answer;
mod receive;
mod body;
mod exchanges;
mod deadline;

pub use arrival::{Arrival, ClientCertificate, Protocol, Sighting, TlsFacts, Trace, Unreadable};
pub(crate) use body::came_whole;
pub use body::{BodyError, RequestBody};
pub use certificate::certificate_ends;
pub use drain::{DrainSignal, DrainTrigger, drain_signal};
pub use exchanges::ListenCounts;
pub use front::{HopField, InFront};
pub use receive::Receive;
pub use serve::serve;
pub use settings::{Limits, ListenSettings, ListenerSettings, PairFiles, TlsFiles, UnknownNames};
pub use socket::Listener;
pub use tls::{ReadyTls, TlsSwitch};
