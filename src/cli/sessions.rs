//! `stile sessions`: shows who has signed in, ends sessions and tokens, blocks whom they are of, and shows
//! who is ended.
//!
//! In: an issuer and a name at it. Out: a row in the database that every instance obeys within a second.
//!
//! Needs no running stile: the rows are in the database of `people`. Each instance that obeys writes the
//! change into its own journal.
//!
//! Never: shows a token; what ends one is its id, its SHA-256, or its fingerprint in a record.

use clap::{Args, Subcommand};

use super::Exit;
use super::settings_file::SettingsFile;
use super::terminal::Terminal;
use super::trouble::Trouble;
use crate::identify::What as Thing;

mod begun;
mod change;
mod listed;

/// End sessions and tokens before their time, or block whom they are of.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(super) struct SessionsArguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// End what was issued until now; who signs in again is let in again.
    #[command(after_help = change::END_EXAMPLES)]
    End {
        #[command(flatten)]
        about: About,
        /// Why, for who finds it later.
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
    /// Take nothing any more, also what is issued later, until it is unblocked.
    #[command(after_help = change::BLOCK_EXAMPLES)]
    Block {
        #[command(flatten)]
        about: About,
        /// Why, for who finds it years later.
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
    /// Take a block back, an operator's or a provider's.
    #[command(after_help = change::UNBLOCK_EXAMPLES)]
    Unblock {
        #[command(flatten)]
        about: About,
    },
    /// Show who has signed in, and when each session ends by itself.
    #[command(after_help = begun::EXAMPLES)]
    List,
    /// Show who is ended or blocked, since when, why and by whom.
    #[command(after_help = listed::EXAMPLES)]
    Endings,
}

/// Whom or what it is about.
#[derive(Debug, Args)]
struct About {
    /// The issuer's name in the settings.
    #[arg(long, value_name = "NAME")]
    issuer: String,
    #[command(flatten)]
    named: Named,
}

/// Exactly one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Named {
    /// A person, a program or a job, by its subject in records, or by the issuer's own id of the person.
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,
    /// A session at the issuer, by its id (`sid`).
    #[arg(long, value_name = "SID")]
    session: Option<String>,
    /// One token, by its id (`jti`), its SHA-256 in hexadecimal, or `token_fp` of a record.
    #[arg(long, value_name = "FINGERPRINT")]
    token: Option<String>,
    /// Everybody in a group, and the jobs of the projects below it.
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Whoever has an e-mail address.
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
}

impl Named {
    fn said(&self) -> Option<(Thing, &str)> {
        let all = [
            (Thing::Subject, &self.subject),
            (Thing::Session, &self.session),
            (Thing::Token, &self.token),
            (Thing::Group, &self.group),
            (Thing::Email, &self.email),
        ];
        let mut said = all.into_iter();
        said.find_map(|(thing, value)| Some((thing, value.as_deref()?)))
    }
}

pub(super) fn run(
    arguments: &SessionsArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    match &arguments.what {
        What::End { about, why } => change::end(about, why, file, terminal),
        What::Block { about, why } => change::block(about, why, file, terminal),
        What::Unblock { about } => change::unblock(about, file, terminal),
        What::List => begun::list(file, terminal),
        What::Endings => listed::list(file, terminal),
    }
}
