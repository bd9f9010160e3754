//! `stile schema`: describes the files that people write, for editors.
//!
//! In: which file. Out: its JSON Schema; for `cedar`, the schema that Cedar files are validated by.

use clap::{Args, ValueEnum};
use schemars::schema_for;

use super::Exit;
use super::settings_file::SettingsFile;
use super::terminal::Terminal;
use super::trouble::Trouble;
use crate::authorize::{BindingsFile, CasesFile, DirectoryFile, Policies, RolesFile};
use crate::resolve::Catalogue;

/// Print the schema of a file, for editors.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct SchemaArguments {
    /// Which file.
    #[arg(value_enum)]
    of: Described,
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
    let schema = match arguments.of {
        Described::Config => crate::config::schema(),
        Described::Bindings => schema_for!(BindingsFile).to_value(),
        Described::Directory => schema_for!(DirectoryFile).to_value(),
        Described::Roles => schema_for!(RolesFile).to_value(),
        Described::Tests => schema_for!(CasesFile).to_value(),
        Described::Operations => Catalogue::schema(),
        Described::Cedar => {
            let settings = file.load()?;
            let catalogue = Catalogue::load(&settings.catalogue)?;
            let text = Policies::schema(&settings.policies, catalogue.entries())?;
            terminal.bytes(text.as_bytes())?;
            return Ok(Exit::Yes);
        }
    };
    terminal.json(&schema)?;
    Ok(Exit::Yes)
}

const EXAMPLES: &str = "\
Examples:
  stile schema config > stile.schema.json
  then, as the first line of stile.yaml:
  # yaml-language-server: $schema=stile.schema.json

  stile schema cedar > policies/stile.cedarschema      for the Cedar language server";
