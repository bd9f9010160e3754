//! The step authorize: what refuses a load, what denies a request, and what a deny says.

/// What dialects tell reaches policies.
mod attributes;
/// What loads and is still dangerous.
mod lints;

use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use stile::authorize::{Decision, Policies, PolicySettings, Verdict};
use stile::clock::Time;
use stile::identify::{Agent, Facts, Job, Person, Who};
use stile::refusal::Explanation;
use stile::resolve::{Class, Entry, Operation, Resource, Speech};
use stile::setup_error::{Code, SetupError};

use crate::policies::{settings, told};

// What refuses a load.

#[test]
fn each_ordinary_mistake_is_refused_at_its_line() {
    let permit = |rest: &str| format!("// why\n@id(\"x\")\npermit {rest}\n");
    let forbid =
        |rest: &str| format!("// why\n@id(\"x\") @deny(\"no\") @fix(\"do not\")\nforbid {rest}\n");
    let mistakes = [
        // An attribute misspelt, in an allow and in a deny.
        (
            "rules",
            permit("(principal is Job, action, resource)\nwhen { principal.ref_protcted };"),
            4,
            "did you mean `ref_protected`",
            "P012",
        ),
        (
            "guardrails",
            forbid("(principal is Job, action, resource)\nwhen { principal.form_fork };"),
            4,
            "did you mean `from_fork`",
            "P012",
        ),
        // An action and an action group misspelt.
        (
            "rules",
            permit("(principal, action == Action::\"streams.crate\", resource);"),
            3,
            "did you mean `streams.create`",
            "P030",
        ),
        (
            "guardrails",
            forbid("(principal, action in Action::\"delet\", resource);"),
            3,
            "did you mean `delete`",
            "P030",
        ),
        // A boolean compared with a text.
        (
            "rules",
            permit(
                "(principal is Job, action, resource)\nwhen { principal.ref_protected == \"true\" };",
            ),
            4,
            "",
            "P014",
        ),
        // An optional attribute read without asking whether it is there.
        (
            "guardrails",
            forbid(
                "(principal is Job, action, resource)\nwhen {\n  principal.deployment_tier == \"other\" };",
            ),
            5,
            "has deployment_tier",
            "P013",
        ),
        // A team misspelt.
        (
            "guardrails",
            forbid("(principal, action, resource)\nwhen { principal in Team::\"contractor\" };"),
            4,
            "did you mean `contractors`",
            "P031",
        ),
        // A group by the beginning of its name.
        (
            "rules",
            permit(
                "(principal is Job, action, resource)\nwhen { principal.repository.startsWith(\"acme\") };",
            ),
            4,
            "",
            "P005",
        ),
        // A resource type that the action never has.
        (
            "rules",
            permit("(principal, action == Action::\"dashboards.update\", resource is Stream);"),
            2, // the policy itself, from its first annotation
            "no action of its scope",
            "P016",
        ),
        // A principal type misspelt.
        (
            "guardrails",
            forbid("(principal is Agnet, action, resource);"),
            3,
            "did you mean `Agent`",
            "P015",
        ),
    ];
    for (part, text, line, hint, code) in mistakes {
        let folder = Folder::shipped();
        folder.write(&format!("{part}/mistake.cedar"), &text);
        let faults = folder.load().expect_err(&text);
        let ours = faults.iter().find(|fault| {
            let named = fault.file.as_deref().and_then(Path::file_name);
            named.is_some_and(|name| name == "mistake.cedar") && fault.line == Some(line)
        });
        let Some(ours) = ours else {
            panic!("{text}\n{}", told(&faults));
        };
        assert_eq!(ours.code.map(Code::word), Some(code), "{text}");
        let excerpt = ours.to_string();
        let meant = text.lines().nth(line - 1).unwrap();
        assert!(
            excerpt.contains(&format!("\n {line} | {meant}\n   | ")),
            "{excerpt}"
        );
        let said = ours.hint.clone().unwrap_or_default();
        assert!(said.contains(hint), "{text}\n{}", told(&faults));
    }
}

#[test]
fn all_faults_come_at_once() {
    let folder = Folder::shipped();
    folder.write(
        "rules/a.cedar",
        "@id(\"a\") permit (principal, action, resource is Dashbord);",
    );
    folder.write(
        "guardrails/b.cedar",
        "@id(\"b\") forbid (principal, action, resource);",
    );
    folder.write(
        "rules/c.cedar",
        "@id(\"c\") permit (principal, action, resource) when { 1 + };",
    );
    folder.add("bindings.yaml", "- {team: paymants, role: viewer, on: X}\n");
    folder.add("tests/jobs.yaml", "  - ci-mian streams.create X deny\n");
    let faults = folder.load().unwrap_err();
    for file in [
        "a.cedar",
        "b.cedar",
        "c.cedar",
        "bindings.yaml",
        "jobs.yaml",
    ] {
        let of = |fault: &&SetupError| fault.file.as_ref().is_some_and(|path| path.ends_with(file));
        let fault = faults.iter().find(of);
        assert!(
            fault.is_some_and(|f| f.line.is_some()),
            "{file}\n{}",
            told(&faults)
        );
    }
}

#[test]
fn a_text_nested_too_deeply_is_refused_without_ending_the_process() {
    for (open, close) in [
        ("(", ")"),
        ("!(", ")"),
        ("[", "]"),
        ("{\"a\":", "}"),
        ("if true then ", " else true"),
    ] {
        for depth in [33, 600, 5_000] {
            let deep = format!("{}true{}", open.repeat(depth), close.repeat(depth));
            let text =
                format!("@id(\"deep\")\npermit (principal, action, resource) when {{ {deep} }};");
            let folder = Folder::shipped();
            folder.write("rules/deep.cedar", &text);
            let faults = folder.load().unwrap_err();
            assert_eq!(faults.len(), 1, "{}", told(&faults));
        }
    }
}

