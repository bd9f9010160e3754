//! The shipped policy folder: it loads, its cases pass, and nothing in it lacks one.

use std::path::PathBuf;
use std::sync::Arc;

use stile::authorize::{Policies, PolicySettings};
use stile::clock::Time;
use stile::resolve::{Class, Entry, Speech};

#[test]
fn the_shipped_folder_loads_and_every_case_passes() {
    let policies = shipped();
    let report = policies.report();
    assert!(report.passed());
    assert!(report.cases.len() >= 33, "{} cases", report.cases.len());
    assert!(policies.digest().starts_with("sha256:"));
    assert_eq!(policies.short_digest().len(), 7);
}

#[test]
fn no_guardrail_can_be_removed_unnoticed() {
    assert_eq!(shipped().report().unnoticed_guardrails, []);
}

#[test]
fn no_rule_and_no_binding_can_be_removed_unnoticed() {
    assert_eq!(shipped().report().unnoticed_rules, []);
}

#[test]
fn every_operation_is_allowed_once_and_denied_once() {
    assert_eq!(shipped().report().untried_actions, []);
}

#[test]
fn what_is_dangerous_in_the_shipped_folder_is_accepted_in_writing() {
    let open = shipped().findings();
    let open = open.iter().filter(|one| one.accepted.is_none());
    let open: Vec<_> = open.map(|one| one.told.to_string()).collect();
    assert!(open.is_empty(), "{}", open.join("\n"));
}

#[test]
fn the_committed_schema_is_the_generated_one() {
    let fresh = Policies::schema(&settings(), &entries()).unwrap();
    let committed = settings().folder.join("stile.cedarschema");
    let committed = std::fs::read_to_string(committed).unwrap_or_default();
    if fresh != committed {
        let beside = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("stile.cedarschema");
        std::fs::write(&beside, fresh).unwrap();
        panic!("stale: copy {} over it", beside.display());
    }
}

#[test]
fn each_numbered_sentence_of_the_readme_recurs_in_the_files_and_the_cases() {
    let folder = settings().folder;
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let files = [
        "rules/jobs.cedar",
        "rules/people.cedar",
        "rules/agents.cedar",
    ];
    let more = ["jobs", "people", "agents", "powers"].map(|n| format!("guardrails/{n}.cedar"));
    let mut policies: String = files.iter().map(|name| read(name)).collect();
    policies.extend(more.iter().map(|name| read(name)));
    let policies = policies + &read("bindings.yaml");
    let cases = read("tests/jobs.yaml") + &read("tests/people.yaml");
    let readme = read("README.md");
    for number in 1..=13 {
        assert!(
            readme.contains(&format!("\n{number}. ")),
            "README: {number}"
        );
        let says = |text: &str| {
            text.contains(&format!("// {number}. ")) || text.contains(&format!("# {number}. "))
        };
        assert!(says(&policies), "no policy says {number}");
        assert!(says(&cases), "no case says {number}");
    }
}

pub(crate) fn shipped() -> Policies {
    Policies::load(&settings(), &entries(), Time::from_secs(1_795_000_000))
        .unwrap_or_else(|faults| panic!("{}", told(&faults)))
}

