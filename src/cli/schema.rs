//! `stile schema`: describes the files that people write, for editors.
//!
//! In: which file. Out: its JSON Schema; for `cedar`, the schema that Cedar files are validated by.
//! With `--write` all of them, where the first lines of the shipped files point.

use std::fs;
use std::path::Path;

use clap::{Args, ValueEnum};
use schemars::schema_for;
use serde_json::Value;

use super::Exit;
use super::settings_file::SettingsFile;
use super::terminal::Terminal;
use super::trouble::Trouble;
use crate::authorize::{
    BindingsFile, CasesFile, DirectoryFile, InvariantsFile, Policies, PolicySettings, RolesFile,
};
use crate::resolve::Catalogue;
use crate::setup_error::SetupError;

/// Print the schema of a file, for editors.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct SchemaArguments {
    /// Which file.
    #[arg(value_enum, required_unless_present = "write")]
    of: Option<Described>,

    /// Write the schemas of all policy files into the policy folder.
    ///
    /// JSON Schemas go into .schema/, where `# yaml-language-server` in the first line of each file
    /// points; the schema of Cedar files becomes stile.cedarschema.
    #[arg(long, conflicts_with = "of")]
    write: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Described {
    /// stile.yaml
    Config,
    /// policies/bindings.yaml
    Bindings,
    /// policies/directory.yaml
    Directory,
    /// policies/roles.yaml
    Roles,
    /// policies/invariants.yaml
    Invariants,
    /// policies/tests/*.yaml
    Tests,
    /// policies/operations/*.yaml
    Operations,
    /// policies/stile.cedarschema, made of catalogue and directory
    Cedar,
}

pub(super) fn run(
    arguments: &SchemaArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let Some(of) = arguments.of else {
        return write(file, terminal);
    };
    match schema(of) {
        Some(schema) => terminal.json(&schema)?,
        None => terminal.bytes(cedar(file)?.1.as_bytes())?,
    }
    Ok(Exit::Yes)
}

/// The JSON Schema of a file; nothing for Cedar, whose schema depends on the folder.
fn schema(of: Described) -> Option<Value> {
    Some(match of {
        Described::Config => crate::config::schema(),
        Described::Bindings => schema_for!(BindingsFile).to_value(),
        Described::Directory => schema_for!(DirectoryFile).to_value(),
        Described::Roles => schema_for!(RolesFile).to_value(),
        Described::Invariants => schema_for!(InvariantsFile).to_value(),
        Described::Tests => schema_for!(CasesFile).to_value(),
        Described::Operations => Catalogue::schema(),
        Described::Cedar => return None,
    })
}

/// The policy folder and its Cedar schema.
fn cedar(file: &SettingsFile) -> Result<(PolicySettings, String), Trouble> {
    let settings = file.load()?;
    let catalogue = Catalogue::load(&settings.catalogue)?;
    let text = Policies::schema(&settings.policies, catalogue.entries())?;
    Ok((settings.policies, text))
}

fn write(file: &SettingsFile, terminal: &mut Terminal) -> Result<Exit, Trouble> {
    let (settings, text) = cedar(file)?;
    let folder = settings.folder.join(".schema");
    fs::create_dir_all(&folder).map_err(|why| unwritable(&folder, &why))?;
    for (name, of) in WRITTEN {
        if let Some(schema) = schema(*of) {
            put(&folder.join(name), &format!("{schema:#}\n"), terminal)?;
        }
    }
    put(&settings.folder.join("stile.cedarschema"), &text, terminal)?;
    Ok(Exit::Yes)
}

fn put(path: &Path, text: &str, terminal: &mut Terminal) -> Result<(), Trouble> {
    fs::write(path, text).map_err(|why| unwritable(path, &why))?;
    terminal.line(path.display())
}

fn unwritable(path: &Path, why: &std::io::Error) -> Trouble {
    Trouble::Unknown(SetupError::in_file(
        path,
        format!("cannot be written: {why}"),
    ))
}

/// Where the first lines of the shipped files point.
const WRITTEN: &[(&str, Described)] = &[
    ("bindings.json", Described::Bindings),
    ("directory.json", Described::Directory),
    ("roles.json", Described::Roles),
    ("invariants.json", Described::Invariants),
    ("tests.json", Described::Tests),
    ("operations.json", Described::Operations),
];

const EXAMPLES: &str = "\
Examples:
  stile schema config > stile.schema.json
  then, as the first line of stile.yaml:
  # yaml-language-server: $schema=stile.schema.json

  stile schema --write        all of the policy folder, where the first lines of its files point";
