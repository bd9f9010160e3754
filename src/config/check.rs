//! Makes the settings of each step from the file as written.
//!
//! In: a [`File`]. Out: the settings of every step, or nothing and at least one fault.
//!
//! Each section has its own file here and looks at its whole section before it gives up, so that
//! one start tells everything there is to mend. What depends on the disk (key files, certificates,
//! catalogues) is looked at as well: a fault should show now and not at the first request.
//!
//! Never: guesses, corrects, or passes over what it does not understand.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use super::file::File;
use super::located::Located;
use super::origin::Place;
use crate::setup_error::SetupError;

mod anchors;
mod database;
mod hooks;
mod index;
mod issuers;
mod journal;
mod leave;
mod limits;
mod ended_by;
mod people;
mod listeners;
mod policies;
mod upstreams;
mod workloads;
mod url;

/// What all sections share while they are checked.
#[derive(Debug)]
pub(super) struct Checks {
    folder: PathBuf,
    /// The faults found so far.
    pub(super) faults: Vec<SetupError>,
    /// Files and folders whose change should lead to a reload.
    pub(super) watched: Vec<PathBuf>,
}

/// What the checks make of a file without faults.
pub(super) struct Checked {
    pub(super) site_url: String,
    pub(super) listen: crate::listen::ListenSettings,
    pub(super) admin: std::net::SocketAddr,
    pub(super) issuers: Vec<crate::identify::IssuerSettings>,
    pub(super) workloads: Vec<crate::identify::WorkloadSettings>,
    pub(super) blocked_file: Option<PathBuf>,
    pub(super) upstreams: Vec<crate::forward::UpstreamSettings>,
    pub(super) stamps: Vec<crate::stamp::StampSettings>,
    pub(super) stamped_bytes: usize,
    pub(super) catalogue: crate::resolve::CatalogueSettings,
    pub(super) policies: crate::authorize::PolicySettings,
    pub(super) journal: crate::record::JournalSettings,
    pub(super) index: Option<crate::database::DatabaseSettings>,
    pub(super) people: Option<crate::people::PeopleSettings>,
    pub(super) hooks: Vec<crate::hook::HookSettings>,
    pub(super) leave: Vec<crate::leave::DestinationSettings>,
}

/// Checks every section, even when an earlier one has faults.
pub(super) fn check(file: &File, root: &Place, checks: &mut Checks) -> Option<Checked> {
    let site_url = listeners::site(file, root, checks);
    let listen = listeners::listen(file, root, checks);
    let admin = listeners::admin(file, root, checks);
    let issuers = issuers::issuers(file, root, site_url.as_deref(), checks);
    let workloads = workloads::workloads(file, checks);
    let blocked_file = issuers::blocked_file(file, checks);
    let policies = policies::policies(file, root, checks);
    let folder = policies.as_ref().map(|policies| policies.folder.as_path());
    let upstreams = upstreams::upstreams(file, root, checks);
    let stamps = upstreams::stamps(file);
    let catalogue = upstreams::catalogue(file, folder, checks);
    let journal = journal::journal(file, root, checks);
    let kept_in = journal.as_ref().map(|journal| journal.folder.as_path());
    let index = index::index(file, kept_in, checks);
    let known = issuers.as_deref().unwrap_or_default();
    let people = people::people(file, known, kept_in, checks);
    let hooks = hooks::hooks(file, checks);
    let leave = leave::destinations(file, checks);
    Some(Checked {
        site_url: site_url?,
        listen: listen?,
        admin: admin?,
        issuers: issuers?,
        workloads: workloads?,
        blocked_file,
        upstreams: upstreams?,
        stamps,
        stamped_bytes: limits::stamped_bytes(file, checks)?,
        catalogue: catalogue?,
        policies: policies?,
        journal: journal?,
        index: index?,
        people: people?,
        hooks: hooks?,
        leave: leave?,
    })
}

impl Checks {
    /// Checks for a settings file in this folder.
    pub(super) fn new(folder: PathBuf, faults: Vec<SetupError>) -> Checks {
        Checks {
            folder,
            faults,
            watched: Vec::new(),
        }
    }

