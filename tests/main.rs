//! The only test program: an index of what is claimed, one sentence per module.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that cannot go on should stop; clippy.toml knows `#[test]` functions only"
)]

/// The real program in a world of its own; checks every answer of every test.
mod support;
/// Imports point backwards, and every file says what it is.
mod architecture;
/// One request after another, well-formed or hostile: what passes the door and what does not.
mod listen;
mod lists;
/// Tokens of many issuers, each flaw with its own word.
mod identify;
/// A token that is bound to a key is worth nothing without it.
mod bound;
/// Who was ended is refused within a second, by every instance, in the middle of an answer.
mod ending;
/// Teams follow the provider's directory, in the manners of Okta and of Entra ID.
mod directory;
/// A caller is told about itself and about nobody else.
mod own;
/// People sign in, and are out again when they should be.
mod people;
/// A token does once what counts once.
mod once;
/// Every operation matches its own template, and no spelling reaches another.
mod resolve;
/// An API's description becomes a catalogue that loads, and what it does not tell is `power`.
mod openapi;
/// Every reason has an answer in every form.
mod reasons;
/// The shipped policy folder loads, passes its cases and lacks none.
mod policies;
/// Mistakes in policies are found at their line; decisions and their reasons.
mod authorize;
/// What is in the journal stays in it, whatever disk, crash or hand does.
mod journal;
/// What somebody asks for in the journal is found, by scan and by index alike.
mod index;
/// What is handed out is what was asked for, and says what the records say.
mod export;
/// How often an upstream is asked, when it rests, how it is known.
mod upstreams;
/// Programs that show a client certificate in the place of a token.
mod workloads;
/// Telemetry says what the token says, whatever its sender wrote.
mod stamp;
/// Which key a request is sent with, and how one takes another one's place under load.
mod upstream_keys;
/// What the listening side shows and asks for, before any request is read.
mod tls;
/// What crosses to the upstream and back, and what stays behind.
mod forward;
/// `stile.yaml` loads as documented, and each mistake in it is told where it was made.
mod config;
/// The command line answers as its sessions say: streams, exit codes, formats, help.
mod cli;
/// What `check`, `test` and `schema` hand to other programs.
mod checks;
/// What a policy set does is shown as it is: the table, the difference, the explanation.
mod workbench;
/// Claims about policies are proved, and each becomes false by the rule that breaks it.
mod prove;
/// The whole way with the real program.
mod pipeline;

mod objects;
/// Keys of issuers: seen, blocked, fetched anew, from files, in an outage.
mod keys;
/// What is only tried changes no decision and is written down.
mod observe;
/// What a replay foretells is what the changed set then decides.
mod replay;
/// A policy set is swapped under load, whole.
mod scale;
/// Ten minutes with a hostile caller, by generator, against the real program.
mod hooks;
mod hostile;
/// Every reason is met by a real request.
mod reachable;
/// What is wrong in the operator's files is told once, where it stands, and nothing is started.
mod bad_input;
/// A policy folder with one thing wrong is refused whole, and what runs keeps the set it had.
mod bad_folders;
/// The demo is a test.
mod demo;
mod deployments;
mod deploys;
/// The console shows each what the policies let them see, and texts stay texts.
mod console;
/// The README is true.
mod readme;
/// Real callers (OpenTelemetry in Python and JavaScript, curl, Terraform's manners) come through.
mod callers;
/// What `make up` would start loads, builds and answers.
mod compose;
/// Records leave for others, every one, and nobody waits for it.
mod leave;
/// The documents say what the code says.
mod docs;
/// The journal endures kills, floods, failing calls, power cuts and a full disk, with the real program.
mod endure;
