//! What the tests and the demo need around stile. Never linked into the product.

pub mod issuer;
pub mod mint;

pub use issuer::claims;
pub use issuer::{Fault, Fetches, Issuer};
