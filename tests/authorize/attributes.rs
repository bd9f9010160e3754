//! What dialects tell reaches policies: ids, issuers of groups, scopes, roles, actors.

use super::*;

fn directory(groups: &str) -> Folder {
    let folder = Folder::bare();
    folder.write("directory.yaml", &format!("projects: [X]\n{groups}"));
    folder
}

fn policies(folder: &Folder) -> Policies {
    folder
        .load()
        .unwrap_or_else(|faults| panic!("{}", told(&faults)))
}

fn of(issuer: &str, change: impl FnOnce(&mut Job)) -> Facts {
    Facts {
        issuer: issuer.into(),
        ..job(change)
    }
}

#[test]
fn a_group_of_one_issuer_holds_no_jobs_of_another() {
    let folder = directory("groups: [acme, \"github:acme\"]\n");
    folder.write(
        "bindings.yaml",
        "- {ci: acme/*, role: viewer, on: X}\n\
         - {name: hub, ci: \"github:acme/*\", role: provisioner, on: X}\n\
         - {ci: \"github:acme/shop\", role: viewer, on: X}\n",
    );
    let policies = policies(&folder);
    let at = |issuer: &str, path: &str, action: &str| {
        let who = of(issuer, |job| job.repository = path.into());
        decide(&policies, &who, action, "X/d1").verdict
    };
    assert_eq!(at("gitlab", "acme/shop", "dashboards.read"), Verdict::Allow);
    assert_eq!(
        at("gitlab", "acme/shop", "dashboards.update"),
        Verdict::Deny
    );
    assert_eq!(
        at("github", "acme/shop", "dashboards.update"),
        Verdict::Allow
    );
    for (issuer, path) in [
        ("github", "acme-evil/shop"),
        ("other", "acme/shop"),
        ("", "acme/shop"),
        ("gitlab", "github:acme/shop"),
        ("github:acme", "shop"),
    ] {
        for action in ["dashboards.read", "dashboards.update"] {
            assert_eq!(at(issuer, path, action), Verdict::Deny, "{issuer} {path}");
        }
    }
}

#[test]
fn a_path_that_was_given_to_somebody_else_opens_nothing() {
    let folder =
        directory("groups: [{path: acme, id: 7}]\nrepositories: [{path: acme/shop/api, id: 20}]\n");
    folder.write("bindings.yaml", "- {ci: acme/*, role: viewer, on: X}\n");
    let policies = policies(&folder);
    let decision = |path: &str, id: &str, group: Option<&str>| {
        let who = job(|job| {
            job.repository = path.into();
            job.repository_id = id.into();
            job.namespace_id = group.map(Into::into);
        });
        decide(&policies, &who, "dashboards.read", "X/d1")
    };
    let allowed = |path, id, group| decision(path, id, group).verdict == Verdict::Allow;
    assert!(allowed("acme/api", "1", Some("7")));
    assert!(!allowed("acme/api", "1", Some("8")));
    assert!(!allowed("acme/api", "1", None));
    assert!(allowed("acme/shop/api", "20", None));
    assert!(!allowed("acme/shop/api", "21", Some("7")));
    assert!(!allowed("acme/shop/web", "22", Some("9")));
    let told = decision("acme/shop/api", "21", Some("9"))
        .explanation
        .unwrap();
    assert_eq!(
        failing(&told),
        ["the job's project or group has the id that is listed here = project 21, group 9"]
    );
    assert!(told.fix.unwrap().contains("directory.yaml"));
}

#[test]
fn a_path_that_only_looks_like_a_known_one_is_unknown() {
    let folder = directory("groups: [acme]\n");
    folder.write("bindings.yaml", "- {ci: acme/*, role: viewer, on: X}\n");
    let policies = policies(&folder);
    let at = |path: &str| {
        let who = job(|job| job.repository = path.into());
        decide(&policies, &who, "dashboards.read", "X/d1").verdict
    };
    assert_eq!(at("acme/api"), Verdict::Allow);
    for path in [
        "\u{430}cme/api",
        "acme\u{ff0f}api",
        "acm\u{200d}e/api",
        "acme\u{0}/api",
        "ACME/api",
        "./acme/api",
        "../acme/api",
        "/acme/api",
        "acme%2fapi",
        " acme/api",
        "acme /api",
        "acme",
        "acme-evil/api",
        "evil/acme/api",
        "acme/../acme/api",
        "acme/./api",
        "acme//api",
        "acme/",
        "acme/..",
        "",
    ] {
        assert_eq!(at(path), Verdict::Deny, "{path:?}");
    }
}

#[test]
fn mistakes_in_groups_and_repositories_are_told() {
    for (lines, word) in [
        ("groups: [\"gitlab:acme\"]", "no full path"),
        ("groups: [\":acme\"]", "no full path"),
        ("groups: [\"github:\"]", "no full path"),
        ("groups: [\"github:a:b\"]", "no full path"),
        ("groups: [acme, {path: acme, id: 1}]", "listed twice"),
        ("repositories: [{path: acme, id: 1}]", "lies in no group"),
        (
            "repositories: [{path: a/b, id: 1}, {path: a/b, id: 2}]",
            "listed twice",
        ),
        (
            "groups: [a/b]\nrepositories: [{path: a/b, id: 1}]",
            "in `groups`, too",
        ),
        ("repositories: [{path: a/b}]", "id"),
        ("repositories: [{path: a/b, id: -1}]", ""),
    ] {
        let faults = directory(lines).load().unwrap_err();
        assert!(told(&faults).contains(word), "{lines}\n{}", told(&faults));
    }
    let faults = directory("groups: [\"gitlab:acme\"]").load().unwrap_err();
    assert!(told(&faults).contains("write `acme`"), "{}", told(&faults));
}

