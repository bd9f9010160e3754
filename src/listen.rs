//! Accepts connections and hands each well-formed request to one function.
//!
//! In: bytes. Out: an [`Arrival`] and its body, given to a [`Receive`]; or an [`Unreadable`].

pub mod arrival;

pub use arrival::{Arrival, Protocol, Sighting, TlsFacts, Trace, Unreadable};

pub mod settings;
pub use settings::{Limits, ListenSettings, ListenerSettings, TlsFiles};