#[test]
fn a_policy_without_its_annotations_or_in_the_wrong_folder_is_refused() {
    let whole = "@id(\"x\") @deny(\"no\") @fix(\"do not\")\nforbid (principal is Agent, action, resource) when { context.org_admin };";
    let refused = [
        (
            "guardrails",
            whole.replace("@id(\"x\")", ""),
            "without `@id",
        ),
        (
            "guardrails",
            whole.replace("@deny(\"no\")", ""),
            "without `@deny",
        ),
        (
            "guardrails",
            whole.replace("@fix(\"do not\")", ""),
            "without `@fix",
        ),
        ("rules", whole.to_owned(), "belongs into guardrails/"),
        (
            "guardrails",
            whole.replace("forbid", "permit"),
            "belongs into rules/",
        ),
        (
            "guardrails",
            format!("{whole}\n{whole}"),
            "two policies are called `x`",
        ),
        (
            "guardrails",
            whole.replace("\"x\"", "\"a b\""),
            "no plain id",
        ),
        ("guardrails", whole.replace("is Agent", "== ?principal"), ""),
    ];
    let folder = Folder::shipped();
    folder.write("guardrails/x.cedar", whole);
    folder.load().unwrap();
    for (part, text, fault) in refused {
        let folder = Folder::shipped();
        folder.write(&format!("{part}/x.cedar"), &text);
        let faults = folder.load().expect_err(fault);
        assert!(
            faults.iter().any(|f| f.fault.contains(fault)),
            "{}",
            told(&faults)
        );
    }
}

#[test]
fn a_file_whose_name_would_leave_it_out_is_refused() {
    for stray in [
        "rules/x.ceder",
        "guardrails/deep/x.cedar",
        "binding.yaml",
        "rule/x.cedar",
        "tests/x.yml",
    ] {
        let folder = Folder::shipped();
        folder.write(stray, "");
        assert!(folder.load().is_err(), "{stray}");
    }
    let folder = Folder::shipped();
    folder.write("rules/.x.cedar.swp", "not Cedar");
    folder.load().unwrap();
}

#[test]
fn a_literal_that_the_directory_does_not_know_is_refused() {
    for (literal, near) in [
        ("principal in Group::\"acme-evil\"", ""),
        ("principal in Group::\"acmee\"", "acme"),
        ("principal in Repository::\"evil/api\"", ""),
        ("principal in Team::\"serach\"", "search"),
        ("resource in Project::\"Z\"", ""),
    ] {
        let folder = Folder::shipped();
        let text =
            format!("@id(\"x\")\npermit (principal, action, resource)\nwhen {{ {literal} }};");
        folder.write("rules/x.cedar", &text);
        let faults = folder.load().unwrap_err();
        let fault = faults.iter().find(|fault| fault.line == Some(3)).unwrap();
        assert!(
            fault.hint.clone().unwrap_or_default().contains(near),
            "{}",
            told(&faults)
        );
    }
}

#[test]
fn each_mistake_in_a_binding_is_refused_at_its_line() {
    for (binding, fault) in [
        ("{team: paymants, role: viewer, on: X}", "team `paymants`"),
        ("{team: payments, role: viewr, on: X}", "role `viewr`"),
        ("{team: payments, role: viewer, on: Z}", "project `Z`"),
        ("{team: payments, role: viewer, on: []}", "names no project"),
        (
            "{team: payments, ci: acme/*, role: viewer, on: X}",
            "exactly one",
        ),
        ("{role: viewer, on: X}", "exactly one"),
        ("{ci: acme-evil/*, role: viewer, on: X}", "lies in no group"),
        ("{ci: acme, role: viewer, on: X}", "is a group"),
        ("{ci: evil/api, role: viewer, on: X}", "lies in no group"),
        (
            "{ci: acme/*, role: viewer, on: X, own: true}",
            "`own` needs a team",
        ),
        (
            "{ci: acme/*, role: viewer, on: X, mfa: true}",
            "`mfa` is for people",
        ),
        (
            "{team: payments, role: viewer, on: X, env: production}",
            "`env` is for jobs",
        ),
        (
            "{ci: acme/*, role: viewer, on: X, env: 'a\"b'}",
            "no plain name",
        ),
        (
            "{team: payments, role: viewer, on: X, until: 2026-02-30}",
            "is no day",
        ),
        (
            "{team: payments, role: viewer, on: X, hours: 9 to 5}",
            "names no days",
        ),
        (
            "{team: payments, role: viewer, on: X, hours: mon-fri 09:00-18:00 Europe/Berlim}",
            "`Europe/Berlim` is no time zone",
        ),
        (
            "{team: payments, role: viewer, on: X, name: break-glass}",
            "is called `break-glass` already",
        ),
        (
            "{team: payments, role: viewer, on: X, name: 'a;b'}",
            "no plain name",
        ),
        (
            "{team: payments, role: viewer, on: X, untill: 2026-12-31}",
            "untill",
        ),
        (
            "{team: payments, role: viewer, on: X}\n- {team: payments, role: viewer, on: X}",
            "two bindings",
        ),
    ] {
        let folder = Folder::shipped();
        let line = folder.add("bindings.yaml", &format!("- {binding}\n"));
        let faults = folder.load().expect_err(binding);
        let here = |f: &&SetupError| f.fault.contains(fault) && f.line >= Some(line);
        assert!(
            faults.iter().any(|f| here(&f)),
            "{binding}\n{}",
            told(&faults)
        );
    }
}

