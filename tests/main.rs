//! The only test program: an index of what is claimed, one sentence per module.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that cannot go on should stop; clippy.toml knows `#[test]` functions only"
)]

/// Imports point backwards, and every file says what it is.
mod architecture;
/// Every operation matches its own template, and no spelling reaches another.
mod resolve;
/// Every reason has an answer in every form.
mod reasons;
/// The shipped policy folder loads, passes its cases and lacks none.
mod policies;
/// `stile.yaml` loads as documented, and each mistake in it is told where it was made.
mod config;
/// The command line answers as its sessions say: streams, exit codes, formats, help.
mod cli;
/// Real callers (OpenTelemetry in Python and JavaScript, curl, Terraform's manners) come through.
mod callers;
/// The documents say what the code says.
mod docs;
