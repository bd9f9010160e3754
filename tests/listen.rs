//! What holds of the step `listen`, seen from a socket.
//!
//! Each file begins with the valid case and changes one thing at a time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking; clippy exempts only the functions marked as tests"
)]

mod bodies;
mod drain;
mod heads;
mod hostile;
mod http2;
mod limits;
mod stand;
mod tls;
