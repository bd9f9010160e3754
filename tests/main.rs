//! The only test program: an index of what is claimed, one sentence per module.

/// `stile.yaml` loads as documented, and each mistake in it is told where it was made.
mod config;

/// The command line answers as its sessions say: streams, exit codes, formats, help.
mod cli;
