//! `stile operations import`: makes a catalogue of an OpenAPI file, or compares the two.
//!
//! In: the description, and with `--check` the catalogue. Out: the catalogue's text, or a row for each
//! difference.
//!
//! Never: written over a catalogue that people may have reviewed, unless they say so; handed out before
//! stile itself has loaded it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::Exit;
use crate::cli::scratch::Scratch;
use crate::cli::table::Table;
use crate::cli::terminal::Terminal;
use crate::cli::trouble::Trouble;
use crate::openapi::{Difference, Imported, Wishes};
use crate::resolve::{Catalogue, CatalogueSettings, CatalogueUse, Class, OWN};
use crate::setup_error::SetupError;

/// Make a catalogue of an OpenAPI 3.0 or 3.1 file, JSON or YAML; nothing is fetched.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ImportArguments {
    /// The OpenAPI file.
    #[arg(value_name = "OPENAPI")]
    file: PathBuf,

    /// The upstream; the catalogue is policies/operations/NAME.yaml.
    #[arg(long, value_name = "NAME")]
    upstream: String,

    /// Write the catalogue here and not to standard output; with --check, the catalogue to compare.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Write over a file that is there already.
    #[arg(long, requires = "out", conflicts_with = "check")]
    force: bool,

    /// Say what the description has that the catalogue lacks, and the other way round.
    #[arg(long)]
    check: bool,

    /// Leave a request out: 'GET /users/{id}', as the description spells it. Can be repeated.
    #[arg(long, value_name = "REQUEST")]
    skip: Vec<String>,

    /// What every path begins with, in the place of what the servers say.
    #[arg(long, value_name = "PATH")]
    base: Option<String>,

    /// The label that names the team that owns something.
    #[arg(long, value_name = "LABEL", default_value = "team")]
    owner: String,

    /// What every action and resource type begins with, where another upstream has the same names.
    #[arg(long, value_name = "WORD")]
    prefix: Option<String>,
}

pub(super) fn run(arguments: &ImportArguments, terminal: &mut Terminal) -> Result<Exit, Trouble> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let name = &arguments.upstream;
    if name.is_empty() || !name.chars().all(plain) || name == OWN {
        let fault = SetupError::new("this cannot be a catalogue's name");
        return Err(Trouble::input(fault.hint(
            "it is the file's name without `.yaml`: letters, digits, `-` and `_`; `stile` is taken",
        )));
    }
    let text = read(&arguments.file)?;
    let wishes = Wishes {
        skip: arguments.skip.clone(),
        base: arguments.base.clone(),
        owner: arguments.owner.clone(),
        prefix: arguments.prefix.clone(),
    };
    if arguments.check {
        return check(arguments, &text, &wishes, terminal);
    }
    let imported = Imported::read(&arguments.file, &text, &wishes)?;
    let catalogue = imported.catalogue();
    loads(name, &catalogue)?;
    match &arguments.out {
        Some(out) => {
            write(out, &catalogue, arguments.force)?;
            warn_of_equals(out, &imported, terminal);
        }
        None => {
            terminal.bytes(catalogue.as_bytes())?;
            terminal.finish()?; // whole before what is said of it
        }
    }
    let counts = Class::ALL
        .iter()
        .map(|class| format!("{} {}", imported.count(*class), class.word()));
    let counts = counts.collect::<Vec<_>>().join(", ");
    terminal.say(format_args!("operations: {counts}"));
    let remarks = imported.remarks();
    terminal.say(format_args!(
        "to review: {remarks} lines that begin with `# review:`"
    ));
    Ok(Exit::Yes)
}

/// Says which actions another catalogue beside this one has: what is allowed there is allowed here.
fn warn_of_equals(out: &Path, imported: &Imported, terminal: &mut Terminal) {
    let folder = out.parent().unwrap_or(Path::new(""));
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let beside = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut beside: Vec<PathBuf> = beside.map(|entry| entry.path()).collect();
    beside.retain(|path| path.file_name() != out.file_name());
    beside.sort();
    for path in beside
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
    {
        let name = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        let Ok(other) = load(folder, name) else {
            continue; // `stile check` says what is wrong with it
        };
        let equal = imported
            .actions()
            .find(|action| other.action(action).is_some());
        if let Some(action) = equal {
            let what = format!(
                "`{name}` has the action `{action}`, too: who may do that there may do it here"
            );
            let hint = "`--prefix WORD` gives every action and resource type a name of its own";
            terminal.warn(&SetupError::in_file(path, what).hint(hint));
        }
    }
}

