//! What holds of the step `listen`, seen from a socket.
//!
//! Each file begins with the valid case and changes one thing at a time.

mod bodies;
mod conformance;
mod drain;
mod front;
mod heads;
mod hostile;
mod http2;
mod limits;
mod names;
mod stapled;
mod other_readers;
mod rejected;
mod scan;
mod stand;
mod tls;
