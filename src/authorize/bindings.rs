//! Turns three lines of YAML into one linked Cedar policy.
//!
//! In: `bindings.yaml`, the roles and the directory. Out: [`Binding`]s: a name, a template in
//! Cedar, and what to put into its slots.
//!
//! The binding's name becomes the policy's id, so the record says "allowed by
//! payments-dashboard-editor-on-X". Options become conditions of the template: there is one
//! semantics, and it can be read.
//!
//! A job's binding always demands a protected ref and code that is neither a fork's nor a merge
//! request's. Team bindings are for people; agents that act for them need their own.
//!
//! Never: a binding that applies to nobody, nothing or nowhere; each word must be known.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde_saphyr::{Location, Spanned};

use super::acceptance::{self, Accepted};
use super::directory::{Directory, OneOrMore, is_plain, is_plain_path};
use super::folder::File;
use super::hours::Hours;
use super::lineage::above;
use super::moment;
use super::observe::MARK;
use super::roles::Roles;
use super::yaml;
use crate::setup_error::{Code, SetupError};

mod conditions;
mod file;
mod template;

pub use file::BindingsFile;

use file::BindingLines;
use template::template;

/// The role whose bindings may hand out rights; see `guardrails/powers.cedar`.
pub(super) const ORG_ADMIN: &str = "org-admin";

/// One binding, ready to be linked.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    /// The policy's id.
    pub(super) name: String,
    /// The policy template in Cedar.
    pub(super) template: String,
    /// Type and id for `?principal`, where the template has that slot.
    pub(super) principal: Option<(&'static str, String)>,
    /// Type and id for `?resource`, where the template has that slot.
    pub(super) resource: Option<(&'static str, String)>,
    /// The projects that it is about; none for all.
    pub(super) projects: Vec<String>,
    /// Whether it is about what the team owns only.
    pub(super) own: bool,
    /// The role's name.
    pub(super) role: String,
    /// The hours that it holds in.
    pub(super) hours: Option<Hours>,
    /// What about it is accepted.
    pub(super) accepted: Accepted,
    /// Whether its role is [`ORG_ADMIN`].
    pub(super) org_admin: bool,
    /// Whether it is only tried.
    pub(super) observed: bool,
    /// The last day it holds.
    pub(super) until: Option<Date>,
    /// Where it is written.
    pub(super) line: usize,
    /// The column there.
    pub(super) column: usize,
}

/// Reads and checks the file. `zone` is the one of `hours` that name none.
pub(super) fn read(
    file: &File,
    roles: &Roles,
    directory: &Directory,
    zone: &str,
) -> Result<Vec<Binding>, Vec<SetupError>> {
    let written: BindingsFile = yaml::read(file).map_err(|fault| vec![fault])?;
    let mut faults = Vec::new();
    let mut names = BTreeSet::new();
    let mut bindings = Vec::new();
    for lines in &written.bindings {
        let mut reading = Reading {
            file,
            roles,
            directory,
            zone,
            faults: &mut faults,
        };
        let Some(binding) = reading.binding(lines) else {
            continue;
        };
        if !names.insert(binding.name.clone()) {
            let fault = format!("two bindings are called `{}`", binding.name);
            let fault = SetupError::in_file(&file.path, fault)
                .coded(Code::TwoAlike)
                .hint("give one a `name`");
            faults.push(yaml::at(fault, lines.role.referenced));
        }
        bindings.push(binding);
    }
    match faults.is_empty() {
        true => Ok(bindings),
        false => Err(faults),
    }
}

struct Reading<'a> {
    file: &'a File,
    roles: &'a Roles,
    directory: &'a Directory,
    zone: &'a str,
    faults: &'a mut Vec<SetupError>,
}

