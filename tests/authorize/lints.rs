//! What loads and is still dangerous is found, what is not is left alone, what is accepted says why.

use stile::authorize::Finding;
use stile::clock::Time;
use stile::setup_error::Code;

use super::{Folder, NOON, entries};
use crate::policies::told;

/// A folder of names, the shipped guardrails where they are wanted, and a rule of its own.
fn rule(guardrails: bool, text: &str) -> Folder {
    let folder = match guardrails {
        true => Folder::shipped(),
        false => Folder::bare(),
    };
    folder.write("rules/own.cedar", &format!("@id(\"own\")\n{text}"));
    folder
}

fn bound(lines: &str) -> Folder {
    let folder = Folder::bare();
    folder.write("bindings.yaml", lines);
    folder
}

fn found(folder: &Folder) -> Vec<Finding> {
    found_at(folder, NOON)
}

fn found_at(folder: &Folder, now: Time) -> Vec<Finding> {
    use stile::authorize::Policies;
    let policies = Policies::load_untested(&folder.settings(), &entries(), now);
    policies
        .unwrap_or_else(|faults| panic!("{}", told(&faults)))
        .findings()
}

/// The lines at which this lint is told of this file.
fn lines(folder: &Folder, code: Code, file: &str) -> Vec<usize> {
    let of_file = |one: &Finding| {
        let path = one.told.file.as_deref();
        one.told.code == Some(code) && path.is_some_and(|path| path.ends_with(file))
    };
    let all = found(folder).into_iter().filter(of_file);
    all.map(|one| one.told.line.unwrap()).collect()
}

/// The rule has the lint, and its neighbour has not.
fn told_of(code: Code, guardrails: bool, dangerous: &str, harmless: &[&str]) {
    let told = lines(&rule(guardrails, dangerous), code, "own.cedar");
    assert_eq!(told, [1], "{code}: {dangerous}");
    for harmless in harmless {
        let told = lines(&rule(guardrails, harmless), code, "own.cedar");
        assert_eq!(told, [0; 0], "{code}: {harmless}");
    }
}

#[test]
fn writing_for_whoever_comes_is_told() {
    told_of(
        Code::AnyPrincipal,
        true,
        "permit (principal is Person, action == Action::\"dashboards.update\", resource);",
        &[
            "permit (principal is Person, action in Action::\"read\", resource);",
            "permit (principal is Person in Team::\"search\", action == Action::\"dashboards.update\", resource);",
            "permit (principal is Person, action == Action::\"dashboards.update\", resource) when { principal.roles.contains(\"editor\") };",
            // A guardrail takes it away from agents and keeps power to org-admin.
            "permit (principal is Agent, action == Action::\"dashboards.update\", resource);",
            "permit (principal is Person, action in Action::\"power\", resource) when { context.org_admin };",
        ],
    );
    told_of(
        Code::AnyPrincipal,
        false,
        "permit (principal is Agent, action in Action::\"delete\", resource);",
        &[],
    );
}

#[test]
fn jobs_that_write_from_any_ref_are_told() {
    let job = "permit (principal is Job, action == Action::\"streams.create\", resource) when { principal in Group::\"acme\"";
    told_of(
        Code::UnprotectedRef,
        true,
        &format!("{job} }};"),
        &[
            &format!("{job} && principal.ref_protected }};"),
            &format!("{job} }} unless {{ !principal.ref_protected }};"),
            "permit (principal is Job in Group::\"acme\", action in Action::\"read\", resource);",
            "permit (principal is Person in Team::\"search\", action == Action::\"streams.create\", resource);",
        ],
    );
    // Where a guardrail asks for it, rules need not.
    let folder = rule(false, &format!("{job} }};"));
    assert_eq!(lines(&folder, Code::UnprotectedRef, "own.cedar"), [1]);
    folder.write(
        "guardrails/refs.cedar",
        "@id(\"refs\") @deny(\"no\") @fix(\"do not\")\nforbid (principal is Job, action in [Action::\"write\", Action::\"delete\"], resource)\nunless { principal.ref_protected };",
    );
    assert_eq!(lines(&folder, Code::UnprotectedRef, "own.cedar"), [0; 0]);
}