#[test]
fn each_mistake_in_a_role_or_a_case_is_refused_at_its_line() {
    for (file, text, fault) in [
        (
            "roles.yaml",
            "x: [dashboards.raed]\n",
            "unknown action `dashboards.raed`",
        ),
        ("roles.yaml", "x: [dashbords.*]\n", "unknown action"),
        ("roles.yaml", "x: ['*']\n", "unknown action"),
        (
            "tests/jobs.yaml",
            "  - ci-mian streams.create X deny\n",
            "unknown token",
        ),
        (
            "tests/jobs.yaml",
            "  - ci-main streams.crate X deny\n",
            "unknown action",
        ),
        (
            "tests/jobs.yaml",
            "  - ci-main streams.create X allow by ci-creates-in-X\n",
            "unknown policy",
        ),
        (
            "tests/jobs.yaml",
            "  - ci-main streams.create X denied\n",
            "is no answer",
        ),
        (
            "tests/jobs.yaml",
            "  - ci-main streams.create X\n",
            "without an expected answer",
        ),
        (
            "tests/jobs.yaml",
            "  - ci-main streams.create X deny twice\n",
            "after the answer",
        ),
        (
            "tests/jobs.yaml",
            "  - ci-main streams.create X owner=nobody deny\n",
            "team `nobody`",
        ),
        (
            "tests/jobs.yaml",
            "  - ci-main streams.create X at \"noon\" deny\n",
            "is no time",
        ),
    ] {
        let folder = Folder::shipped();
        let line = folder.add(file, text);
        let faults = folder.load().expect_err(text);
        let here = |f: &SetupError| f.fault.contains(fault) && f.line == Some(line);
        assert!(faults.iter().any(here), "{text}\n{}", told(&faults));
    }
}

#[test]
fn a_folder_with_a_failing_case_is_not_loaded() {
    for wrong in [
        "  - ci-main streams.create X deny\n",
        "  - ci-branch streams.create X allow\n",
        "  - ci-main streams.create X allow by deployments-ci\n",
    ] {
        let folder = Folder::shipped();
        let line = folder.add("tests/jobs.yaml", wrong);
        let faults = folder.load().unwrap_err();
        assert_eq!(faults.len(), 1, "{}", told(&faults));
        assert_eq!(faults[0].line, Some(line));
        assert!(
            folder.load_untested().is_ok(),
            "`stile test` wants to report it"
        );
    }
}

#[test]
fn two_meanings_of_one_action_are_refused() {
    let twice = |class, kind: &str| {
        let mut all = entries();
        all.push(entry("streams.create", class, kind, false));
        Policies::load(&Folder::shipped().settings(), &all, NOON)
    };
    assert!(twice(Class::Write, "Stream").is_ok());
    assert!(twice(Class::Read, "Stream").is_err());
    assert!(twice(Class::Write, "Person").is_err());
    assert!(twice(Class::Write, "stream").is_err());
}

#[test]
fn the_digest_changes_with_every_byte_and_name_that_decides() {
    let digest = |folder: &Folder| folder.load().unwrap().digest().to_owned();
    let shipped = digest(&Folder::shipped());
    assert_eq!(shipped, digest(&Folder::shipped()));
    let folder = Folder::shipped();
    folder.add("rules/jobs.cedar", " ");
    assert_ne!(shipped, digest(&folder));
    let folder = Folder::shipped();
    fs::rename(
        folder.path("rules/jobs.cedar"),
        folder.path("rules/jobz.cedar"),
    )
    .unwrap();
    assert_ne!(shipped, digest(&folder));
    let folder = Folder::shipped();
    folder.add("README.md", "more words");
    assert_eq!(shipped, digest(&folder));
}

// What denies.

#[test]
fn an_empty_policy_set_denies_everything() {
    let folder = Folder::bare();
    let policies = folder.load().unwrap();
    for who in [job(|_| {}), person("payments"), agent()] {
        let decision = decide(&policies, &who, "dashboards.read", "X/d1");
        assert_eq!(decision.verdict, Verdict::Deny);
        assert_eq!(decision.policies, [""; 0]);
    }
}

#[test]
fn a_guardrail_that_errors_denies_although_a_rule_allows() {
    let folder = Folder::bare();
    folder.write(
        "rules/all.cedar",
        "@id(\"all\") permit (principal, action, resource);",
    );
    assert_eq!(
        decide(
            &folder.load().unwrap(),
            &person("x"),
            "dashboards.read",
            "X/d1"
        )
        .verdict,
        Verdict::Allow
    );
    folder.write(
        "guardrails/overflow.cedar",
        "@id(\"overflow\") @deny(\"no\") @fix(\"none\")\nforbid (principal, action, resource)\n\
         when { context.date * 9223372036854775807 > 0 };",
    );
    let decision = decide(
        &folder.load().unwrap(),
        &person("x"),
        "dashboards.read",
        "X/d1",
    );
    assert_eq!(decision.verdict, Verdict::Error);
    assert_eq!(
        decision.errors,
        ["policy `overflow` could not be evaluated"]
    );
}

#[test]
fn an_action_that_was_not_loaded_is_an_error_and_not_an_allow() {
    let folder = Folder::bare();
    folder.write(
        "rules/all.cedar",
        "@id(\"all\") permit (principal, action, resource);",
    );
    let policies = folder.load().unwrap();
    for (action, kind) in [
        ("novel.read", "Dashboard"),
        ("dashboards.read", "Novel"),
        ("dashboards.read", "Stream"),
    ] {
        let entry = entry(action, Class::Read, kind, true);
        let decision = policies.decide(&person("x"), &operation(entry, "X/d1"), NOON);
        assert_eq!(decision.verdict, Verdict::Error, "{action} on {kind}");
    }
}

