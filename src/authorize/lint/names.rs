//! Dangers of names: groups without an id, stars, roles and bindings that nobody uses any more.
//!
//! In: a loaded set, the day, the policies that its cases saw. Out: P103 to P107.

use std::collections::BTreeSet;

use super::Found;
use crate::authorize::assemble::Assembled;
use crate::authorize::lineage::above;
use crate::authorize::moment::{self, Moment};
use crate::setup_error::{Code, SetupError};

/// Groups that are known by path alone, although a policy trusts what lies in them.
pub(super) fn groups(set: &Assembled, found: &mut Found) {
    let policies = set.judge.policies.policies();
    let literals = policies.flat_map(|policy| policy.entity_literals());
    let literals = literals
        .filter(|uid| matches!(uid.type_name().basename(), "Group" | "Repository"))
        .map(|uid| uid.id().unescaped().to_owned());
    // A link's slots are not among its literals.
    let bound = set.bindings.iter().filter_map(|one| one.principal.clone());
    let bound = bound
        .filter(|(kind, _)| *kind != "Team")
        .map(|(_, name)| name);
    let trusted: BTreeSet<String> = literals.chain(bound).collect();
    for (path, line) in set.judge.directory.listed_groups() {
        let touches = |other: &String| {
            other == path || above(other).any(|g| g == path) || above(path).any(|g| g == other)
        };
        if line.id.is_some() || !trusted.iter().any(touches) {
            continue;
        }
        let what = format!("group `{path}` is trusted by its path, without an id");
        let told = SetupError::in_file(&line.file, what)
            .at(line.line, line.column)
            .hint(format!("list it with its id: `{{path: {path}, id: ...}}`"));
        found.other(Code::NoRepositoryId, told, &line.accepted);
    }
}

/// Roles that no binding names.
pub(super) fn roles(set: &Assembled, found: &mut Found) {
    let bound: BTreeSet<&str> = set.bindings.iter().map(|one| one.role.as_str()).collect();
    for (name, role) in set.roles.all().filter(|(name, _)| !bound.contains(name)) {
        let what = format!("nobody has the role `{name}`");
        let told = SetupError::in_file(&role.file, what)
            .at(role.line, 1)
            .wide(name.chars().count())
            .hint("bind it in bindings.yaml, or remove it");
        found.other(Code::UnboundRole, told, &role.accepted);
    }
}

/// `acme/*` where the directory lists groups below `acme` by themselves.
pub(super) fn stars(set: &Assembled, found: &mut Found) {
    for binding in &set.bindings {
        let Some(("Group", group)) = &binding.principal else {
            continue;
        };
        let listed = set.judge.directory.listed_groups();
        let below = listed.filter(|(path, _)| above(path).any(|one| one == group));
        let below: Vec<String> = below.map(|(path, _)| format!("`{path}`")).collect();
        if !below.is_empty() {
            let what = format!("`{group}/*` reaches into {}, too", below.join(" and "));
            let hint = "bind each group that is meant, or accept that all below it are";
            tell(set, &binding.name, Code::WideStar, what, hint, found);
        }
    }
}

/// Bindings whose last day is past or near.
pub(super) fn ends(set: &Assembled, today: Moment, soon: Moment, found: &mut Found) {
    for binding in &set.bindings {
        let Some(day) = binding
            .until
            .filter(|day| moment::digits_of(*day) < soon.date)
        else {
            continue;
        };
        let (how, hint) = match moment::digits_of(day) < today.date {
            true => ("has expired", "remove it, or write a new `until`"),
            false => ("ends soon", "write a new `until`, or let it end"),
        };
        let what = format!("binding `{}` {how}: its last day is {day}", binding.name);
        tell(set, &binding.name, Code::Expiring, what, hint, found);
    }
}

/// Bindings that decide no case.
pub(super) fn untried(set: &Assembled, decided: &BTreeSet<&String>, found: &mut Found) {
    for binding in &set.bindings {
        if !decided.contains(&binding.name) {
            let what = format!("no case is allowed by binding `{}`", binding.name);
            let hint = "add one line to tests/: who, action, where, `allow by` its name";
            tell(set, &binding.name, Code::UntriedBinding, what, hint, found);
        }
    }
}

fn tell(set: &Assembled, binding: &str, code: Code, what: String, hint: &str, found: &mut Found) {
    if let Some(of) = set.sources.get(binding) {
        found.policy(code, of, what, hint);
    }
}