#[test]
fn names_without_ids_are_told() {
    let directory = |groups: &str, who: &str| {
        let folder = bound(&format!("- {{ci: {who}, role: viewer, on: X}}\n"));
        folder.write(
            "directory.yaml",
            &format!("projects: [X]\ngroups:\n{groups}"),
        );
        lines(&folder, Code::NoRepositoryId, "directory.yaml")
    };
    assert_eq!(directory("  - acme\n", "acme/*"), [3]);
    assert_eq!(directory("  - acme\n  - other\n", "acme/shop"), [3]);
    assert_eq!(
        directory("  - {path: acme, id: 7}\n  - other\n", "acme/*"),
        [0; 0]
    );
    told_of(
        Code::NoRepositoryId,
        true,
        "permit (principal is Job, action in Action::\"read\", resource) when { principal.repository == \"acme/shop/api\" };",
        &[
            "permit (principal is Job, action in Action::\"read\", resource) when { principal.repository == \"acme/shop/api\" && principal.repository_id == \"22\" };",
        ],
    );
}

#[test]
fn a_star_past_a_group_is_told() {
    let like = |pattern: &str| {
        format!(
            "permit (principal is Job, action in Action::\"read\", resource) when {{ principal.{pattern}\" }};"
        )
    };
    told_of(
        Code::WideStar,
        true,
        &like("repository like \"acme*"),
        &[
            &like("repository like \"acme/*"),
            &like("ref like \"release*"),
        ],
    );
    for (who, told) in [("acme/*", &[1][..]), ("acme/shop/*", &[]), ("acme/x", &[])] {
        let folder = bound(&format!("- {{ci: {who}, role: viewer, on: X}}\n"));
        assert_eq!(
            lines(&folder, Code::WideStar, "bindings.yaml"),
            told,
            "{who}"
        );
    }
}

#[test]
fn a_role_that_nobody_has_is_told() {
    let folder = bound("- {team: search, role: viewer, on: X}\n");
    folder.write("roles.yaml", "viewer: [read]\neditor: [write]\n");
    assert_eq!(lines(&folder, Code::UnboundRole, "roles.yaml"), [2]);
}

#[test]
fn a_binding_at_its_end_is_told_fourteen_days_before() {
    let folder = bound("- {team: search, role: viewer, on: X, until: 2026-12-31}\n");
    let told = |now| {
        let found = found_at(&folder, Time::from_secs(now));
        let ends = found
            .into_iter()
            .find(|one| one.told.code == Some(Code::Expiring));
        ends.map(|one| one.told.fault)
    };
    assert_eq!(told(1_797_500_000), None); // 2026-12-17 in Berlin
    assert!(told(1_797_600_000).unwrap().contains("ends soon")); // 2026-12-18
    assert!(told(1_798_757_999).unwrap().contains("ends soon")); // the last second
    assert!(told(1_798_758_000).unwrap().contains("has expired"));
}

#[test]
fn a_binding_that_no_case_tries_is_told() {
    let folder = bound("- {name: reads, team: search, role: viewer, on: X}\n");
    assert_eq!(lines(&folder, Code::UntriedBinding, "bindings.yaml"), [1]);
    folder.write(
        "tests/own.yaml",
        "tokens: {sam: {user: sam, teams: [search]}}\ncases: [sam streams.read X/s allow by reads]\n",
    );
    assert_eq!(
        lines(&folder, Code::UntriedBinding, "bindings.yaml"),
        [0; 0]
    );
}

#[test]
fn a_rule_that_can_never_match_is_told() {
    let when = |condition: &str| {
        format!(
            "permit (principal is Job in Group::\"acme\", action in Action::\"read\", resource) when {{ {condition} }};"
        )
    };
    for never in [
        "principal.ref_protected && !principal.ref_protected",
        "principal.ref == \"main\" && principal.ref == \"release\"",
        "context.minute_of_day < 540 && context.minute_of_day >= 1080",
        "context.weekday == \"mon\" && [\"sat\", \"sun\"].contains(context.weekday)",
        "resource in Project::\"X\" && resource in Project::\"Y\"",
    ] {
        told_of(
            Code::NeverMatches,
            false,
            &when(never),
            &[&when(&never.replace("&&", "||"))],
        );
    }
}

