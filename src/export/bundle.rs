//! Hands out rows as evidence: a file that says what was asked, what was found, and proves that what
//! was found stands in the journal.
//!
//! In: rows, journals, who asks. Out: one plain tar, byte for byte the same for the same rows,
//! moment and checkpoint; or what is proved by one, and what is not.
//!
//! | file | what |
//! | --- | --- |
//! | `data.csv`, `data.jsonl`, `data.ocsf.jsonl` | the rows |
//! | `report.html` | counts and plots for people |
//! | `leaves/N.txt` | of journal N each record that a row is made of, as it is there |
//! | `proofs/N.txt` | that all of them are in the tree of the checkpoint |
//! | `keys/N.checkpoint`, `keys/N.vkeys` | size and root, signed; the public keys |
//! | `MANIFEST.json` | the query, who and when, counts, digests |
//! | `SHA256SUMS` | the digest of every other file |
//! | `HOW-TO-VERIFY.txt`, `verify_bundle.py` | how to check it without stile |
//!
//! Inclusion proves that nothing was made up or changed. That no row was left out it does not prove,
//! unless every record of the tree is in the bundle.

mod agree;
mod archive;
mod check;
mod gather;
mod manifest;
mod multiproof;
mod report;
mod spool;
mod tally;
mod write;

pub use check::{Checked, check};
pub use write::{Journal, Plan, write};

/// The names of the files that have no number.
const CSV: &str = "data.csv";
const JSONL: &str = "data.jsonl";
const OCSF: &str = "data.ocsf.jsonl";
const REPORT: &str = "report.html";
const MANIFEST: &str = "MANIFEST.json";
const SUMS: &str = "SHA256SUMS";
const HOW_TO: &str = "HOW-TO-VERIFY.txt";
const PROGRAM: &str = "verify_bundle.py";

/// All of them.
const NAMES: &[&str] = &[HOW_TO, MANIFEST, SUMS, CSV, JSONL, OCSF, REPORT, PROGRAM];

/// The text of the page on how to check a bundle.
const HOW_TO_TEXT: &str = include_str!("bundle/how_to_verify.txt");
/// The program that checks one without stile.
const PROGRAM_TEXT: &str = include_str!("bundle/verify_bundle.py");

/// The file of a journal's leaves.
fn leaves_of(number: usize) -> String {
    format!("leaves/{number}.txt")
}

/// The file of the proof that they are in its tree.
fn proof_of(number: usize) -> String {
    format!("proofs/{number}.txt")
}

/// The file of its checkpoint.
fn checkpoint_of(number: usize) -> String {
    format!("keys/{number}.checkpoint")
}

/// The file of its public keys.
fn vkeys_of(number: usize) -> String {
    format!("keys/{number}.vkeys")
}