#[test]
fn what_the_directory_does_not_know_is_denied_whatever_is_allowed() {
    let folder = Folder::bare();
    folder.write(
        "rules/all.cedar",
        "@id(\"all\") permit (principal, action, resource);",
    );
    let policies = folder.load().unwrap();
    let verdict = |who: &Facts, on: &str| decide(&policies, who, "dashboards.read", on).verdict;
    assert_eq!(verdict(&job(|_| {}), "X/d1"), Verdict::Allow);
    assert_eq!(verdict(&job(|_| {}), "Z/d1"), Verdict::Deny);
    for stranger in [
        "acme-evil/api",
        "evil/acme/api",
        "acme",
        "",
        "ACME/shop/api",
        "acme ",
    ] {
        let who = job(|job| job.repository = stranger.to_owned());
        assert_eq!(verdict(&who, "X/d1"), Verdict::Deny, "{stranger}");
    }
}

#[test]
fn hostile_names_stay_names() {
    let policies = shipped();
    for name in [
        "\"",
        "X\"::",
        "\\",
        "a\u{0}b",
        "🙂",
        "X/../Y",
        &"x".repeat(100_000),
    ] {
        let who = job(|job| {
            job.git_ref = name.to_owned();
            job.sha = Some(name.to_owned());
        });
        assert_eq!(
            decide(policies, &who, "streams.create", "X").verdict,
            Verdict::Allow
        );
        let on = format!("X/{name}");
        assert_eq!(
            decide(policies, &person("okta"), "dashboards.read", &on).verdict,
            Verdict::Allow
        );
        assert_eq!(
            decide(policies, &job(|_| {}), "dashboards.update", &on).verdict,
            Verdict::Deny
        );
        let odd = job(|job| job.repository = format!("acme/{name}"));
        let _ = decide(policies, &odd, "streams.create", "X");
    }
}

#[test]
fn a_team_is_a_group_of_its_own_issuer_only() {
    let policies = shipped();
    let mira = person("payments");
    let on = "X/checkout-latency";
    assert_eq!(
        decide(policies, &mira, "dashboards.update", on).verdict,
        Verdict::Allow
    );
    let elsewhere = Facts {
        issuer: "gitlab".to_owned(),
        ..mira
    };
    assert_eq!(
        decide(policies, &elsewhere, "dashboards.update", on).verdict,
        Verdict::Deny
    );
}

#[test]
fn power_needs_a_binding_of_org_admin_for_that_very_project() {
    let folder = Folder::shipped();
    folder.add(
        "bindings.yaml",
        "- {team: sre-admins, role: org-admin, on: X}\n",
    );
    folder.write(
        "rules/all.cedar",
        "@id(\"all\") permit (principal is Person, action, resource);",
    );
    let policies = folder.load_untested().unwrap();
    let verdict = |team: &str, on: &str| decide(&policies, &person(team), "access_tokens.list", on);
    let allowed = verdict("sre-admins", "X");
    assert_eq!(allowed.verdict, Verdict::Allow);
    assert!(
        allowed
            .policies
            .contains(&"sre-admins-org-admin-on-X".to_owned())
    );
    for (team, on) in [("sre-admins", "Y"), ("payments", "X")] {
        let denied = verdict(team, on);
        assert_eq!(
            denied.policies,
            ["powers-by-binding-only"],
            "{team} on {on}"
        );
    }
}

#[test]
fn the_longest_policy_that_loads_can_be_decided_on_a_small_stack() {
    let folder = Folder::bare();
    let chain = vec!["context.date > 0"; 120].join(" && ");
    let nested = format!("{}true{}", "(".repeat(29), ")".repeat(29));
    let text = format!("permit (principal, action, resource) when {{ {chain} && {nested} }};");
    folder.write("rules/long.cedar", &format!("@id(\"long\") {text}"));
    let policies = folder.load().unwrap();
    let decided = std::thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(move || {
            let who = person("payments");
            let allowed = decide(&policies, &who, "dashboards.read", "X/d").verdict;
            let denied = decide_at(&policies, &who, "dashboards.read", "Z/d", NOON).verdict;
            (allowed, denied)
        });
    let decided = decided.unwrap().join().unwrap();
    assert_eq!(decided, (Verdict::Allow, Verdict::Deny));
}

#[test]
fn more_policies_than_can_be_loaded_in_time_are_refused() {
    let folder = Folder::bare();
    let line = |n| format!("- {{name: b{n}, team: payments, role: viewer, on: X}}\n");
    folder.write("bindings.yaml", &(0..15_001).map(line).collect::<String>());
    let faults = folder.load().unwrap_err();
    assert!(
        faults[0].fault.contains("more than 15000 policies"),
        "{}",
        told(&faults)
    );
}

#[test]
fn each_yaml_file_has_a_schema_that_knows_its_keys() {
    use stile::authorize::{BindingsFile, CasesFile, DirectoryFile, RolesFile};
    for (schema, key) in [
        (schemars::schema_for!(BindingsFile), "until"),
        (schemars::schema_for!(CasesFile), "env_protected"),
        (schemars::schema_for!(DirectoryFile), "owners"),
        (schemars::schema_for!(RolesFile), "array"),
    ] {
        let text = serde_json::to_string(&schema).unwrap();
        assert!(text.contains(key), "{text}");
    }
}

#[test]
fn one_generation_serves_all_threads() {
    fn shared<T: Send + Sync + 'static>(_: &T) {}
    shared(shipped());
}

// Bindings.

