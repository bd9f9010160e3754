//! What is under observe changes no decision, and its record says what it would have changed.

use serde_json::{Value, json};
use stile_kit::{Answer, Call, World};

use crate::support::{ask, close, ground, program, records_of};

#[tokio::test]
async fn in_mode_observe_passes_what_nothing_allows_and_its_record_says_so() {
    let world = observing().await;
    let answer = creates_a_stream(&world, &world.feature_token()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let own = decision(&world, &answer);
    assert_eq!(
        (&own["decision"], &own["would"]),
        (&json!("allow"), &json!("deny"))
    );
    assert_eq!((own.get("policies"), own.get("would_by")), (None, None));
    assert_eq!(world.upstream.seen().len(), 1);
    assert!(
        !answer
            .headers
            .keys()
            .any(|name| name.as_str().contains("would")),
        "the caller is told of plans: {answer:?}"
    );

    let allowed = creates_a_stream(&world, &world.job_token(json!({}))).await;
    let own = decision(&world, &allowed);
    assert_eq!(own["policies"], json!(["ci-create-in-X"]));
    assert_eq!(own.get("would"), None, "it would be allowed anyway: {own}");

    let page = told_by_admin(&world, "metrics").await.text();
    for line in [
        "stile_observed_total{would=\"deny\"} 1",
        "stile_mode_observe 1",
    ] {
        assert!(page.contains(line), "no `{line}` in {page}");
    }
    close(world, &[]).await;
}

#[tokio::test]
async fn in_mode_observe_tokens_guardrails_and_the_directory_are_enforced() {
    let world = observing().await;
    let (kind, body) = stream();
    let none = ask(&world, world.api("POST", "X/streams").body(kind, body)).await;
    assert_eq!(none.status, 401);
    let expired = world.job_token(json!({"exp": 1_700_000_000, "iat": 1_699_999_000,
        "nbf": 1_699_999_000}));
    assert_eq!(creates_a_stream(&world, &expired).await.status, 401);
    let other = world.job_token(json!({"aud": "https://elsewhere.example.com"}));
    assert_eq!(creates_a_stream(&world, &other).await.status, 401);
    let fork = world.job_token(json!({"project_id": "99", "project_path": "kim/api"}));
    assert_eq!(creates_a_stream(&world, &fork).await.status, 403);
    let stranger = world.job_token(
        json!({"project_path": "evil/api", "job_project_path": "evil/api",
        "namespace_path": "evil", "project_id": "5", "job_project_id": "5"}),
    );
    let answer = creates_a_stream(&world, &stranger).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(decision(&world, &answer).get("would"), None);
    let unknown = world
        .api("POST", "Nowhere/streams")
        .token(&world.job_token(json!({})));
    assert_eq!(ask(&world, unknown).await.status, 403);
    assert!(world.upstream.seen().is_empty());
    close(world, &[]).await;
}

/// What readiness says once it stands so, or after a while: keys and index take a moment.
async fn standing(world: &World, state: &str) -> Value {
    for _ in 0..100 {
        let ready = told_by_admin(world, "readyz").await;
        if ready.status == 200 && ready.json()["state"] == state {
            return ready.json();
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    told_by_admin(world, "readyz").await.json()
}

#[tokio::test]
async fn the_mode_is_said_loudly_and_degrades_readiness_until_it_is_enforce() {
    let world = observing().await;
    assert!(
        world.stile.said().contains("MODE OBSERVE"),
        "{}",
        world.stile.said()
    );
    let ready = standing(&world, "degraded").await;
    assert_eq!(
        (&ready["state"], &ready["policies"]["mode"]),
        (&json!("degraded"), &json!("observe"))
    );

    let file = world.stile.folder().path().join("stile.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("mode: observe", "mode: enforce")).unwrap();
    world.stile.signal("HUP").unwrap();
    world
        .stile
        .waits_for("new settings are in force")
        .await
        .unwrap();
    let ready = standing(&world, "ready").await;
    assert_eq!(
        (&ready["state"], &ready["policies"]["mode"]),
        (&json!("ready"), &json!("enforce"))
    );
    let answer = creates_a_stream(&world, &world.feature_token()).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    close(world, &[]).await;
}

#[tokio::test]
async fn a_guardrail_under_observe_forbids_nothing_and_is_named() {
    let world = trying("guardrails/tried.cedar", GUARDRAIL).await;
    let answer = creates_a_stream(&world, &world.job_token(json!({}))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let own = decision(&world, &answer);
    assert_eq!(own["policies"], json!(["ci-create-in-X"]));
    assert_eq!(
        (&own["would"], &own["would_by"]),
        (&json!("deny"), &json!(["no-streams"]))
    );
    let ready = told_by_admin(&world, "readyz").await.json();
    assert_eq!(
        (&ready["state"], &ready["policies"]["observed"]),
        (&json!("ready"), &json!(1))
    );
    assert!(
        world
            .stile
            .said()
            .contains("under observe, and not in force: no-streams")
    );

    // The same guardrail in force forbids: it is the mark that keeps it from doing so.
    let file = world
        .stile
        .folder()
        .path()
        .join("policies/guardrails/tried.cedar");
    std::fs::write(&file, GUARDRAIL.replace("@observe(\"true\")\n", "")).unwrap();
    let tests = world.stile.folder().path().join("policies/tests");
    std::fs::remove_dir_all(tests).unwrap(); // they expect that job to pass
    world.stile.signal("HUP").unwrap();
    world
        .stile
        .waits_for("new settings are in force")
        .await
        .unwrap();
    let answer = creates_a_stream(&world, &world.job_token(json!({}))).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(decision(&world, &answer).get("would"), None);
    close(world, &[]).await;
}

#[tokio::test]
async fn a_policy_under_observe_that_fails_changes_nothing_either() {
    let failing = GUARDRAIL.replace(
        "resource);",
        "resource)\nwhen { context.minute_of_day + 9223372036854775807 > 0 };",
    );
    let world = trying("guardrails/tried.cedar", &failing).await;
    let answer = creates_a_stream(&world, &world.job_token(json!({}))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let own = decision(&world, &answer);
    assert_eq!(
        (&own["would"], &own["would_by"]),
        (&json!("error"), &json!(["no-streams"]))
    );
    assert_eq!(own.get("policy_errors"), None, "{own}");
    close(world, &[]).await;
}

#[tokio::test]
async fn a_rule_under_observe_allows_nothing_and_is_named() {
    let rule = "@id(\"any-branch\")\n@observe(\"true\")\npermit (principal is Job, \
                action == Action::\"streams.create\", resource in Project::\"X\");\n";
    let world = trying("rules/tried.cedar", rule).await;
    let answer = creates_a_stream(&world, &world.feature_token()).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(!answer.text().contains("any-branch"), "{}", answer.text());
    let own = decision(&world, &answer);
    assert_eq!(
        (&own["would"], &own["would_by"]),
        (&json!("allow"), &json!(["any-branch"]))
    );
    let page = told_by_admin(&world, "metrics").await.text();
    assert!(
        page.contains("stile_observed_total{would=\"allow\"} 1"),
        "{page}"
    );
    close(world, &[]).await;
}

#[tokio::test]
async fn a_binding_under_observe_allows_nothing_and_is_named() {
    let ground = ground().await;
    let file = ground.folder().path().join("policies/bindings.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let more = "\n- {name: tried, team: payments, role: dashboard-editor, on: X, observe: true}\n";
    std::fs::write(&file, format!("{text}{more}")).unwrap();
    let world = ground.serve(program()).await.unwrap();
    let mira = world.person_token("mira@acme.example", &["lightstep-payments"]);
    let body = json!({"data": {"type": "dashboard", "attributes": {"name": "n"}}}).to_string();
    let call = world.api("PUT", "X/metric_dashboards/search-latency");
    let call = call.token(&mira).body("application/vnd.api+json", body);
    let answer = ask(&world, call).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    let own = decision(&world, &answer);
    assert_eq!(
        (&own["would"], &own["would_by"]),
        (&json!("allow"), &json!(["tried"]))
    );
    close(world, &[]).await;
}

#[tokio::test]
async fn a_mark_that_is_no_mark_is_refused_where_it_stands() {
    for (name, piece, other, line, fault) in [
        (
            "guardrails/tried.cedar",
            "",
            GUARDRAIL.replace("(\"true\")", "(\"yes\")"),
            "tried.cedar:1",
            "takes the word \"true\"",
        ),
        (
            "bindings.yaml",
            "- name: payments-edit-own\n",
            "- {name: a, team: sre-admins, role: org-admin, on: X, observe: true}\n\
             - name: payments-edit-own\n"
                .to_owned(),
            "bindings.yaml",
            "cannot be under observe",
        ),
    ] {
        let ground = ground().await;
        let file = ground.folder().path().join("policies").join(name);
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let text = match piece {
            "" => other,
            piece => text.replacen(piece, &other, 1),
        };
        std::fs::write(&file, text).unwrap();
        if name == "bindings.yaml" {
            let roles = ground.folder().path().join("policies/roles.yaml");
            let text = std::fs::read_to_string(&roles).unwrap();
            if !text.contains("org-admin") {
                std::fs::write(&roles, format!("{text}\norg-admin: [power]\n")).unwrap();
            }
        }
        let said = ground.serve(program()).await.unwrap_err().to_string();
        assert!(said.contains(line) && said.contains(fault), "{said}");
    }
}

const GUARDRAIL: &str = "@id(\"no-streams\")\n@observe(\"true\")\n@deny(\"no streams\")\n\
    @fix(\"wait\")\nforbid (principal is Job, action == Action::\"streams.create\", resource);\n";

async fn observing() -> World {
    let ground = ground().await;
    let ground = ground.with("journal:\n  folder", "mode: observe\njournal:\n  folder");
    ground.serve(program()).await.unwrap()
}

async fn trying(file: &str, policy: &str) -> World {
    let ground = ground().await;
    ground
        .folder()
        .write(&format!("policies/{file}"), policy)
        .unwrap();
    ground.serve(program()).await.unwrap()
}

fn stream() -> (&'static str, String) {
    let body = json!({"data": {"type": "stream",
        "attributes": {"name": "checkout errors", "query": "service IN (\"checkout\")"}}});
    ("application/vnd.api+json", body.to_string())
}

async fn creates_a_stream(world: &World, token: &str) -> Answer {
    let (kind, body) = stream();
    let call = world.api("POST", "X/streams").token(token);
    ask(world, call.body(kind, body)).await
}

async fn told_by_admin(world: &World, page: &str) -> Answer {
    let url = format!("{}/{page}", world.stile.admin);
    Call::new("GET", url).send().await.unwrap()
}

fn decision(world: &World, answer: &Answer) -> Value {
    let own = records_of(world, answer.field("stile-decision"));
    own.into_iter().find(|r| r.is("decision")).unwrap().json
}