#[test]
fn policies_tell_an_agent_from_the_person_it_acts_for() {
    let folder = directory("");
    folder.write(
        "rules/all.cedar",
        "@id(\"all\") permit (principal, action, resource);",
    );
    folder.write(
        "guardrails/agents.cedar",
        "@id(\"only-triage\") @deny(\"no\") @fix(\"use triage\")\n\
         forbid (principal is Agent, action, resource)\n\
         unless { principal has actor && principal.actor == \"triage\" };\n\
         @id(\"no-planner\") @deny(\"no\") @fix(\"leave the planner out\")\n\
         forbid (principal is Agent, action, resource)\n\
         when { principal.actors.contains(\"planner\") };",
    );
    let policies = policies(&folder);
    let by = |actors: &[&str]| {
        let mut facts = agent();
        if let Who::Agent(agent) = &mut facts.who {
            agent.actors = actors.iter().map(|one| (*one).to_owned()).collect();
        }
        decide(&policies, &facts, "dashboards.read", "X/d1")
    };
    let person = decide(&policies, &person("payments"), "dashboards.read", "X/d1");
    assert_eq!(person.verdict, Verdict::Allow);
    assert_eq!(by(&["triage"]).verdict, Verdict::Allow);
    assert_eq!(by(&["triage", "chat"]).verdict, Verdict::Allow);
    for (actors, forbidden_by) in [
        (&["chat", "triage"][..], "only-triage"),
        (&[], "only-triage"),
        (&["triage", "planner"], "no-planner"),
    ] {
        let denied = by(actors);
        assert_eq!(denied.policies, [forbidden_by], "{actors:?}");
    }
    let told = by(&["triage", "planner"]).explanation.unwrap();
    assert_eq!(
        failing(&told),
        ["not so: acted through planner = actors=triage, planner"]
    );
}

#[test]
fn a_missing_scope_or_role_is_told_with_the_callers_own() {
    let folder = directory("");
    folder.write(
        "rules/scoped.cedar",
        "@id(\"scoped\") permit (principal is Person, action, resource)\n\
         when { principal.scopes.contains(\"dashboards.read\") };",
    );
    let policies = policies(&folder);
    let with = |scopes: &[&str]| {
        let mut facts = person("payments");
        if let Who::Person(person) = &mut facts.who {
            person.scopes = scopes.iter().map(|one| (*one).to_owned()).collect();
        }
        decide(&policies, &facts, "dashboards.read", "X/d1")
    };
    assert_eq!(with(&["openid", "dashboards.read"]).verdict, Verdict::Allow);
    for (scopes, yours) in [
        (&["openid", "profile"][..], "scopes=openid, profile"),
        (&["dashboards.rea"], "scopes=dashboards.rea"),
        (&[], "no scopes"),
    ] {
        let told = with(scopes).explanation.unwrap();
        assert_eq!(
            failing(&told),
            [format!("token is for dashboards.read = {yours}")]
        );
        assert_eq!(
            told.fix.unwrap(),
            "ask the issuer for a token with that scope"
        );
    }
}

#[test]
fn cases_can_claim_everything_that_dialects_tell() {
    let folder = directory("groups: [\"github:acme\", {path: acme, id: 7}]\n");
    folder.write(
        "rules/all.cedar",
        "@id(\"hub\") permit (principal is Job in Group::\"github:acme\", action, resource)\n\
         when { principal has workflow && principal.workflow like \"acme/ci/*\" };\n\
         @id(\"lab\") permit (principal is Job in Group::\"acme\", action, resource)\n\
         when { principal has access_level && principal.access_level == \"owner\" };\n\
         @id(\"people\") permit (principal is Person, action, resource)\n\
         when { principal.roles.contains(\"editor\") && principal has domain &&\n\
                principal.domain == \"acme.example\" && principal has client &&\n\
                principal.client == \"grafana\" };\n\
         @id(\"agents\") permit (principal is Agent, action, resource)\n\
         when { principal.actors.contains(\"planner\") && principal has actor &&\n\
                principal.actor == \"triage\" };",
    );
    folder.write(
        "tests/all.yaml",
        "tokens:\n\
         \x20 hub: {ci: acme/shop, issuer: github, workflow: acme/ci/x@refs/heads/main}\n\
         \x20 hub-other: {extends: hub, workflow: evil/ci/x}\n\
         \x20 lab: {ci: acme/shop, namespace_id: '7', access_level: owner}\n\
         \x20 lab-recycled: {extends: lab, namespace_id: '8'}\n\
         \x20 mira: {user: mira, roles: [editor], domain: acme.example, client: grafana}\n\
         \x20 mira-else: {extends: mira, client: curl}\n\
         \x20 bot: {agent: triage, for: mira, actors: [triage, planner]}\n\
         \x20 bot-alone: {agent: triage, for: mira}\n\
         cases:\n\
         \x20 - hub           dashboards.read  X/d1  allow by hub\n\
         \x20 - hub-other     dashboards.read  X/d1  deny\n\
         \x20 - lab           dashboards.read  X/d1  allow by lab\n\
         \x20 - lab-recycled  dashboards.read  X/d1  deny\n\
         \x20 - mira          dashboards.read  X/d1  allow by people\n\
         \x20 - mira-else     dashboards.read  X/d1  deny\n\
         \x20 - bot           dashboards.read  X/d1  allow by agents\n\
         \x20 - bot-alone     dashboards.read  X/d1  deny\n",
    );
    policies(&folder);
}
