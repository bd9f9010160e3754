//! The only test program: an index of what is claimed, one sentence per module.

/// Real callers (OpenTelemetry in Python and JavaScript, curl, Terraform's manners) come through.
mod callers;
/// The documents say what the code says.
mod docs;
