//! What the tests and the demo need around stile: an issuer that mints, an upstream that remembers.

pub mod tls;
pub mod upstream;