#[test]
fn a_job_binding_demands_a_protected_ref_and_the_project_s_own_code() {
    let policies = bound("- {ci: acme/shop/*, role: provisioner, on: X}");
    let verdict =
        |change: fn(&mut Job)| decide(&policies, &job(change), "streams.create", "X").verdict;
    assert_eq!(verdict(|_| {}), Verdict::Allow);
    assert_eq!(verdict(|job| job.ref_protected = false), Verdict::Deny);
    assert_eq!(verdict(|job| job.from_fork = true), Verdict::Deny);
    assert_eq!(
        verdict(|job| job.pipeline_source = "merge_request_event".into()),
        Verdict::Deny
    );
    assert_eq!(
        verdict(|job| job.repository = "acme/payments/api".into()),
        Verdict::Deny
    );
    assert_eq!(
        verdict(|job| job.repository = "acme/shopping/api".into()),
        Verdict::Deny
    );
    assert_eq!(
        verdict(|job| job.repository = "acme/shop/deep/api".into()),
        Verdict::Allow
    );
}

#[test]
fn a_job_binding_may_name_one_repository() {
    let policies = bound("- {ci: acme/shop/api, role: provisioner, on: X}");
    let verdict = |path: &str| {
        let who = job(|job| job.repository = path.to_owned());
        decide(&policies, &who, "streams.create", "X")
    };
    assert_eq!(
        verdict("acme/shop/api").policies,
        ["ci-acme-shop-api-provisioner-on-X"]
    );
    for other in ["acme/shop/api2", "acme/shop/api/deeper", "acme/shop"] {
        assert_eq!(verdict(other).verdict, Verdict::Deny, "{other}");
    }
}

#[test]
fn a_binding_holds_through_its_last_day_and_not_after() {
    let policies = bound("- {team: payments, role: viewer, on: X, until: 2026-12-31}");
    let verdict = |at| decide_at(&policies, &person("payments"), "dashboards.read", "X/d", at);
    // 2026-12-31 ends in Berlin at 23:00 UTC.
    assert_eq!(
        verdict(Time::from_secs(1_798_757_999)).verdict,
        Verdict::Allow
    );
    assert_eq!(
        verdict(Time::from_secs(1_798_758_000)).verdict,
        Verdict::Deny
    );
}

#[test]
fn an_expiring_binding_is_told_at_load() {
    let folder = Folder::bare();
    folder.write(
        "bindings.yaml",
        "- {team: payments, role: viewer, on: X, until: 2026-12-31}\n",
    );
    let load = |at| {
        Policies::load(&folder.settings(), &entries(), at)
            .unwrap()
            .findings()
            .into_iter()
            .filter(|one| one.told.code == Some(Code::Expiring))
            .map(|one| one.told.fault)
            .collect::<Vec<_>>()
    };
    assert_eq!(load(Time::from_secs(1_796_000_000)), [""; 0]); // 2026-11-30
    let soon = load(Time::from_secs(1_798_000_000)); // 2026-12-23
    assert!(
        soon[0].contains("ends soon: its last day is 2026-12-31"),
        "{soon:?}"
    );
    let past = load(Time::from_secs(1_799_000_000)); // 2027-01-03
    assert!(past[0].contains("has expired"), "{past:?}");
}

#[test]
fn mfa_env_own_hours_and_projects_each_narrow_a_binding() {
    let verdict = |policies: &Policies, who: &Facts, on: &str| {
        decide(policies, who, "dashboards.update", on).verdict
    };
    let (allow, deny) = (Verdict::Allow, Verdict::Deny);

    let policies = bound("- {team: payments, role: provisioner, on: X, mfa: true}");
    let mut without = person("payments");
    if let Who::Person(person) = &mut without.who {
        person.mfa = false;
    }
    assert_eq!(verdict(&policies, &person("payments"), "X/d"), allow);
    assert_eq!(verdict(&policies, &without, "X/d"), deny);
    assert_eq!(verdict(&policies, &person("search"), "X/d"), deny);

    let policies = bound("- {ci: acme/*, role: provisioner, on: X, env: production}");
    let production = |protected| {
        job(move |job| {
            job.environment = Some("production".into());
            job.environment_protected = protected;
        })
    };
    assert_eq!(verdict(&policies, &production(Some(true)), "X/d"), allow);
    assert_eq!(verdict(&policies, &production(Some(false)), "X/d"), deny);
    assert_eq!(verdict(&policies, &production(None), "X/d"), deny);
    assert_eq!(verdict(&policies, &job(|_| {}), "X/d"), deny);

    let policies = bound("- {team: payments, role: provisioner, on: all, own: true}");
    assert_eq!(
        verdict(&policies, &person("payments"), "X/checkout-latency"),
        allow
    );
    assert_eq!(
        verdict(&policies, &person("payments"), "X/search-latency"),
        deny
    );
    assert_eq!(
        verdict(&policies, &person("payments"), "Y/checkout-latency"),
        deny
    );

    let policies = bound("- {team: payments, role: provisioner, on: [X]}");
    assert_eq!(verdict(&policies, &person("payments"), "X/d"), allow);
    assert_eq!(verdict(&policies, &person("payments"), "Y/d"), deny);
    let policies = bound("- {team: payments, role: provisioner, on: [X, Y]}");
    assert_eq!(verdict(&policies, &person("payments"), "Y/d"), allow);
}

#[test]
fn office_hours_open_at_nine_and_close_at_six() {
    let policies =
        bound("- {team: payments, role: viewer, on: X, hours: mon-fri 09:00-18:00 Europe/Berlin}");
    let verdict = |secs| {
        let at = Time::from_secs(secs);
        decide_at(&policies, &person("payments"), "dashboards.read", "X/d", at).verdict
    };
    // 2026-01-05 is a Monday; Berlin is one hour ahead of UTC.
    let monday = 1_767_571_200;
    assert_eq!(verdict(monday + 8 * 3600 - 1), Verdict::Deny);
    assert_eq!(verdict(monday + 8 * 3600), Verdict::Allow);
    assert_eq!(verdict(monday + 17 * 3600 - 1), Verdict::Allow);
    assert_eq!(verdict(monday + 17 * 3600), Verdict::Deny);
    assert_eq!(verdict(monday + 5 * 86_400 + 12 * 3600), Verdict::Deny);
    // In summer two hours: 2026-07-06 is a Monday too.
    let summer = 1_783_296_000;
    assert_eq!(verdict(summer + 7 * 3600), Verdict::Allow);
    assert_eq!(verdict(summer + 7 * 3600 - 1), Verdict::Deny);
}

