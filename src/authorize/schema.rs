//! Writes the Cedar schema: the whole world that policies may speak of.
//!
//! In: the entries of the catalogues and the directory. Out: schema text, the same for the same
//! input, so that it can be committed and compared.
//!
//! Teams and projects are enumerated; each action stands in the group of its class and applies to
//! the resource types of its entries. A policy that names anything else does not validate.
//!
//! Never: a power action in a group that everyday roles name. Creating something that hands out
//! rights is `power`, not `create`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use super::directory::Directory;
use crate::resolve::{Class, Entry, RECORDS};
use crate::setup_error::{Code, SetupError};

/// Operations of stile itself, which no upstream's catalogue has: action, class, resource type.
pub const OWN_ACTIONS: &[(&str, Class, &str)] = &[
    ("deployments.create", Class::Write, "Deployment"),
    ("deployments.list", Class::Read, "Deployment"),
    ("console.requests", Class::Look, RECORDS),
    ("console.policy", Class::Look, RECORDS),
    ("console.integrity", Class::Look, RECORDS),
    ("console.export", Class::Look, RECORDS),
];

/// The resource type of the list of projects, which is in no project.
pub(super) const PROJECT_LIST: &str = "ProjectList";

/// What may be done, to what.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    actions: BTreeMap<String, ActionLine>,
}

#[derive(Debug)]
struct ActionLine {
    class: Class,
    kinds: BTreeSet<String>,
    /// Whether requests name the project, by each template.
    placed: BTreeSet<bool>,
}

impl Vocabulary {
    /// The actions of the entries and our own.
    pub(super) fn of(entries: &[Arc<Entry>]) -> Result<Vocabulary, Vec<SetupError>> {
        let mut vocabulary = Vocabulary::default();
        let mut faults = Vec::new();
        for (action, class, kind) in OWN_ACTIONS {
            faults.extend(vocabulary.add(action, *class, kind, false).err());
        }
        for entry in entries {
            let kind = kind_of(&entry.resource_type, entry.names_one);
            let added = vocabulary.add(&entry.action, entry.class, kind, entry.names_project);
            faults.extend(added.err());
        }
        match faults.is_empty() {
            true => Ok(vocabulary),
            false => Err(faults),
        }
    }

    fn add(
        &mut self,
        action: &str,
        class: Class,
        kind: &str,
        placed: bool,
    ) -> Result<(), SetupError> {
        let fault = |text: String| Err(SetupError::new(text).coded(Code::BadCatalogue));
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if action.is_empty() || !action.chars().all(plain) || GROUPS.contains(&action) {
            return fault(format!("`{action}` is no name for an action"));
        }
        let letters = kind.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !kind.starts_with(|c: char| c.is_ascii_uppercase()) || !letters {
            return fault(format!("`{kind}` is no name for a resource type"));
        }
        if TAKEN.contains(&kind) {
            return fault(format!("resource type `{kind}` means something else here"));
        }
        let line = self
            .actions
            .entry(action.to_owned())
            .or_insert_with(|| ActionLine {
                class,
                kinds: BTreeSet::new(),
                placed: BTreeSet::new(),
            });
        line.kinds.insert(kind.to_owned());
        line.placed.insert(placed);
        if line.class != class {
            let (one, other) = (line.class.word(), class.word());
            return fault(format!("action `{action}` is both {one} and {other}"));
        }
        Ok(())
    }

    /// Every action's name, in order.
    pub(super) fn actions(&self) -> impl Iterator<Item = &str> + Clone {
        self.actions.keys().map(String::as_str)
    }

    /// The class of an action, where it exists.
    pub(super) fn class(&self, action: &str) -> Option<Class> {
        self.actions.get(action).map(|line| line.class)
    }

    /// The first resource type that an action applies to.
    pub(super) fn kind(&self, action: &str) -> Option<&str> {
        self.actions.get(action)?.kinds.first().map(String::as_str)
    }

    /// Whether an action is ever done to such a resource.
    pub(super) fn applies_to(&self, action: &str, kind: &str) -> bool {
        let line = self.actions.get(action);
        line.is_some_and(|line| line.kinds.contains(kind))
    }

    /// The resource type of an action that has one only.
    pub(super) fn only_kind(&self, action: &str) -> Option<&str> {
        let line = self.actions.get(action)?;
        self.kind(action).filter(|_| line.kinds.len() == 1)
    }

    /// Whether requests for the action can name a project, or can do without.
    pub(super) fn is_placed(&self, action: &str, named: bool) -> bool {
        let line = self.actions.get(action);
        line.is_some_and(|line| line.placed.contains(&named))
    }

    /// Every resource type that an action applies to.
    pub(super) fn kinds_of(&self, action: &str) -> impl Iterator<Item = &str> {
        let line = self.actions.get(action);
        line.into_iter()
            .flat_map(|line| line.kinds.iter().map(String::as_str))
    }

    /// Whether an action is done to resources of this type.
    pub(super) fn applies(&self, action: &str, kind: &str) -> bool {
        let line = self.actions.get(action);
        line.is_some_and(|line| line.kinds.contains(kind))
    }

    /// The actions that a word stands for: a class, `create`, an action, all of one kind
    /// (`dashboards.*`, with what hands out rights), or `anything`. None where it is unknown.
    pub(super) fn meant_by(&self, word: &str) -> Vec<&str> {
        let is_meant = |action: &str, class: Class| {
            let starts = word.strip_suffix('*').filter(|start| start.ends_with('.'));
            word == "anything"
                || action == word
                || groups_of(action, class).contains(&word)
                || starts.is_some_and(|start| action.starts_with(start))
        };
        let all = self.actions.iter();
        all.filter(|(action, line)| is_meant(action, line.class))
            .map(|(action, _)| action.as_str())
            .collect()
    }

