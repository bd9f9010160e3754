//! `stile token`: shows what stile thinks of a token, and why.
//!
//! In: a token, from standard input or as an argument; keys from its issuer or from a file. Out: each
//! check that was made, and the verdict.
//!
//! Never: prints the token, or a claim of one that did not verify.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Exit;
use super::moment::moment;
use super::settings_file::SettingsFile;
use super::table::{Format, Table};
use super::terminal::{Paint, Terminal};
use super::trouble::Trouble;
use crate::clock::{Clock, Time};
use crate::config::signature_algorithms;
use crate::identify::{Examination, verify_signature_with_jwks, verify_with_jwks};
use crate::refusal::{Reason, Refusal};
use crate::secret::Secret;
use crate::setup_error::SetupError;

/// Show what stile thinks of a token, check by check.
#[derive(Debug, Args)]
pub(super) struct TokenArguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Check a token with its issuer's keys, as a request with it would be.
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain {
        /// As if it were this time: `2026-11-25T22:28:38Z`, or seconds since 1970. The keys are those
        /// of now.
        #[arg(long, value_name = "TIME", value_parser = moment)]
        as_of: Option<Time>,
        /// The token; `-` or nothing reads standard input, where no list of processes shows it.
        token: Option<String>,
    },
    /// Check a token with keys from a file, without a network.
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify {
        /// The file with the issuer's keys, a JWK set.
        #[arg(long, value_name = "FILE")]
        jwks: PathBuf,
        /// Check form, algorithm, key and signature only, without settings. Proves no identity.
        #[arg(long)]
        signature_only: bool,
        /// As if it were this time: `2026-11-25T22:28:38Z`, or seconds since 1970.
        #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "signature_only")]
        as_of: Option<Time>,
        /// The token; `-` or nothing reads standard input, where no list of processes shows it.
        token: Option<String>,
    },
}

pub(super) fn run(
    arguments: &TokenArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    match &arguments.what {
        What::Explain { as_of, token } => {
            let token = read_token(token.as_deref())?;
            let examination = with_issuers_keys(&token, *as_of, file)?;
            tell(&examination, terminal)
        }
        What::Verify {
            jwks,
            signature_only: true,
            token,
            ..
        } => {
            let keys = read_keys(jwks)?;
            let token = read_token(token.as_deref())?;
            let outcome =
                verify_signature_with_jwks(token.reveal(), &keys, &signature_algorithms());
            tell_signature(outcome, jwks, terminal)
        }
        What::Verify {
            jwks,
            signature_only: false,
            as_of,
            token,
        } => {
            let keys = read_keys(jwks)?;
            let token = read_token(token.as_deref())?;
            let examination = with_keys(&token, &keys, file, at(*as_of))?;
            unreadable_keys(&examination.outcome, jwks)?;
            tell(&examination, terminal)
        }
    }
}

/// The time asked about, or now.
fn at(as_of: Option<Time>) -> Time {
    as_of.unwrap_or_else(|| Clock::machine().now())
}

/// Asks the issuer for its keys, as `serve` does.
pub(super) fn with_issuers_keys(
    token: &Secret,
    as_of: Option<Time>,
    file: &SettingsFile,
) -> Result<Examination, Trouble> {
    let clock = Clock::machine();
    let issuers = crate::serve::issuers(&file.load()?, &clock).map_err(Trouble::input)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| {
        Trouble::Unknown(SetupError::new(format!(
            "no runtime for the network: {error}"
        )))
    })?;
    Ok(runtime.block_on(issuers.examine(token.reveal(), at(as_of))))
}

/// Tries each trusted issuer; only the token's own says more than that it is not its token.
fn with_keys(
    token: &Secret,
    keys: &[u8],
    file: &SettingsFile,
    now: Time,
) -> Result<Examination, Trouble> {
    let settings = file.load()?;
    let mut last = None;
    for issuer in &settings.issuers {
        let examination = verify_with_jwks(token.reveal(), keys, issuer, now);
        let foreign = matches!(&examination.outcome, Err(refusal) if refusal.reason() == Reason::UnknownIssuer);
        last = Some(examination);
        if !foreign {
            break;
        }
    }
    last.ok_or_else(|| Trouble::Fault(SetupError::new("settings without an issuer were loaded")))
}

/// The token of an argument or of standard input, without the line break after it.
pub(super) fn read_token(said: Option<&str>) -> Result<Secret, Trouble> {
    if let Some(token) = said.filter(|said| *said != "-") {
        return Ok(Secret::new(token.to_owned()));
    }
    let mut text = String::new();
    let read = std::io::stdin()
        .take(LARGEST_TOKEN)
        .read_to_string(&mut text);
    if let Err(error) = read {
        let what = format!("no token can be read from standard input: {error}");
        return Err(Trouble::input(SetupError::new(what)));
    }
    let token = text.strip_suffix('\n').unwrap_or(&text);
    let token = token.strip_suffix('\r').unwrap_or(token);
    if token.is_empty() {
        let fault = SetupError::new("standard input has no token");
        return Err(Trouble::input(fault.hint("stile token explain - < FILE")));
    }
    Ok(Secret::new(token.to_owned()))
}