#[test]
fn hours_in_another_zone_follow_the_clocks_there() {
    let policies = bound(
        "- {team: payments, role: viewer, on: X, hours: mon-fri 09:00-17:00 America/New_York}",
    );
    let at = |secs| {
        let at = Time::from_secs(secs);
        decide_at(&policies, &person("payments"), "dashboards.read", "X/d", at)
    };
    // 2026-01-05 is a Monday; New York is five hours behind UTC, in summer four.
    let (monday, summer) = (1_767_571_200, 1_783_296_000);
    for (secs, verdict) in [
        (monday + 14 * 3600 - 1, Verdict::Deny),
        (monday + 14 * 3600, Verdict::Allow),
        (monday + 22 * 3600 - 1, Verdict::Allow),
        (monday + 22 * 3600, Verdict::Deny),
        (monday + 5 * 86_400 + 15 * 3600, Verdict::Deny),
        (summer + 13 * 3600, Verdict::Allow),
        (summer + 13 * 3600 - 1, Verdict::Deny),
    ] {
        assert_eq!(at(secs).verdict, verdict, "{secs}");
    }
    let explanation = at(monday).explanation.unwrap();
    let told = explanation.checks.iter().find(|check| !check.ok).unwrap();
    assert_eq!(
        told.check,
        "time is within mon-fri 09:00-17:00 America/New_York"
    );
    assert_eq!(told.yours.as_deref(), Some("mon 01:00"));
}

#[test]
fn a_team_s_binding_is_not_its_agents() {
    let policies = bound("- {team: payments, role: viewer, on: X}");
    assert_eq!(
        decide(&policies, &agent(), "dashboards.read", "X/d").verdict,
        Verdict::Deny
    );
    for binding in ["agent: payments", "agent: all"] {
        let policies = bound(&format!("- {{{binding}, role: viewer, on: X}}"));
        assert_eq!(
            decide(&policies, &agent(), "dashboards.read", "X/d").verdict,
            Verdict::Allow
        );
        let human = decide(&policies, &person("payments"), "dashboards.read", "X/d");
        assert_eq!(human.verdict, Verdict::Deny);
    }
    let policies = bound("- {agent: search, role: viewer, on: X}");
    assert_eq!(
        decide(&policies, &agent(), "dashboards.read", "X/d").verdict,
        Verdict::Deny
    );
    let policies = bound("- {agent: all, role: viewer, on: all}");
    assert_eq!(
        decide(&policies, &agent(), "dashboards.read", "X/d").policies,
        ["agents-viewer-on-all"]
    );
}

#[test]
fn a_star_leaves_out_what_hands_out_rights() {
    let folder = Folder::bare();
    folder.write(
        "roles.yaml",
        "all-of-projects: ['projects.*', 'destinations.*']\n",
    );
    folder.write(
        "bindings.yaml",
        "- {team: payments, role: all-of-projects, on: all}\n",
    );
    let policies = folder.load().unwrap();
    let verdict = |action, on| decide(&policies, &person("payments"), action, on).verdict;
    assert_eq!(verdict("projects.read", "X"), Verdict::Allow);
    assert_eq!(verdict("projects.list", "-"), Verdict::Allow);
    assert_eq!(verdict("destinations.delete", "X/d"), Verdict::Allow);
    for power in ["projects.delete", "destinations.read"] {
        assert_eq!(verdict(power, "X/d"), Verdict::Deny, "{power}");
    }
}

// What a deny says.

#[test]
fn a_default_deny_names_the_nearest_rule_the_failed_check_and_the_fix() {
    let branch = job(|job| {
        job.git_ref = "feat/x".into();
        job.ref_protected = false;
    });
    let said = explain(&branch, "streams.create", "X");
    assert_eq!(said.who, "job acme/shop/api on feat/x");
    assert_eq!(
        (said.action.as_str(), said.on.as_str()),
        ("streams.create", "project X")
    );
    assert_eq!(said.nearest_rule.as_deref(), Some("ci-create-in-X"));
    assert_eq!(
        failing(&said),
        ["branch is protected = ref_protected=false (feat/x)"]
    );
    assert_eq!(
        said.fix.as_deref(),
        Some("run the job on a protected branch or tag")
    );
    let group = said
        .checks
        .iter()
        .find(|check| check.check == "project in group acme");
    assert_eq!(group.unwrap().yours.as_deref(), Some("acme/shop/api"));
    assert_eq!(said.policy_set, shipped().digest());
}

#[test]
fn the_nearest_rule_is_one_for_this_kind_of_caller() {
    let said = explain(&job(|_| {}), "streams.create", "Y");
    assert_eq!(said.nearest_rule.as_deref(), Some("ci-create-in-X"));
    assert_eq!(failing(&said), ["resource in project X = Y"]);

    let said = explain(&person("payments"), "dashboards.update", "X/search-latency");
    assert_eq!(said.nearest_rule.as_deref(), Some("payments-edit-own"));
    assert_eq!(failing(&said), ["your team owns the dashboard = no"]);
    assert_eq!(said.on, "dashboard search-latency in project X");

    let said = explain(&person("sre-oncall"), "dashboards.update", "X/d1");
    assert_eq!(said.nearest_rule.as_deref(), Some("break-glass"));
    assert_eq!(failing(&said), ["break-glass is open"]);
}