/// What stile itself says of the catalogue; a fault here is one of ours.
fn loads(name: &str, catalogue: &str) -> Result<(), Trouble> {
    let scratch = Scratch::new()?;
    scratch.lay(Path::new(&format!("{name}.yaml")), catalogue.as_bytes())?;
    match load(scratch.path(), name) {
        Ok(_) => Ok(()),
        Err(faults) => {
            let fault = faults.into_iter().next();
            let fault = fault.unwrap_or_else(|| SetupError::new("it has no operations"));
            let what = format!("the catalogue that was made does not load: {}", fault.fault);
            let hint = "`--skip` leaves a request out; please report it";
            Err(Trouble::Fault(SetupError::new(what).hint(hint)))
        }
    }
}

fn load(folder: &Path, name: &str) -> Result<Catalogue, Vec<SetupError>> {
    Catalogue::load(&CatalogueSettings {
        folder: folder.to_owned(),
        uses: vec![CatalogueUse {
            upstream: name.to_owned(),
            operations: name.to_owned(),
            pinned: Vec::new(),
        }],
    })
}

fn check(
    arguments: &ImportArguments,
    text: &str,
    wishes: &Wishes,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let usual = || Path::new("policies/operations").join(format!("{}.yaml", arguments.upstream));
    let file = arguments.out.clone().unwrap_or_else(usual);
    let catalogue = read(&file)?;
    let name = file.file_stem().and_then(|stem| stem.to_str());
    let (Some(name), Some(folder), Some("yaml")) = (
        name,
        file.parent(),
        file.extension().and_then(|end| end.to_str()),
    ) else {
        let fault = SetupError::in_file(
            &file,
            "this is no catalogue: its name does not end in `.yaml`",
        );
        return Err(Trouble::input(fault));
    };
    let loaded = load(folder, name)?;
    let differences = Difference::all(&arguments.file, text, wishes, loaded.entries(), &catalogue)?;
    let mut table = Table::new(&["change", "request", "action", "what"]);
    for difference in &differences {
        table.row(vec![
            difference.change.word().into(),
            difference.request.clone().into(),
            difference.action.clone().into(),
            difference.what.clone().into(),
        ]);
    }
    if differences.is_empty() {
        terminal.say("the catalogue has what the description has");
        return Ok(Exit::Yes);
    }
    terminal.table(&table)?;
    terminal.say(format_args!("differences: {}", differences.len()));
    Ok(Exit::No)
}

fn read(file: &Path) -> Result<String, Trouble> {
    fs::read_to_string(file).map_err(|error| {
        let said = error.to_string().to_lowercase();
        Trouble::input(SetupError::in_file(file, format!("cannot be read: {said}")))
    })
}

fn write(file: &Path, catalogue: &str, force: bool) -> Result<(), Trouble> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(!force);
    options.create(force).truncate(force);
    let written = options
        .open(file)
        .and_then(|mut open| open.write_all(catalogue.as_bytes()));
    written.map_err(|error| {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            let fault = SetupError::in_file(file, "the file is there already");
            return Trouble::input(fault.hint(
                "`--check` compares with it; `--force` writes over it and what was reviewed there",
            ));
        }
        let said = error.to_string().to_lowercase();
        Trouble::Unknown(SetupError::in_file(
            file,
            format!("cannot be written: {said}"),
        ))
    })
}

const EXAMPLES: &str = "\
Examples:
  stile operations import openapi.json --upstream grafana > policies/operations/grafana.yaml
  stile operations import openapi.yaml --upstream grafana --out policies/operations/grafana.yaml
  stile operations import newer.yaml --upstream grafana --check

Lines that begin with `# review:` say what was guessed or could not be told.

Exits with 0 when the catalogue was made, or is as the description; with 1 when --check finds a
difference; with 2 when the description cannot become a catalogue.";
