//! Says what everything is set to: `stile.yaml` and the environment, checked.
//!
//! In: the path of the file, and pairs of the environment. Out: [`Settings`], or every fault found.
//!
//! Four passes, each with its own file: text becomes a tree that knows its lines (`tree`), the
//! environment is laid over it (`environment`), the tree is read into structs (`file`, by `reader`),
//! and the settings of each step are made from those (`check`). A value keeps its place to the end,
//! so a message about it can point there, and so can `stile config show --origin`.
//!
//! Never: starts with part of a file, goes on after an unknown key, or reads a key into memory
//! longer than its digest takes.
//!
//! When anything is wrong, nothing is set; a reload keeps the settings it had.

use std::cell::RefCell;
use std::ffi::OsString;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::authorize::PolicySettings;
use crate::database::DatabaseSettings;
use crate::forward::UpstreamSettings;
use crate::hook::HookSettings;
use crate::identify::{IssuerSettings, WorkloadSettings};
use crate::leave::DestinationSettings;
use crate::listen::ListenSettings;
use crate::people::PeopleSettings;
use crate::record::JournalSettings;
use crate::resolve::{CONSOLE, CatalogueSettings, OWN};
use crate::setup_error::SetupError;
use crate::stamp::StampSettings;

pub mod environment;
pub mod origin;
mod check;
mod dialects;
mod file;
mod located;
mod mode;
mod reader;
mod schema;
mod shown;
mod tree;
mod words;

pub use origin::Origin;
pub use schema::schema;
pub use shown::Shown;
pub use words::signature_algorithms;

/// The variables that settings are read with.
pub type Environment = Vec<(OsString, OsString)>;

/// What everything is set to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What callers see of this proxy.
    pub site: SiteSettings,
    /// Where requests come in.
    pub listen: ListenSettings,
    /// Where health, readiness and metrics are.
    pub admin: SocketAddr,
    /// Whose tokens are trusted; at least one.
    pub issuers: Vec<IssuerSettings>,
    /// Programs that show a client certificate in the place of a token.
    pub workloads: Vec<WorkloadSettings>,
    /// The list of keys that verify nothing; `None` where none can be blocked.
    pub blocked_file: Option<PathBuf>,
    /// The APIs behind; at least one.
    pub upstreams: Vec<UpstreamSettings>,
    /// Whose telemetry is stamped on its way.
    pub stamps: Vec<StampSettings>,
    /// The memory that stamping may take, in bytes.
    pub stamped_bytes: usize,
    /// The catalogues in use.
    pub catalogue: CatalogueSettings,
    /// Who may do what.
    pub policies: PolicySettings,
    /// What is kept of every decision.
    pub journal: JournalSettings,
    /// Where records are searched; nowhere without.
    pub index: Option<DatabaseSettings>,
    /// What is kept of people beyond their tokens.
    pub people: Option<PeopleSettings>,
    /// Whose webhooks are taken.
    pub hooks: Vec<HookSettings>,
    /// Where else records go.
    pub leave: Vec<DestinationSettings>,
    /// SHA-256 of the settings that hold, defaults included, in hex. Keys are not part of it.
    pub digest: String,
    /// Files and folders whose change should lead to a reload, the settings file first.
    pub watched: Vec<PathBuf>,
}

/// What callers see of this proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteSettings {
    /// Scheme, host and port, without a slash at the end: `https://stile.example.com`.
    pub url: String,
}

/// Settings together with where each value came from.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The settings.
    pub settings: Settings,
    /// Every value that holds.
    pub shown: Vec<Shown>,
}

