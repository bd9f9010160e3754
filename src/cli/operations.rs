//! `stile operations`: shows the closed catalogue, what a method and path would be in it, and makes one.
//!
//! In: the settings file; a method and a path; an API's description. Out: entries of the catalogue.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Exit;
use super::settings_file::SettingsFile;
use super::table::{Format, Table};
use super::terminal::{Paint, Terminal};
use super::trouble::Trouble;
use crate::resolve::{Catalogue, Operation};
use crate::setup_error::SetupError;

mod declared;
mod import;

/// Show the closed catalogue of operations, what a method and path would be in it, and make one.
#[derive(Debug, Args)]
pub(super) struct OperationsArguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List every operation there is; what is not listed cannot be asked for.
    #[command(after_help = LIST_EXAMPLES)]
    List {
        /// Only those of this upstream.
        #[arg(long, value_name = "NAME")]
        upstream: Option<String>,
    },
    /// Say which operation a method and a path are.
    #[command(after_help = MATCH_EXAMPLES)]
    Match {
        /// The method, as sent: GET, POST.
        method: String,
        /// The path, as sent: /public/v0.2/acme/projects.
        path: String,
    },
    Import(import::ImportArguments),
}

pub(super) fn run(
    arguments: &OperationsArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let catalogue = || Ok::<_, Trouble>(Catalogue::load(&file.load()?.catalogue)?);
    match &arguments.what {
        What::List { upstream } => list(&catalogue()?, upstream.as_deref(), terminal),
        What::Match { method, path } => matched(&catalogue()?, method, path, terminal),
        What::Import(arguments) => import::run(arguments, terminal),
    }
}

fn list(
    catalogue: &Catalogue,
    upstream: Option<&str>,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let mut names: Vec<&str> = catalogue
        .entries()
        .iter()
        .map(|entry| &*entry.upstream)
        .collect();
    names.dedup();
    if let Some(upstream) = upstream.filter(|upstream| !names.contains(upstream)) {
        let fault = SetupError::new(format!(
            "there is no upstream `{upstream}` in the catalogue"
        ));
        return Err(Trouble::input(fault.did_you_mean(upstream, names)));
    }
    let format = terminal.format();
    let mut table = Table::new(&[
        "upstream", "action", "class", "resource", "method", "path", "body", "object", "list",
    ]);
    for entry in catalogue.entries() {
        if upstream.is_none_or(|upstream| *upstream == *entry.upstream) {
            table.row(vec![
                entry.upstream.to_string().into(),
                entry.action.clone().into(),
                entry.class.word().into(),
                entry.resource_type.clone().into(),
                entry.method.as_str().into(),
                entry.template.clone().into(),
                declared::body(entry),
                declared::object(entry, format),
                declared::list(entry, format),
            ]);
        }
    }
    terminal.table(&table)?;
    Ok(Exit::Yes)
}

fn matched(
    catalogue: &Catalogue,
    method: &str,
    path: &str,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    match catalogue.find(&parsed_method(method)?, path) {
        Ok(operation) => {
            tell(&operation, terminal)?;
            Ok(Exit::Yes)
        }
        Err(refusal) => {
            let word = refusal.reason().word();
            if terminal.format() == Format::Table {
                let why = format!("{word}: {}", refusal.told());
                terminal.verdict("REFUSED", Paint::Red, why)?;
            } else {
                terminal.json(&json!({ "reason": word, "told": refusal.told() }))?;
            }
            Ok(Exit::No)
        }
    }
}

/// A method as a request carries it; case matters (RFC 9110, section 9.1).
pub(super) fn parsed_method(text: &str) -> Result<http::Method, Trouble> {
    let upper = text.to_ascii_uppercase();
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let wrong = || SetupError::new(format!("`{text}` is not a method"));
    if text != upper && known.contains(&upper.as_str()) {
        return Err(Trouble::input(
            wrong().hint(format!("did you mean `{upper}`?")),
        ));
    }
    text.parse()
        .map_err(|_| Trouble::input(wrong().did_you_mean(&upper, known)))
}

fn tell(operation: &Operation, terminal: &mut Terminal) -> Result<(), Trouble> {
    let entry = &operation.entry;
    let resource = &operation.resource;
    let format = terminal.format();
    let parameters = operation.parameters.iter();
    let parameters = parameters.map(|(name, value)| (name.to_string(), Value::from(value.clone())));
    let mut table = Table::new(&["name", "value"]);
    let mut row = |name: &str, value: Value| table.row(vec![name.into(), value]);
    row("upstream", entry.upstream.to_string().into());
    row("action", entry.action.clone().into());
    row("class", entry.class.word().into());
    row("path", entry.template.clone().into());
    row("resource", resource.kind.clone().into());
    row("id", resource.id.clone().into());
    row("project", resource.project.clone().into());
    row("body", declared::body(entry));
    row("object", declared::object(entry, format));
    row("list", declared::list(entry, format));
    for (name, value) in parameters {
        row(&format!("{{{name}}}"), value);
    }
    terminal.table(&table)
}

const LIST_EXAMPLES: &str = "\
Examples:
  stile operations list
  stile operations list --upstream lightstep --format csv

Exits with 0, or with 2 when settings or catalogue are wrong.";

const MATCH_EXAMPLES: &str = "\
Examples:
  stile operations match GET /public/v0.2/acme/projects/X/streams
  stile operations match POST /v1/traces --format json

Exits with 0 when it is an operation, with 1 and the reason when it is none, with 2 when settings or
catalogue are wrong.";
