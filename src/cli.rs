//! Says what was asked for on the command line, does it, and says how it went.
//!
//! In: the arguments. Out: an [`Exit`]; data on standard output, talk on standard error.
//!
//! Each command is one file with two things: its arguments, whose comments are its help text, and a
//! function that does it. What was said (`Arguments`) and what it means (settings loaded, streams
//! chosen) are two steps, and only the second can fail for a reason other than spelling.
//!
//! Never: data and talk on one stream, a colour where nobody looks, a token in an argument list
//! where `-` would do.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

mod asked;
mod audit;
mod check;
mod completions;
mod config;
mod described;
mod deploys;
mod diff;
mod doctor;
mod exit;
mod explain;
mod explain_code;
mod keys;
mod loaded;
mod man;
mod moment;
mod operations;
mod other_set;
mod progress;
mod proven;
mod prove;
mod replay;
mod schema;
mod scratch;
mod serve;
mod sessions;
mod settings_file;
mod show;
mod suggest;
mod table;
mod terminal;
mod test;
mod token;
mod trouble;
mod version;
mod who;

pub use exit::Exit;
pub use serve::ServeArguments;

use settings_file::SettingsFile;
use table::Format;
use terminal::{Color, Terminal};
use trouble::Trouble;

use crate::setup_error::SetupError;

/// An identity-aware reverse proxy for APIs that know only static keys.
///
/// stile takes the tokens of GitLab jobs and of people, decides every request by policy, writes the
/// decision down, and only then calls the API with the API's own key.
#[derive(Debug, Parser)]
#[command(name = "stile", version, max_term_width = 100, after_help = EXIT_CODES)]
#[command(
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Arguments {
    /// The settings file.
    ///
    /// Without it: ./stile.yaml if there is one, else /etc/stile/stile.yaml.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Colour on terminals; NO_COLOR and CLICOLOR_FORCE are obeyed.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: Color,

    /// How data is printed.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT"
    )]
    format: Format,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(ServeArguments),
    Check(check::CheckArguments),
    Test(test::TestArguments),
    Explain(Box<explain::ExplainArguments>),
    ExplainCode(explain_code::ExplainCodeArguments),
    Show(show::ShowArguments),
    Who(who::WhoArguments),
    Diff(diff::DiffArguments),
    Suggest(suggest::SuggestArguments),
    Prove(prove::ProveArguments),
    Replay(replay::ReplayArguments),
    Token(token::TokenArguments),
    Operations(operations::OperationsArguments),
    Audit(audit::AuditArguments),
    Deploys(deploys::DeploysArguments),
    Keys(keys::KeysArguments),
    Sessions(sessions::SessionsArguments),
    Doctor(doctor::DoctorArguments),
    Config(config::ConfigArguments),
    Schema(schema::SchemaArguments),
    Completions(completions::CompletionsArguments),
    Man(man::ManArguments),
    Version(version::VersionArguments),
}

impl Command {
    /// Some formats are of one command each; elsewhere they would mean nothing.
    fn takes(&self, format: Format) -> Result<(), Trouble> {
        let (of, word) = match format {
            Format::Junit => (
                matches!(self, Command::Test(_)),
                "junit` is a format of `stile test",
            ),
            Format::Ocsf => {
                let word = "ocsf` is a format of `stile audit export";
                let is_export = matches!(self, Command::Audit(audit) if audit.is_export());
                (is_export, word)
            }
            Format::GitlabCodequality => {
                let word = "gitlab-codequality` is a format of `stile check";
                (matches!(self, Command::Check(_)), word)
            }
            _ => return Ok(()),
        };
        let hint = "here there are table, json, jsonl and csv";
        match of {
            true => Ok(()),
            false => Err(Trouble::input(
                SetupError::new(format!("`{word}`")).hint(hint),
            )),
        }
    }
}

/// Does what the arguments ask for. Prints everything there is to print.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(not_parsed) => return spelled_wrong(&not_parsed),
    };
    crate::identify::install_crypto();
    let mut terminal = Terminal::new(arguments.color, arguments.format);
    if let Err(trouble) = arguments.command.takes(arguments.format) {
        return terminal.tell(&trouble);
    }
    let file = SettingsFile::new(arguments.config);
    let answer = match arguments.command {
        Command::Serve(command) => serve::run(&command, &file),
        Command::Check(command) => check::run(&command, &file, &mut terminal),
        Command::Test(command) => test::run(&command, &file, &mut terminal),
        Command::Explain(command) => explain::run(&command, &file, &mut terminal),
        Command::ExplainCode(command) => explain_code::run(&command, &mut terminal),
        Command::Show(command) => show::run(&command, &file, &mut terminal),
        Command::Who(command) => who::run(&command, &file, &mut terminal),
        Command::Diff(command) => diff::run(&command, &file, &mut terminal),
        Command::Suggest(command) => suggest::run(&command, &file, &mut terminal),
        Command::Prove(command) => prove::run(&command, &file, &mut terminal),
        Command::Replay(command) => replay::run(&command, &file, &mut terminal),
        Command::Token(command) => token::run(&command, &file, &mut terminal),
        Command::Operations(command) => operations::run(&command, &file, &mut terminal),
        Command::Audit(command) => audit::run(&command, &file, &mut terminal),
        Command::Deploys(command) => deploys::run(&command, &file, &mut terminal),
        Command::Keys(command) => keys::run(&command, &file, &mut terminal),
        Command::Sessions(command) => sessions::run(&command, &file, &mut terminal),
        Command::Doctor(command) => doctor::run(&command, &file, &mut terminal),
        Command::Config(command) => config::run(&command, &file, &mut terminal),
        Command::Schema(command) => schema::run(&command, &file, &mut terminal),
        Command::Completions(command) => completions::run(&command, &mut terminal),
        Command::Man(command) => man::run(&command, &mut terminal),
        Command::Version(command) => version::run(&command, &mut terminal),
    };
    match answer.and_then(|exit| terminal.finish().map(|()| exit)) {
        Ok(exit) => exit,
        Err(trouble) => terminal.tell(&trouble),
    }
}

/// Help and version are answers; anything else that could not be parsed is wrong input.
fn spelled_wrong(not_parsed: &clap::Error) -> Exit {
    // A reader that went away does not change what the answer is.
    let _ = not_parsed.print();
    if not_parsed.use_stderr() {
        Exit::Input
    } else {
        Exit::Yes
    }
}

const EXIT_CODES: &str = "\
Exit codes:
  0  yes: done, allowed, verified
  1  a correct no: denied, a test failed, a journal was changed
  2  your input is wrong: arguments, settings, policies
  3  could not find out: a file or the network did not answer
  4  a fault in stile itself; please report it";