/// Who has it: the scope, what to put into the slot, the beginning of the name, the conditions.
struct Holder {
    scope: &'static str,
    slot: Option<(&'static str, String)>,
    slug: String,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    People,
    Jobs,
    Agents,
}

impl Reading<'_> {
    fn binding(&mut self, lines: &BindingLines) -> Option<Binding> {
        let before = self.faults.len();
        let holder = self.holder(lines);
        let actions = self.actions(&lines.role);
        let projects = self.projects(&lines.on);
        let mut conditions = Vec::new();
        let hours = holder
            .as_ref()
            .and_then(|holder| self.conditions(lines, holder, &mut conditions));
        if let Some(projects) = projects.as_ref().filter(|projects| projects.len() > 1) {
            let all = projects.iter().map(|name| format!("Project::\"{name}\""));
            let all: Vec<String> = all.collect();
            conditions.push(format!("resource in [{}]", all.join(", ")));
        }
        let until = lines.until.as_ref().and_then(|until| {
            let day = self.day(until)?;
            conditions.push(format!("context.date <= {}", moment::digits_of(day)));
            Some(day)
        });
        let accepted = self.accepted(lines);
        let org_admin = lines.role.value == ORG_ADMIN;
        let observed = lines.observe.as_ref().filter(|observe| observe.value);
        if let Some(observe) = observed.filter(|_| org_admin) {
            let fault = format!("a binding of `{ORG_ADMIN}` cannot be under observe");
            self.fault(observe.referenced, Code::WrongCondition, fault);
        }
        let name = self.name(lines, holder.as_ref(), projects.as_deref());
        let (holder, actions, projects, name) = (holder?, actions?, projects?, name?);
        if self.faults.len() > before {
            return None;
        }
        let resource = match projects.as_slice() {
            [one] => Some(("Project", one.clone())),
            _ => None,
        };
        let template = template(holder.scope, &actions, resource.is_some(), &conditions);
        Some(Binding {
            template: match observed {
                Some(_) => format!("@{MARK}(\"true\")\n{template}"),
                None => template,
            },
            name,
            principal: holder.slot,
            own: lines.own.as_ref().is_some_and(|own| own.value),
            projects,
            resource,
            org_admin,
            observed: observed.is_some(),
            until,
            hours,
            role: lines.role.value.clone(),
            accepted,
            line: usize::try_from(lines.role.referenced.line()).unwrap_or(0),
            column: usize::try_from(lines.role.referenced.column()).unwrap_or(0),
        })
    }

    fn holder(&mut self, lines: &BindingLines) -> Option<Holder> {
        match (&lines.team, &lines.ci, &lines.agent) {
            (Some(team), None, None) => self.team(team).map(|name| Holder {
                scope: "principal is Person in ?principal",
                slug: name.clone(),
                slot: Some(("Team", name)),
                kind: Kind::People,
            }),
            (None, Some(path), None) => self.jobs(path),
            (None, None, Some(all)) if all.value == "all" => Some(Holder {
                scope: "principal is Agent",
                slug: "agents".to_owned(),
                slot: None,
                kind: Kind::Agents,
            }),
            (None, None, Some(team)) => self.team(team).map(|name| Holder {
                scope: "principal is Agent in ?principal",
                slug: format!("agents-of-{name}"),
                slot: Some(("Team", name)),
                kind: Kind::Agents,
            }),
            _ => {
                let fault = "a binding is for exactly one of `team`, `ci` and `agent`";
                self.fault(lines.role.referenced, Code::NotOneHolder, fault);
                None
            }
        }
    }

    fn team(&mut self, team: &Spanned<String>) -> Option<String> {
        let name = &team.value;
        if self.directory.has_team(name) {
            return Some(name.clone());
        }
        let fault = format!("team `{name}` is not in directory.yaml");
        let known = self.directory.teams();
        self.unknown(team, Code::UnknownTeam, fault, known);
        None
    }

    fn jobs(&mut self, path: &Spanned<String>) -> Option<Holder> {
        let (kind, name) = match path.value.strip_suffix("/*") {
            Some(group) => ("Group", group),
            None => ("Repository", path.value.as_str()),
        };
        let listed = |group: &str| self.directory.has_group(group);
        let known = match kind {
            "Group" => listed(name) || above(name).any(listed),
            _ => self.directory.knows_repository(name),
        };
        if kind == "Repository" && listed(name) {
            let fault = format!("`{name}` is a group");
            let fault = SetupError::in_file(&self.file.path, fault).coded(Code::GroupWithoutStar);
            let hint = format!("write `{name}/*` for all jobs below it");
            self.faults
                .push(yaml::at(fault.hint(hint), path.referenced));
            return None;
        }
        if !known || !is_plain_path(name) {
            let fault = format!("`{}` lies in no group of directory.yaml", path.value);
            let known = self.directory.groups();
            self.unknown(path, Code::UnknownGroup, fault, known);
            return None;
        }
        Some(Holder {
            scope: "principal is Job in ?principal",
            slug: format!("ci-{}", name.replace('/', "-")),
            slot: Some((kind, name.to_owned())),
            kind: Kind::Jobs,
        })
    }

