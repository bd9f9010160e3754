//! What the tests and the demo need around stile: an issuer that mints, an upstream that remembers,
//! the real program in a folder of its own, and callers. Never linked into the product.

pub mod bench;
pub mod caller;
pub mod demo;
pub mod gitlab;
pub mod history;
pub mod issuer;
pub mod mint;
pub mod proxy;
pub mod tls;
pub mod upstream;
pub mod witness;
pub mod world;

pub use caller::{Answer, Call};
pub use issuer::claims;
pub use issuer::{Fault, Fetches, Issuer};
pub use proxy::{Folder, Proxy};
pub use witness::{Manner, Witness};
pub use world::{Ground, World};