    fn refuse(&mut self, place: &Place, what: impl std::fmt::Display, hint: &str) {
        let fault = place.fault(format!("`{}`: {what}", place.path));
        self.faults.push(fault.hint(hint));
    }

    /// A path of the file, seen from the folder of the file.
    fn resolved(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// A file that can be read, watched from now on.
    fn readable(&mut self, path: &Located<PathBuf>) -> Option<PathBuf> {
        let full = self.resolved(path.get()?);
        let problem = match fs::metadata(&full) {
            Err(error) => said(&error),
            Ok(there) if there.is_dir() => "it is a folder".into(),
            Ok(there) if !there.is_file() => "it is not a plain file".into(),
            Ok(_) => match fs::File::open(&full) {
                Err(error) => said(&error),
                Ok(_) => {
                    self.watched.push(full.clone());
                    return Some(full);
                }
            },
        };
        let what = format!("`{}` cannot be read: {problem}", full.display());
        self.refuse(
            path.place(),
            what,
            "relative paths start at the folder of the settings file",
        );
        None
    }

    /// A file that can be read, but not by group or others.
    fn guarded(&mut self, path: &Located<PathBuf>) -> Option<PathBuf> {
        let full = self.readable(path)?;
        let there = fs::metadata(&full).ok()?;
        let mode = there.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let what = format!("`{}` is open to others (mode {mode:04o})", full.display());
            self.refuse(path.place(), what, &format!("chmod 600 {}", full.display()));
            return None;
        }
        if there.size() == 0 {
            let what = format!("`{}` is empty", full.display());
            self.refuse(path.place(), what, "write the key into it, on one line");
            return None;
        }
        Some(full)
    }

    /// An optional file; absent is fine, unreadable is not.
    fn readable_if_set(&mut self, path: &Located<PathBuf>) -> Option<PathBuf> {
        path.get()?;
        self.readable(path)
    }

    /// Networks, or single addresses.
    fn networks(&mut self, list: &Located<Vec<Located<String>>>) -> Option<Vec<IpNet>> {
        let all: Vec<_> = elements(list.get()?)
            .map(|(place, text)| {
                let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
                let network = text.parse().ok().or_else(address);
                if network.is_none() {
                    let what = format!("`{}` is not a network", super::tree::shortened(text));
                    self.refuse(place, what, "write it as 10.0.0.0/8 or 2001:db8::/32");
                }
                network
            })
            .collect();
        all.into_iter().collect()
    }

    /// A name for records and metrics.
    fn name(&mut self, name: &Located<String>) {
        let Some(text) = name.get() else { return };
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if text.is_empty() || text.len() > LONGEST_NAME || !text.chars().all(plain) {
            let what = format!("`{}` cannot be a name", super::tree::shortened(text));
            self.refuse(
                name.place(),
                what,
                "1 to 64 lower case letters, digits, `-` or `_`",
            );
        }
    }

    /// Refuses the second of two equal values, each with its place.
    fn distinct<'v>(&mut self, values: impl IntoIterator<Item = (&'v Place, String)>, what: &str) {
        let mut seen: Vec<(&Place, String)> = Vec::new();
        for (place, value) in values {
            if let Some((first, _)) = seen.iter().find(|(_, other)| *other == value) {
                let hint = format!("first at {}", first.origin);
                self.refuse(place, format!("two {what} are `{value}`"), &hint);
            } else {
                seen.push((place, value));
            }
        }
    }
}

/// What the machine says of a file, short and lower case.
fn said(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::PermissionDenied => "this user may not read it".into(),
        _ => error.to_string().to_lowercase(),
    }
}

/// The elements of a list that were readable, with their places.
fn elements<T>(list: &[Located<T>]) -> impl Iterator<Item = (&Place, &T)> {
    list.iter()
        .filter_map(|element| element.get().map(|value| (element.place(), value)))
}

/// Characters of a name; it is a label of metrics.
const LONGEST_NAME: usize = 64;