    /// Every resource type, in order.
    pub(super) fn kinds(&self) -> BTreeSet<&str> {
        let kinds = self.actions.values().flat_map(|line| &line.kinds);
        kinds.map(String::as_str).collect()
    }

    /// Whether a name in a role or policy stands for an action: it, its class, or `create`.
    pub(super) fn stands_for(&self, named: &str, action: &str) -> bool {
        let class = self.class(action);
        let creates = class == Some(Class::Write) && action.ends_with(".create");
        named == action
            || class.is_some_and(|class| class.word() == named)
            || (named == "create" && creates)
    }

    /// The names of the action groups: classes, and `create`.
    pub(super) fn groups() -> &'static [&'static str] {
        GROUPS
    }
}

/// The type in policies of a resource: the list of projects is not a project.
pub fn kind_of(resource_type: &str, names_one: bool) -> &str {
    match resource_type == "Project" && !names_one {
        true => PROJECT_LIST,
        false => resource_type,
    }
}

/// The schema as Cedar reads it.
pub(super) fn text(vocabulary: &Vocabulary, directory: &Directory) -> String {
    let mut text = String::from(OPENING);
    enumerate(&mut text, "Team", directory.teams());
    enumerate(&mut text, "Project", directory.projects());
    text.push_str("\n// What actions are done to, by the catalogues in operations/.\n");
    for kind in vocabulary.kinds() {
        let _ = match kind {
            "Project" => continue,
            RECORDS => text.write_str(RECORDS_LINES),
            _ => writeln!(text, "entity {kind} in [Project] = {{ owner?: Team }};"),
        };
    }
    text.push_str("\n// Classes of actions.\n");
    text.push_str("action \"read\", \"write\", \"delete\", \"power\", \"look\";\n");
    text.push_str("action \"create\" in [Action::\"write\"];\n");
    text.push_str("\n// Actions.\n");
    for (action, line) in &vocabulary.actions {
        let groups = groups_of(action, line.class);
        let group = groups.first().copied().unwrap_or("");
        let kinds: Vec<&str> = line.kinds.iter().map(String::as_str).collect();
        let _ = writeln!(
            text,
            "action \"{action}\" in [Action::\"{group}\"] appliesTo {{\n  principal: [Job, \
             Person, Agent], resource: [{}], context: Moment\n}};",
            kinds.join(", ")
        );
    }
    text
}

/// The action groups that an action is in, nearest first.
pub(super) fn groups_of(action: &str, class: Class) -> Vec<&'static str> {
    match class == Class::Write && action.ends_with(".create") {
        true => vec!["create", class.word()],
        false => vec![class.word()],
    }
}

fn enumerate<'a>(text: &mut String, kind: &str, names: impl Iterator<Item = &'a str>) {
    let names: Vec<String> = names.map(|name| format!("\"{name}\"")).collect();
    let _ = match names.is_empty() {
        true => writeln!(text, "entity {kind};"),
        false => writeln!(text, "entity {kind} enum [{}];", names.join(", ")),
    };
}

const GROUPS: &[&str] = &["read", "write", "delete", "power", "look", "create"];

/// `Project` is not among them: an upstream's projects are resources too.
const TAKEN: &[&str] = &[
    "Group",
    "Repository",
    "Team",
    "Job",
    "Person",
    "Agent",
    "Action",
    "Moment",
    "Bool",
    "Boolean",
    "String",
    "Long",
    "Set",
    "Record",
    "Entity",
    "Extension",
];

/// What the console shows is somebody's, as a dashboard is.
const RECORDS_LINES: &str = "\
// What the console shows. `owner`: the team of whose people it is; `repository`: the one of whose jobs
// it is. Without both it is everything.
entity Records in [Project] = { owner?: Team, repository?: String };
";

const OPENING: &str = "\
// Generated from directory.yaml and operations/ by `stile schema cedar`: do not edit.

// Groups contain groups and repositories (GitLab's word is projects, GitHub's organizations). A name
// is a full path; of another issuer than `gitlab` it begins with that issuer: `github:acme/shop`.
entity Group in [Group];
entity Repository in [Group];

// Who asks. An attribute with a question mark may be missing: ask with `has` first.
entity Job in [Repository] = {
  issuer: String,
  repository: String,
  repository_id: String,
  namespace_id?: String,
  ref: String,
  ref_type?: String,
  ref_protected: Bool,
  pipeline_source: String,
  from_fork: Bool,
  job_repository?: String,
  job_repository_id?: String,
  job_source?: String,
  workflow?: String,
  runner_environment?: String,
  access_level?: String,
  visibility?: String,
  environment?: String,
  environment_protected?: Bool,
  environment_action?: String,
  deployment_tier?: String,
  sha?: String,
};
entity Person in [Team] = {
  issuer: String,
  name: String,
  mfa: Bool,
  roles: Set<String>,
  scopes: Set<String>,
  client?: String,
  email?: String,
  domain?: String,
};
// `actor` acts now, for `acts_for`; `actors` are all between them and `actor` itself.
entity Agent in [Team] = {
  issuer: String,
  name: String,
  acts_for?: String,
  actor?: String,
  actors: Set<String>,
  roles: Set<String>,
  scopes: Set<String>,
  client?: String,
};

// When: in the zone of stile.yaml. `date` is 20261231; `org_admin` says whether a binding of the
// role org-admin allows this very request. `open_hours` are those in other zones that bindings name
// and that hold now.
type Moment = {
  weekday: String,
  minute_of_day: Long,
  date: Long,
  org_admin: Bool,
  open_hours: Set<String>,
  break_glass?: { ticket: String },
};

// From directory.yaml.
";
