//! Checks each part of `directory.yaml` on its way into a [`Directory`].
//!
//! In: the parts as written. Out: names that are plain and references that lead somewhere; a fault
//! with its place for each that is not.

use std::collections::BTreeMap;

use super::file::{GroupLine, RepositoryLine};
use super::{Directory, DirectoryFile, GroupPlace, is_plain, is_plain_path};
use crate::authorize::acceptance::{self, Accepted};
use crate::authorize::folder::File;
use crate::authorize::lineage::UNNAMED;
use crate::authorize::yaml;
use crate::setup_error::{Code, SetupError};

/// A directory while it is read: what is good of it, and every fault.
pub(super) struct Checked<'a> {
    pub(super) file: &'a File,
    pub(super) faults: Vec<SetupError>,
    pub(super) directory: Directory,
}

impl Checked<'_> {
    pub(super) fn teams(&mut self, written: &DirectoryFile) {
        for (team, lines) in &written.teams {
            let place = lines.groups.referenced;
            if !is_plain(team) {
                let fault = format!("`{team}` is no plain name for a team");
                self.fault(place, Code::NotPlain, fault);
            }
            let mut pairs = Vec::new();
            for group in lines.groups.value.all() {
                match group.split_once(':') {
                    Some((issuer, name)) if !issuer.is_empty() && !name.is_empty() => {
                        pairs.push((issuer.to_owned(), name.to_owned()));
                    }
                    _ => {
                        let fault = format!("`{group}` is not written `issuer:group`");
                        self.fault(place, Code::WrongForm, fault);
                    }
                }
            }
            for (issuer, group) in &pairs {
                let by_group = self.directory.by_group.entry(issuer.clone()).or_default();
                by_group
                    .entry(group.clone())
                    .or_default()
                    .push(team.clone());
            }
            self.directory.teams.insert(team.clone(), pairs);
        }
    }

    pub(super) fn groups(&mut self, written: &DirectoryFile) {
        for line in &written.groups {
            let none = BTreeMap::new();
            let (path, id, accept) = match &line.value {
                GroupLine::Path(path) => (path, None, &none),
                GroupLine::Lines(lines) => (&lines.path, lines.id, &lines.accept),
            };
            let accept = accept
                .iter()
                .map(|(code, why)| (code.as_str(), why.as_str()));
            let accepted = acceptance::read(accept).unwrap_or_else(|wrong| {
                for wrong in wrong {
                    self.fault(line.referenced, Code::BadAcceptance, wrong);
                }
                Accepted::new()
            });
            let place = GroupPlace {
                id,
                file: self.file.path.clone(),
                line: usize::try_from(line.referenced.line()).unwrap_or(0),
                column: usize::try_from(line.referenced.column()).unwrap_or(0),
                accepted,
            };
            self.directory.group_lines.insert(path.clone(), place);
            if self.is_full_path(path, line.referenced)
                && self
                    .directory
                    .listed
                    .groups
                    .insert(path.clone(), id)
                    .is_some()
            {
                let fault = format!("group `{path}` is listed twice");
                self.fault(line.referenced, Code::ListedTwice, fault);
            }
        }
    }

    pub(super) fn repositories(&mut self, written: &DirectoryFile) {
        for line in &written.repositories {
            let RepositoryLine { path, id } = &line.value;
            if !path.contains('/') {
                let fault = format!("repository `{path}` lies in no group");
                self.fault(line.referenced, Code::WrongForm, fault);
            } else if self.directory.has_group(path) {
                let fault = format!("`{path}` is in `groups`, too");
                self.fault(line.referenced, Code::ListedTwice, fault);
            } else if self.is_full_path(path, line.referenced)
                && self
                    .directory
                    .listed
                    .repositories
                    .insert(path.clone(), *id)
                    .is_some()
            {
                let fault = format!("repository `{path}` is listed twice");
                self.fault(line.referenced, Code::ListedTwice, fault);
            }
        }
    }

    fn is_full_path(&mut self, path: &str, place: serde_saphyr::Location) -> bool {
        if is_plain_path(path) {
            return true;
        }
        let fault = SetupError::in_file(&self.file.path, format!("`{path}` is no full path"))
            .coded(Code::WrongForm);
        let of_gitlab = path
            .strip_prefix(UNNAMED)
            .and_then(|path| path.strip_prefix(':'));
        let fault = match of_gitlab {
            Some(bare) => fault.hint(format!(
                "paths of the issuer `{UNNAMED}` stand alone: write `{bare}`"
            )),
            None => fault,
        };
        self.faults.push(yaml::at(fault, place));
        false
    }

    pub(super) fn projects(&mut self, written: &DirectoryFile) {
        for line in &written.projects {
            let name = &line.value;
            if !is_plain(name) {
                let fault = format!("`{name}` is no plain name for a project");
                self.fault(line.referenced, Code::NotPlain, fault);
            } else if !self.directory.projects.insert(name.clone()) {
                let fault = format!("project `{name}` is listed twice");
                self.fault(line.referenced, Code::ListedTwice, fault);
            }
        }
    }

    pub(super) fn owners(&mut self, written: &DirectoryFile) {
        for (kind, lines) in &written.owners {
            for (resource, team) in lines {
                let place = team.referenced;
                if !self.directory.has_team(&team.value) {
                    let fault = format!("team `{}` is not in `teams`", team.value);
                    let fault =
                        SetupError::in_file(&self.file.path, fault).coded(Code::UnknownTeam);
                    let fault = fault.did_you_mean(&team.value, self.directory.teams());
                    self.faults.push(yaml::at(fault, place));
                }
                let (project, id) = resource.split_once('/').unwrap_or((resource, ""));
                if id.is_empty() {
                    let fault = format!("`{resource}` is not written `project/id`");
                    self.fault(place, Code::WrongForm, fault);
                } else if !project.is_empty() && !self.directory.has_project(project) {
                    let fault = format!("project `{project}` is not in `projects`");
                    let fault =
                        SetupError::in_file(&self.file.path, fault).coded(Code::UnknownProject);
                    let fault = fault.did_you_mean(project, self.directory.projects());
                    self.faults.push(yaml::at(fault, place));
                }
                let owned = self.directory.owners.entry(kind.clone()).or_default();
                owned.insert(resource.clone(), team.value.clone());
            }
        }
    }

    fn fault(&mut self, place: serde_saphyr::Location, code: Code, fault: String) {
        let fault = SetupError::in_file(&self.file.path, fault).coded(code);
        self.faults.push(yaml::at(fault, place));
    }
}
