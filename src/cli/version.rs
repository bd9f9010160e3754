//! `stile version`: which program this is.
//!
//! In: nothing. Out: name and version; what it is made of, if asked.

use clap::Args;

use super::Exit;
use super::table::{Format, Table};
use super::terminal::Terminal;
use super::trouble::Trouble;

/// Print the version.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  stile version --verbose --format json")]
pub(super) struct VersionArguments {
    /// Also the build, the platform and the rules of the policy language.
    #[arg(long, short)]
    verbose: bool,
}

pub(super) fn run(arguments: &VersionArguments, terminal: &mut Terminal) -> Result<Exit, Trouble> {
    if !arguments.verbose && terminal.format() == Format::Table {
        terminal.line(format_args!("stile {VERSION}"))?;
        return Ok(Exit::Yes);
    }
    let mut table = Table::new(&["name", "value"]);
    let mut row = |name: &str, value: &str| table.row(vec![name.into(), value.into()]);
    row("stile", VERSION);
    if arguments.verbose {
        let built = if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        };
        let platform = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
        row("commit", option_env!("STILE_COMMIT").unwrap_or("unknown"));
        row("build", built);
        row("platform", &platform);
        row("cedar sdk", &cedar_policy::get_sdk_version().to_string());
        row(
            "cedar language",
            &cedar_policy::get_lang_version().to_string(),
        );
        row(
            "time zones",
            jiff::tz::db()
                .available()
                .next()
                .map_or("missing", |_| "present"),
        );
    }
    terminal.table(&table)?;
    Ok(Exit::Yes)
}

const VERSION: &str = env!("CARGO_PKG_VERSION");
