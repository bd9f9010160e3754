//! `stile keys`: shows the keys that tokens are verified with, blocks them, and fetches them anew; and
//! how old the keys are that upstreams are shown.
//!
//! In: a running stile, or the issuers themselves; the list of blocked keys. Out: one row for each
//! key; or a changed list, and what happens next.
//!
//! Never: a private half of anything, or an upstream's key; a key set is what an issuer publishes to the
//! world.

use clap::{Args, Subcommand};
use tokio::runtime::Runtime;

use super::Exit;
use super::asked;
use super::settings_file::SettingsFile;
use super::table::{Format, Table};
use super::terminal::Terminal;
use super::trouble::Trouble;
use crate::admin::{IssuerKeys, KeysPage, ListedKey};
use crate::clock::Clock;
use crate::setup_error::SetupError;

mod block;
mod refresh;
mod upstreams;

/// Show the keys that tokens are verified with, block some, or fetch them anew.
///
/// Asks the running stile on its admin address. With --fetch it asks the issuers themselves, from
/// where it runs, and needs no running stile.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(super) struct KeysArguments {
    /// Ask the issuers themselves, from here.
    #[arg(long, conflicts_with = "admin")]
    fetch: bool,
    /// Where the running stile answers about itself. Default: `admin.address` of the settings.
    #[arg(long, value_name = "URL")]
    admin: Option<String>,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Let a key verify nothing from now on, whatever its issuer publishes.
    #[command(after_help = block::BLOCK_EXAMPLES)]
    Block {
        /// The issuer's name in the settings.
        issuer: String,
        /// The key id, as `stile keys` lists it.
        kid: String,
        /// Why, for who finds it years later.
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
    /// Take a block back.
    #[command(after_help = block::UNBLOCK_EXAMPLES)]
    Unblock {
        /// The issuer's name in the settings.
        issuer: String,
        /// The key id.
        kid: String,
    },
    /// Show how old the keys are that upstreams are shown, and when each was last used.
    #[command(after_help = upstreams::EXAMPLES)]
    Upstreams,
    /// Let the running stile fetch all keys now.
    #[command(after_help = refresh::EXAMPLES)]
    Refresh,
}

pub(super) fn run(
    arguments: &KeysArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    match &arguments.what {
        None => list(arguments, file, terminal),
        Some(What::Block { issuer, kid, why }) => block::block(issuer, kid, why, file, terminal),
        Some(What::Unblock { issuer, kid }) => block::unblock(issuer, kid, file, terminal),
        Some(What::Upstreams) => upstreams::list(file, terminal),
        Some(What::Refresh) => refresh::refresh(file, terminal),
    }
}

fn list(
    arguments: &KeysArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let page = match (arguments.fetch, &arguments.admin) {
        (true, _) => fetched(file)?,
        (false, Some(admin)) => {
            let admin = asked::admin_url(Some(admin), UNUSED)?;
            running(&admin)?
        }
        (false, None) => running(&asked::admin_url(None, file.load()?.admin)?)?,
    };
    terminal.table(&rows(&page, terminal.format() == Format::Table))?;
    for issuer in &page.issuers {
        if let Some(fault) = fault(issuer) {
            terminal.warn(&fault);
        }
    }
    let well = |issuer: &IssuerKeys| {
        matches!(issuer.state.as_str(), "fresh" | "file")
            && issuer.keys.iter().any(|key| key.state == "used")
    };
    Ok(match page.issuers.iter().all(well) {
        true => Exit::Yes,
        false if arguments.fetch => Exit::Unknown,
        false => Exit::No,
    })
}

fn running(admin: &http::Uri) -> Result<KeysPage, Trouble> {
    let body = runtime()?.block_on(asked::ask(admin, "/keys"))?;
    serde_json::from_slice(&body).map_err(|_| {
        let fault = SetupError::new(format!(
            "what answers at {admin} is not a stile of this kind"
        ));
        Trouble::Unknown(fault.hint("compare `stile version` with the version that runs"))
    })
}

fn fetched(file: &SettingsFile) -> Result<KeysPage, Trouble> {
    let settings = file.load()?;
    let issuers = crate::serve::issuers(&settings, &Clock::machine()).map_err(Trouble::input)?;
    runtime()?.block_on(issuers.refresh());
    Ok(KeysPage::of(issuers.states()))
}

/// What a command that asks the network runs on.
pub(super) fn runtime() -> Result<Runtime, Trouble> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.map_err(|error| {
        let fault = format!("no runtime for the network: {error}");
        Trouble::Unknown(SetupError::new(fault))
    })
}

/// One for each key; the ages in a unit for people, or in seconds for programs.
fn rows(page: &KeysPage, for_people: bool) -> Table {
    let mut table = Table::new(if for_people { &HEADING } else { &PLAIN_HEADING });
    for issuer in &page.issuers {
        let source = issuer.keys_url.as_ref().unwrap_or(&issuer.source);
        let mut row = |key: Option<&ListedKey>| {
            let of_key = |part: fn(&ListedKey) -> Option<String>| key.and_then(part);
            table.row(vec![
                issuer.issuer.clone().into(),
                issuer.state.clone().into(),
                match for_people {
                    true => issuer.age_s.map(age).into(),
                    false => issuer.age_s.into(),
                },
                of_key(|key| Some(key.kid.clone())).into(),
                of_key(|key| Some(key.state.clone())).into(),
                of_key(|key| key.kind.clone()).into(),
                key.and_then(|key| key.bits).into(),
                of_key(|key| key.algorithm.clone()).into(),
                of_key(|key| key.why.clone()).into(),
                source.clone().into(),
            ]);
        };
        match issuer.keys.as_slice() {
            [] => row(None),
            keys => keys.iter().for_each(|key| row(Some(key))),
        }
    }
    table
}

/// What an operator should know of an issuer beside its rows.
fn fault(issuer: &IssuerKeys) -> Option<SetupError> {
    let fault = issuer.fault.as_ref()?;
    let left = match issuer.usable_s {
        Some(0) | None => "it has no keys that may be used".to_owned(),
        Some(left) => format!("its last good keys serve {} more", age(left)),
    };
    let what = format!(
        "the last fetch from `{}` failed: {fault} ({}); {left}",
        issuer.issuer,
        issuer.fault_url.as_deref().unwrap_or(&issuer.source)
    );
    let error = SetupError::new(what);
    Some(match &issuer.advice {
        Some(advice) => error.hint(advice.clone()),
        None => error,
    })
}

/// A span in the unit that a person would use.
pub(super) fn age(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[rustfmt::skip]
const HEADING: [&str; 10] = [
    "issuer", "set", "age", "key", "state", "kind", "bits", "algorithm", "why", "source",
];
#[rustfmt::skip]
const PLAIN_HEADING: [&str; 10] = [
    "issuer", "set", "age_s", "key", "state", "kind", "bits", "algorithm", "why", "source",
];

/// Stands for `admin.address` where another address was named.
const UNUSED: std::net::SocketAddr =
    std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

const EXAMPLES: &str = "\
Examples:
  stile keys                             what the running stile verifies with
  stile keys --fetch                     what the issuers publish, asked from here
  stile keys --format json | jq -r '.[] | select(.state == \"refused\") | .why'

Exits with 0 when each issuer has fresh keys, with 1 when the running stile has stale ones or none,
with 3 when it cannot be asked or, with --fetch, an issuer does not give its keys.";