    fn actions(&mut self, role: &Spanned<String>) -> Option<Vec<String>> {
        let name = &role.value;
        if let Some(actions) = self.roles.actions(name) {
            return Some(actions.to_vec());
        }
        let fault = format!("role `{name}` is not in roles.yaml");
        let known = self.roles.names();
        self.unknown(role, Code::UnknownRole, fault, known);
        None
    }

    /// The projects; none for `all`.
    fn projects(&mut self, on: &Spanned<OneOrMore>) -> Option<Vec<String>> {
        if matches!(&on.value, OneOrMore::One(word) if word == "all") {
            return Some(Vec::new());
        }
        let mut projects = Vec::new();
        let mut named = false;
        for name in on.value.all() {
            named = true;
            if !self.directory.has_project(name) {
                let fault = format!("project `{name}` is not in directory.yaml");
                let known = self.directory.projects().chain(["all"]);
                let fault = SetupError::in_file(&self.file.path, fault)
                    .coded(Code::UnknownProject)
                    .hint("list it there under `projects`, or name one that is there")
                    .did_you_mean(name, known);
                self.faults.push(yaml::at(fault, on.referenced));
            } else if !projects.contains(name) {
                projects.push(name.clone());
            }
        }
        if !named {
            self.fault(on.referenced, Code::NamesNothing, "`on` names no project");
        }
        (!projects.is_empty()).then_some(projects)
    }

    fn accepted(&mut self, lines: &BindingLines) -> Accepted {
        let Some(written) = &lines.accept else {
            return Accepted::new();
        };
        let pairs = written.value.iter();
        let pairs = pairs.map(|(code, why)| (code.as_str(), why.as_str()));
        acceptance::read(pairs).unwrap_or_else(|wrong| {
            for wrong in wrong {
                let fault = SetupError::in_file(&self.file.path, wrong)
                    .coded(Code::BadAcceptance)
                    .hint(acceptance::HINT);
                self.faults.push(yaml::at(fault, written.referenced));
            }
            Accepted::new()
        })
    }

    fn day(&mut self, until: &Spanned<String>) -> Option<Date> {
        let text = &until.value;
        match text.parse::<Date>() {
            Ok(day) if text.len() == 10 => Some(day),
            _ => {
                let fault = format!("`{text}` is no day: write it like `2026-12-31`");
                self.fault(until.referenced, Code::WrongForm, fault);
                None
            }
        }
    }

    fn name(
        &mut self,
        lines: &BindingLines,
        holder: Option<&Holder>,
        projects: Option<&[String]>,
    ) -> Option<String> {
        if let Some(name) = &lines.name {
            if is_plain(&name.value) && !name.value.contains(' ') {
                return Some(name.value.clone());
            }
            let fault = format!("`{}` is no plain name for a binding", name.value);
            self.fault(name.referenced, Code::NotPlain, fault);
            return None;
        }
        let place = match projects? {
            [] => "all".to_owned(),
            some => some.join("-").replace(' ', "-"),
        };
        let own = match lines.own.as_ref().is_some_and(|own| own.value) {
            true => "-own",
            false => "",
        };
        let slug = holder?.slug.replace(' ', "-");
        Some(format!("{slug}-{}{own}-on-{place}", lines.role.value))
    }

    fn unknown<'k>(
        &mut self,
        wrote: &Spanned<String>,
        code: Code,
        fault: String,
        known: impl Iterator<Item = &'k str>,
    ) {
        let fault = SetupError::in_file(&self.file.path, fault)
            .coded(code)
            .did_you_mean(&wrote.value, known);
        self.faults.push(yaml::at(fault, wrote.referenced));
    }

    fn fault(&mut self, place: Location, code: Code, fault: impl Into<String>) {
        let fault = SetupError::in_file(&self.file.path, fault).coded(code);
        self.faults.push(yaml::at(fault, place));
    }
}