#[test]
fn a_rule_that_guardrails_leave_nothing_of_is_told() {
    told_of(
        Code::Shadowed,
        true,
        "permit (principal is Agent, action == Action::\"dashboards.update\", resource);",
        &[
            "permit (principal is Agent, action in [Action::\"dashboards.update\", Action::\"dashboards.read\"], resource);",
            "permit (principal is Person in Team::\"search\", action == Action::\"dashboards.update\", resource);",
            // Break-glass may open it, so it is not certain.
            "permit (principal is Person in Team::\"search\", action in Action::\"delete\", resource);",
        ],
    );
    told_of(
        Code::Shadowed,
        true,
        "permit (principal is Job in Group::\"acme\", action in Action::\"read\", resource) when { principal.from_fork };",
        &[],
    );
}

#[test]
fn forks_that_nothing_keeps_out_are_told() {
    let reads =
        "permit (principal is Job in Group::\"acme\", action in Action::\"read\", resource)";
    told_of(
        Code::ForksAdmitted,
        false,
        &format!("{reads};"),
        &[&format!("{reads} unless {{ principal.from_fork }};")],
    );
    let kept_out = rule(true, &format!("{reads};"));
    assert_eq!(lines(&kept_out, Code::ForksAdmitted, "own.cedar"), [0; 0]);
    let bindings = bound("- {ci: acme/*, role: viewer, on: X}\n");
    assert_eq!(
        lines(&bindings, Code::ForksAdmitted, "bindings.yaml"),
        [0; 0]
    );
}

#[test]
fn what_is_accepted_is_still_shown_with_its_why() {
    let text = "@accept_P102(\"the runner is ours\")\npermit (principal is Job in Group::\"acme\", action == Action::\"streams.create\", resource);";
    let found = found(&rule(true, text));
    let ours = |one: &&Finding| one.told.code == Some(Code::UnprotectedRef);
    let one = found.iter().find(ours).unwrap();
    assert_eq!(one.accepted.as_deref(), Some("the runner is ours"));
    let own = |one: &&Finding| {
        one.told
            .file
            .as_ref()
            .is_some_and(|f| f.ends_with("own.cedar"))
    };
    assert!(found.iter().filter(own).all(|one| one.accepted.is_some()));
}

#[test]
fn an_acceptance_without_a_why_or_of_no_lint_is_refused() {
    let permit = "permit (principal is Person, action in Action::\"read\", resource);";
    for annotation in [
        "@accept_P102(\"\")",
        "@accept_P102(\"ok\")",
        "@accept_P012(\"it is so\")",
        "@accept_P999(\"it is so\")",
        "@accept(\"P102: it is so\")",
    ] {
        let folder = rule(false, &format!("{annotation}\n{permit}"));
        let faults = folder.load().expect_err(annotation);
        assert_eq!(faults[0].code, Some(Code::BadAcceptance), "{annotation}");
    }
    for (file, text, line) in [
        (
            "bindings.yaml",
            "- {team: search, role: viewer, on: X, accept: {P104: ''}}\n",
            1,
        ),
        (
            "bindings.yaml",
            "- {team: search, role: viewer, on: X, accept: {P001: it is so}}\n",
            1,
        ),
        (
            "roles.yaml",
            "viewer: {actions: [read], accept: {P105: x}}\n",
            1,
        ),
        (
            "directory.yaml",
            "projects: [X]\ngroups:\n  - {path: a, accept: {P105: }}\n",
            3,
        ),
    ] {
        let folder = Folder::bare();
        folder.write(file, text);
        let faults = folder.load().expect_err(text);
        let ours = |fault: &&stile::setup_error::SetupError| fault.line == Some(line);
        assert!(faults.iter().any(|f| ours(&f)), "{text}\n{}", told(&faults));
    }
}