impl Settings {
    /// Loads the file with the environment laid over it, or says everything that is wrong.
    ///
    /// # Errors
    /// All faults, in the order of the file; faults of the environment come first.
    pub fn load(
        path: &Path,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Settings, Vec<SetupError>> {
        explain(path, environment).map(|explained| explained.settings)
    }
}

/// Loads as [`Settings::load`] does, and keeps where each value came from.
///
/// # Errors
/// All faults, as [`Settings::load`].
pub fn explain(
    path: &Path,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Explained, Vec<SetupError>> {
    let text = read_text(path).map_err(|fault| vec![fault])?;
    let root = origin::Place {
        path: String::new(),
        origin: Origin::File {
            file: path.to_owned(),
            line: 1,
            column: 1,
        },
    };
    let mut tree = tree::Node::read(&text, &root).map_err(|fault| vec![fault])?;
    if tree.value == tree::Value::Nothing {
        tree.value = tree::Value::Keys(Vec::new());
    }
    let mut faults = Vec::new();
    environment::overlay(&mut tree, environment, &mut faults);
    let faults = RefCell::new(faults);
    let file: Option<file::File> = reader::read(&tree, &faults);
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let mut checks = check::Checks::new(folder.clone(), faults.into_inner());
    checks.watched.push(path.to_owned());
    let checked = file.and_then(|file| Some((check::check(&file, &root, &mut checks)?, file)));
    match checked {
        Some((checked, file)) if checks.faults.is_empty() => {
            let (shown, digest) = shown::shown(&file, &checked.site_url, &tree, &folder);
            let settings = settled(checked, digest, checks.watched);
            Ok(Explained { settings, shown })
        }
        _ => Err(in_order(checks.faults, path)),
    }
}

fn settled(checked: check::Checked, digest: String, watched: Vec<PathBuf>) -> Settings {
    Settings {
        site: SiteSettings {
            url: checked.site_url,
        },
        listen: checked.listen,
        admin: checked.admin,
        issuers: checked.issuers,
        workloads: checked.workloads,
        blocked_file: checked.blocked_file,
        upstreams: checked.upstreams,
        stamps: checked.stamps,
        stamped_bytes: checked.stamped_bytes,
        catalogue: checked.catalogue,
        policies: checked.policies,
        journal: checked.journal,
        index: checked.index,
        people: checked.people,
        hooks: checked.hooks,
        leave: checked.leave,
        digest,
        watched,
    }
}

impl Settings {
    /// The upstream that deployments go to.
    pub fn deployments_to(&self) -> Option<&str> {
        let mut uses = self.catalogue.uses.iter();
        let own = uses.find(|one| one.operations == OWN)?;
        Some(&own.upstream)
    }

    /// Whether there is a console.
    pub fn has_console(&self) -> bool {
        let mut uses = self.catalogue.uses.iter();
        uses.any(|one| one.operations == CONSOLE)
    }

    /// Whether spans of pipelines are sent: somebody tells of them, and there is where to.
    pub fn sends_spans(&self) -> bool {
        !self.hooks.is_empty() && self.deployments_to().is_some()
    }
}

/// The text of the file: bounded, UTF-8.
fn read_text(path: &Path) -> Result<String, SetupError> {
    let cannot = |error: std::io::Error| {
        let hint = match error.kind() {
            std::io::ErrorKind::NotFound => {
                "name it with --config; `stile config paths` lists where it is looked for"
            }
            std::io::ErrorKind::PermissionDenied => "give this user the right to read it",
            _ => "it must be a plain text file",
        };
        let said = error.to_string().to_lowercase();
        SetupError::in_file(path, format!("the settings file cannot be read: {said}")).hint(hint)
    };
    let file = std::fs::File::open(path).map_err(cannot)?;
    let mut bytes = Vec::new();
    let most = LARGEST_FILE.saturating_add(1);
    file.take(most).read_to_end(&mut bytes).map_err(cannot)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LARGEST_FILE) {
        let fault = SetupError::in_file(path, "the settings file is larger than 1 MiB");
        return Err(fault.hint("is this the right file?"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = error.utf8_error().valid_up_to();
        let good = error.as_bytes().get(..before).unwrap_or_default();
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = good
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let on_line = good.get(start..).map(String::from_utf8_lossy);
        let column = on_line.map_or(0, |text| text.chars().count()) + 1;
        SetupError::in_file(path, "the settings file is not UTF-8")
            .at(line, column)
            .hint("save it as UTF-8")
    })
}

/// By line and column, faults of the environment first; never empty.
fn in_order(mut faults: Vec<SetupError>, path: &Path) -> Vec<SetupError> {
    faults.sort_by_key(|fault| (fault.line, fault.column));
    if faults.is_empty() {
        faults.push(SetupError::in_file(path, "the settings could not be made"));
    }
    faults
}

/// Bytes of a settings file.
const LARGEST_FILE: u64 = 1024 * 1024;