pub(crate) fn told(faults: &[stile::setup_error::SetupError]) -> String {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

pub(crate) fn settings() -> PolicySettings {
    PolicySettings {
        folder: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("policies"),
        time_zone: "Europe/Berlin".to_owned(),
        shared_audience: None,
        explain: stile::authorize::Explain::Checks,
        mode: stile::authorize::Mode::Enforce,
    }
}

/// The catalogue's entries. To be replaced by `Catalogue::load` over `policies/operations`; until
/// then the same table by hand.
pub(crate) fn entries() -> Vec<Arc<Entry>> {
    use Class::{Delete, Power, Read, Write};
    #[rustfmt::skip] // a table reads as one
    let table: &[(&str, Class, &str, bool)] = &[
        ("api_test.read", Read, "Organization", true),
        ("api_test.write", Write, "Organization", true),
        ("projects.list", Read, "Project", false),
        ("projects.read", Read, "Project", true),
        ("projects.create", Power, "Project", false),
        ("projects.delete", Power, "Project", true),
        ("access_tokens.list", Power, "AccessToken", false),
        ("access_tokens.create", Power, "AccessToken", false),
        ("services.list", Read, "Service", false),
        ("reporting_status.read", Read, "ReportingStatus", false),
        ("streams.list", Read, "Stream", false),
        ("streams.create", Write, "Stream", false),
        ("streams.read", Read, "Stream", true),
        ("streams.update", Write, "Stream", true),
        ("streams.delete", Delete, "Stream", true),
        ("streams.timeseries", Read, "Stream", true),
        ("telemetry.query", Read, "Telemetry", false),
        ("telemetry.attributes", Read, "Telemetry", false),
        ("queries.translate", Read, "Query", false),
        ("stored_traces.read", Read, "StoredTrace", false),
        ("dependency_map.read", Read, "DependencyMap", false),
        ("snapshots.list", Read, "Snapshot", false),
        ("snapshots.create", Write, "Snapshot", false),
        ("snapshots.read", Read, "Snapshot", true),
        ("dashboards.create", Write, "Dashboard", false),
        ("dashboards.read", Read, "Dashboard", true),
        ("dashboards.update", Write, "Dashboard", true),
        ("dashboards.delete", Delete, "Dashboard", true),
        ("stream_dashboards.list", Read, "StreamDashboard", false),
        ("stream_dashboards.create", Write, "StreamDashboard", false),
        ("stream_dashboards.read", Read, "StreamDashboard", true),
        ("stream_dashboards.update", Write, "StreamDashboard", true),
        ("stream_dashboards.delete", Delete, "StreamDashboard", true),
        ("notebooks.create", Write, "Notebook", false),
        ("alerts.create", Write, "Alert", false),
        ("alerts.read", Read, "Alert", true),
        ("alerts.update", Write, "Alert", true),
        ("alerts.delete", Delete, "Alert", true),
        ("conditions.list", Read, "Condition", false),
        ("conditions.create", Write, "Condition", false),
        ("conditions.read", Read, "Condition", true),
        ("conditions.update", Write, "Condition", true),
        ("conditions.delete", Delete, "Condition", true),
        ("conditions.status", Read, "Condition", true),
        ("alerting_rules.create", Write, "AlertingRule", false),
        ("alerting_rules.read", Read, "AlertingRule", true),
        ("alerting_rules.delete", Delete, "AlertingRule", true),
        ("destinations.list", Power, "Destination", false),
        ("destinations.create", Write, "Destination", false),
        ("destinations.read", Power, "Destination", true),
        ("destinations.delete", Delete, "Destination", true),
        ("snooze_rules.create", Write, "SnoozeRule", false),
        ("snooze_rules.read", Read, "SnoozeRule", true),
        ("snooze_rules.update", Write, "SnoozeRule", true),
        ("snooze_rules.delete", Delete, "SnoozeRule", true),
        ("snooze_rules.validate", Read, "SnoozeRule", false),
        ("event_queries.create", Write, "EventQuery", false),
        ("event_queries.read", Read, "EventQuery", true),
        ("event_queries.update", Write, "EventQuery", true),
        ("event_queries.delete", Delete, "EventQuery", true),
        ("inferred_service_rules.create", Write, "InferredServiceRule", false),
        ("inferred_service_rules.read", Read, "InferredServiceRule", true),
        ("inferred_service_rules.update", Write, "InferredServiceRule", true),
        ("inferred_service_rules.delete", Delete, "InferredServiceRule", true),
        ("workflow_links.list", Read, "WorkflowLink", false),
        ("workflow_links.create", Write, "WorkflowLink", false),
        ("workflow_links.read", Read, "WorkflowLink", true),
        ("workflow_links.update", Write, "WorkflowLink", true),
        ("workflow_links.delete", Delete, "WorkflowLink", true),
        ("role_bindings.read", Power, "RoleBinding", false),
        ("role_bindings.update", Power, "RoleBinding", false),
        ("saml_mappings.read", Power, "SamlMapping", false),
        ("saml_mappings.update", Power, "SamlMapping", false),
        ("scim.users.create", Power, "ScimUser", false),
        ("scim.users.list", Power, "ScimUser", false),
        ("scim.users.read", Power, "ScimUser", true),
        ("scim.users.update", Power, "ScimUser", true),
        ("scim.users.delete", Power, "ScimUser", true),
        ("traces.write", Write, "Telemetry", false),
        ("metrics.write", Write, "Telemetry", false),
        ("logs.write", Write, "Telemetry", false),
    ];
    let entry = |(index, (action, class, kind, names_one)): (usize, &(&str, Class, &str, bool))| {
        Arc::new(Entry {
            index,
            upstream: "lightstep".into(),
            action: (*action).to_owned(),
            class: *class,
            resource_type: (*kind).to_owned(),
            names_one: *names_one,
            names_project: true,
            method: http::Method::GET,
            template: format!("/{action}"),
            speech: Speech::Problem,
            body_bytes: 1 << 20,
            once: false,
            list: None,
            object: None,
        })
    };
    table.iter().enumerate().map(entry).collect()
}