#[test]
fn each_guardrail_says_what_failed_and_what_to_do() {
    let fork = job(|job| job.from_fork = true);
    let mr = job(|job| job.pipeline_source = "merge_request_event".into());
    let mut contractor = person("contractors");
    if let Who::Person(person) = &mut contractor.who {
        person.mfa = false;
    }
    for (who, action, on, guardrail, failed) in [
        (
            &fork,
            "streams.create",
            "X",
            "no-fork-or-mr-tokens",
            "code is of the project itself, not of a fork = from_fork=true",
        ),
        (
            &mr,
            "streams.create",
            "X",
            "no-fork-or-mr-tokens",
            "pipeline source is not merge_request_event = pipeline_source=merge_request_event",
        ),
        (
            &job(|_| {}),
            "deployments.create",
            "X",
            "deployments-prod-only",
            "deployment tier is production = no deployment_tier",
        ),
        (
            &person("payments"),
            "dashboards.delete",
            "X/d1",
            "delete-admins-only",
            "member of the team that this is for or break-glass is open",
        ),
        (
            &contractor,
            "dashboards.read",
            "X/d1",
            "contractors-office-hours-mfa",
            "signed in with a second factor = mfa=false",
        ),
        (
            &agent(),
            "dashboards.update",
            "X/d1",
            "agents-read-only",
            "action is read = dashboards.update",
        ),
        (
            &person("payments"),
            "access_tokens.list",
            "X",
            "powers-by-binding-only",
            "a binding of the role org-admin allows it",
        ),
    ] {
        let said = explain(who, action, on);
        assert_eq!(said.forbidden_by.as_deref(), Some(guardrail));
        assert!(
            failing(&said).contains(&failed.to_owned()),
            "{:?}",
            said.checks
        );
        assert!(
            said.fix
                .is_some_and(|fix| !fix.is_empty() && !fix.ends_with('.'))
        );
    }
}

#[test]
fn a_deny_never_names_a_team_that_the_caller_is_not_in() {
    let policies = shipped();
    let teams = [
        "payments",
        "search",
        "sre-admins",
        "sre-oncall",
        "contractors",
    ];
    let groups = ["payments", "search", "sre-oncall", "contractors", "nobody"];
    for team in groups {
        for who in [
            person(team),
            agent_of(team),
            job(|job| job.ref_protected = false),
        ] {
            let mine = !matches!(who.who, Who::Job(_));
            for entry in entries() {
                let operation = operation(entry, "X/d1");
                let decision = policies.decide(&who, &operation, NOON);
                let said = serde_json::to_string(&decision.explanation).unwrap();
                let others = teams.iter().filter(|other| !(mine && **other == team));
                for other in others {
                    assert!(!said.contains(other), "{other} in {said}");
                }
                let deny = decision.verdict != Verdict::Allow;
                assert_eq!(decision.explanation.is_some(), deny);
                assert!(said.len() < 2_000, "{said}");
                let checks = decision
                    .explanation
                    .map(|said| said.checks)
                    .unwrap_or_default();
                assert!(!deny || checks.iter().any(|check| !check.ok), "{said}");
            }
        }
    }
}

#[test]
fn a_rule_for_operators_is_not_told_to_callers() {
    let folder = Folder::bare();
    let rule =
        "@id(\"hidden\") permit (principal is Job, action, resource) when { principal.from_fork };";
    folder.write("rules/x.cedar", rule);
    let nearest = |folder: &Folder| {
        let decision = decide(&folder.load().unwrap(), &job(|_| {}), "streams.create", "X");
        decision.explanation.unwrap().nearest_rule
    };
    assert_eq!(nearest(&folder).as_deref(), Some("hidden"));
    folder.write("rules/x.cedar", &format!("@audience(\"operators\") {rule}"));
    assert_eq!(nearest(&folder), None);
}

#[test]
fn an_author_s_own_words_win() {
    let folder = Folder::bare();
    folder.write(
        "rules/x.cedar",
        "@id(\"x\") @check(\"it is a release\") @fix(\"Tag a release.\")\n\
         permit (principal is Job, action, resource) when { principal.ref like \"v*\" };",
    );
    let decision = decide(&folder.load().unwrap(), &job(|_| {}), "streams.create", "X");
    let said = decision.explanation.unwrap();
    assert_eq!(failing(&said), ["it is a release"]);
    assert_eq!(said.fix.as_deref(), Some("tag a release"));
}

#[test]
fn a_stranger_is_told_what_is_unknown() {
    let said = explain(&job(|_| {}), "streams.create", "Z");
    assert_eq!(failing(&said), ["the upstream's project is known here = Z"]);
    let evil = job(|job| job.repository = "acme-evil/api".into());
    let said = explain(&evil, "streams.create", "X");
    assert_eq!(
        failing(&said),
        ["the job's project lies in a group that is known here = acme-evil/api"]
    );
}

// Kit.

/// As many actions as these tests speak of: fewer validate faster.
fn entries() -> Vec<Arc<Entry>> {
    let kinds = [
        "AccessToken",
        "Dashboard",
        "Destination",
        "Project",
        "RoleBinding",
        "Stream",
        "Telemetry",
    ];
    let mut entries = crate::policies::entries();
    entries.retain(|entry| kinds.contains(&entry.resource_type.as_str()));
    entries
}

fn shipped() -> &'static Policies {
    static SHIPPED: LazyLock<Policies> = LazyLock::new(|| Folder::shipped().load().unwrap());
    &SHIPPED
}