fn read_keys(file: &Path) -> Result<Vec<u8>, Trouble> {
    let mut keys = Vec::new();
    let read = std::fs::File::open(file)
        .and_then(|open| open.take(LARGEST_KEY_SET).read_to_end(&mut keys));
    read.map_err(|error| {
        let what = format!(
            "the key set cannot be read: {}",
            error.to_string().to_lowercase()
        );
        Trouble::input(SetupError::in_file(file, what))
    })?;
    Ok(keys)
}

/// A file that is no key set says nothing about the token.
fn unreadable_keys<T>(outcome: &Result<T, Refusal>, file: &Path) -> Result<(), Trouble> {
    match outcome {
        Err(refusal) if refusal.reason() == Reason::IdpUnavailable => {
            let fault = SetupError::in_file(file, "this is not a JWK set with usable keys");
            Err(Trouble::input(
                fault.hint("it is what the issuer's `jwks_uri` answers"),
            ))
        }
        _ => Ok(()),
    }
}

fn tell_signature(
    outcome: Result<(), Refusal>,
    jwks: &Path,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    unreadable_keys(&outcome, jwks)?;
    let verdict = verdict(outcome.as_ref().err());
    if terminal.format() == Format::Table {
        summary(
            outcome.as_ref().err(),
            "the signature verifies; nothing else was checked",
            terminal,
        )?;
    } else {
        terminal.json(&verdict)?;
    }
    Ok(exit(outcome.as_ref().err()))
}

fn tell(examination: &Examination, terminal: &mut Terminal) -> Result<Exit, Trouble> {
    let refusal = examination.outcome.as_ref().err();
    if terminal.format() == Format::Table {
        let mut table = Table::new(&["check", "held", "yours"]);
        for check in &examination.checks {
            let held = if check.ok { "yes" } else { "NO" };
            table.row(vec![
                check.check.clone().into(),
                held.into(),
                check.yours.clone().into(),
            ]);
        }
        terminal.table(&table)?;
        terminal.line("")?;
        let who = examination.outcome.as_ref().ok();
        let who = who.map(|principal| {
            let facts = principal.facts();
            format!("{} of issuer {}", facts.subject, facts.issuer)
        });
        summary(refusal, &who.unwrap_or_default(), terminal)?;
    } else {
        let mut document = verdict(refusal);
        if let Some(keys) = document.as_object_mut() {
            keys.insert("checks".into(), json!(examination.checks));
            let facts = examination
                .outcome
                .as_ref()
                .ok()
                .map(|principal| json!(principal.facts()));
            keys.insert("facts".into(), facts.unwrap_or(Value::Null));
        }
        terminal.json(&document)?;
    }
    Ok(exit(refusal))
}

fn summary(
    refusal: Option<&Refusal>,
    verified: &str,
    terminal: &mut Terminal,
) -> Result<(), Trouble> {
    match refusal {
        None => terminal.verdict("VERIFIED", Paint::Green, verified),
        Some(refusal) => {
            let why = format!("{}: {}", refusal.reason().word(), refusal.told());
            terminal.verdict("REFUSED", Paint::Red, why)?;
            match refusal.noted() {
                Some(noted) => terminal.foreign(format_args!("  {noted}")),
                None => Ok(()),
            }
        }
    }
}

fn verdict(refusal: Option<&Refusal>) -> Value {
    match refusal {
        None => json!({ "verified": true }),
        Some(refusal) => json!({
            "verified": false,
            "reason": refusal.reason().word(),
            "told": refusal.told(),
            "noted": refusal.noted(),
        }),
    }
}

/// The exit for a token's end.
pub(super) fn exit(refusal: Option<&Refusal>) -> Exit {
    match refusal.map(Refusal::reason) {
        None => Exit::Yes,
        Some(Reason::IdpUnavailable | Reason::ClockUntrusted) => Exit::Unknown,
        Some(_) => Exit::No,
    }
}

/// Bytes read of standard input: more than any token that is accepted.
const LARGEST_TOKEN: u64 = 64 * 1024;
const LARGEST_KEY_SET: u64 = 1024 * 1024;

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  stile token explain - < token.jwt
  printf '%s' \"$STILE_TOKEN\" | stile token explain     in a GitLab job
  stile token explain --as-of 2026-11-25T22:28:38Z - < token.jwt

Exits with 0 when it verifies, with 1 and the failed check when not, with 3 when its issuer's keys
cannot be had.";

const VERIFY_EXAMPLES: &str = "\
Examples:
  curl -s https://gitlab.example.com/oauth/discovery/keys > keys.json
  stile token verify --jwks keys.json - < token.jwt
  stile token verify --jwks keys.json --signature-only - < token.jwt

Exits with 0 when it verifies, with 1 and the failed check when not, with 2 when the file is no key
set.";