/// 2026-01-07 is a Wednesday; 11:00 UTC is noon in Berlin.
const NOON: Time = Time::from_secs(1_767_783_600);

struct Folder(tempfile::TempDir);

impl Folder {
    /// A copy of the shipped folder.
    fn shipped() -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        for part in ["", "rules", "guardrails", "tests"] {
            let from = settings().folder.join(part);
            fs::create_dir_all(folder.path(part)).unwrap();
            for file in fs::read_dir(from).unwrap().map(Result::unwrap) {
                // Those cases name every operation, and most tests here know a few.
                if file.path().is_file() && file.file_name() != "operations.yaml" {
                    fs::copy(file.path(), folder.path(part).join(file.file_name())).unwrap();
                }
            }
        }
        folder
    }

    /// Names and roles, and nothing that allows or forbids.
    fn bare() -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        for file in ["directory.yaml", "roles.yaml"] {
            fs::copy(settings().folder.join(file), folder.path(file)).unwrap();
        }
        folder
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Appends, and says which line the addition begins on.
    fn add(&self, name: &str, text: &str) -> usize {
        let before = fs::read_to_string(self.path(name)).unwrap();
        self.write(name, &format!("{before}{text}"));
        before.lines().count() + 1
    }

    fn settings(&self) -> PolicySettings {
        PolicySettings {
            folder: self.0.path().to_owned(),
            ..settings()
        }
    }

    fn load(&self) -> Result<Policies, Vec<SetupError>> {
        Policies::load(&self.settings(), &entries(), NOON)
    }

    fn load_untested(&self) -> Result<Policies, Vec<SetupError>> {
        Policies::load_untested(&self.settings(), &entries(), NOON)
    }
}

fn bound(bindings: &str) -> Policies {
    let folder = Folder::bare();
    folder.write("bindings.yaml", bindings);
    folder
        .load()
        .unwrap_or_else(|faults| panic!("{}", told(&faults)))
}

fn entry(action: &str, class: Class, kind: &str, names_one: bool) -> Arc<Entry> {
    Arc::new(Entry {
        index: 1_000,
        upstream: "lightstep".into(),
        action: action.to_owned(),
        class,
        resource_type: kind.to_owned(),
        names_one,
        names_project: true,
        method: http::Method::GET,
        template: "/x".to_owned(),
        speech: Speech::Problem,
        body_bytes: 1,
        once: false,
        list: None,
        object: None,
    })
}

fn operation(entry: Arc<Entry>, on: &str) -> Operation {
    let (project, id) = on.split_once('/').unwrap_or((on, ""));
    let is_project = entry.resource_type == "Project" && entry.names_one;
    let id = if is_project { project } else { id };
    let some = |text: &str| (!text.is_empty() && text != "-").then(|| text.to_owned());
    Operation {
        resource: Resource {
            kind: entry.resource_type.clone(),
            id: some(id).filter(|_| entry.names_one),
            project: some(project).filter(|_| entry.names_one || entry.resource_type != "Project"),
        },
        entry,
        parameters: Vec::new(),
        seen: None,
    }
}

fn decide(policies: &Policies, who: &Facts, action: &str, on: &str) -> Decision {
    decide_at(policies, who, action, on, NOON)
}

fn decide_at(policies: &Policies, who: &Facts, action: &str, on: &str, at: Time) -> Decision {
    let own = || entry("deployments.create", Class::Write, "Deployment", false);
    let found = entries().into_iter().find(|entry| entry.action == action);
    policies.decide(who, &operation(found.unwrap_or_else(own), on), at)
}

fn explain(who: &Facts, action: &str, on: &str) -> Explanation {
    let decision = decide(shipped(), who, action, on);
    assert_eq!(decision.verdict, Verdict::Deny);
    decision.explanation.unwrap()
}

fn failing(said: &Explanation) -> Vec<String> {
    let failed = said.checks.iter().filter(|check| !check.ok);
    let line = |check: &stile::refusal::Check| match &check.yours {
        Some(yours) => format!("{} = {yours}", check.check),
        None => check.check.clone(),
    };
    failed.map(line).collect()
}

fn job(change: impl FnOnce(&mut Job)) -> Facts {
    let mut job = Job {
        repository: "acme/shop/api".into(),
        repository_id: "22".into(),
        git_ref: "main".into(),
        ref_type: Some("branch".into()),
        ref_protected: true,
        pipeline_source: "push".into(),
        from_fork: false,
        namespace_id: None,
        job_repository: None,
        job_repository_id: None,
        workflow: None,
        runner_environment: None,
        job_source: None,
        access_level: None,
        visibility: None,
        environment_action: None,
        environment: None,
        environment_protected: None,
        deployment_tier: None,
        sha: None,
        pipeline_id: "1".into(),
        job_id: "2".into(),
        started_by: None,
    };
    change(&mut job);
    Facts {
        issuer: "gitlab".into(),
        subject: "a job".into(),
        who: Who::Job(job),
    }
}

/// A person of the team, whose group at the issuer has the team's name.
fn person(team: &str) -> Facts {
    Facts {
        issuer: "okta".into(),
        subject: "00u1".into(),
        who: Who::Person(Person {
            name: "mira@acme".into(),
            groups: vec![format!("lightstep-{team}")],
            mfa: true,
            ..Person::default()
        }),
    }
}

fn agent() -> Facts {
    agent_of("payments")
}

fn agent_of(team: &str) -> Facts {
    Facts {
        issuer: "okta".into(),
        subject: "0oa1".into(),
        who: Who::Agent(Agent {
            name: "triage".into(),
            groups: vec![format!("lightstep-{team}")],
            acts_for: Some("00u1".into()),
            actors: vec!["triage".into()],
            ..Agent::default()
        }),
    }
}
