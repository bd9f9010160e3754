//! The whole way, with the real program: who may, what reaches the upstream, what is written down.

use serde_json::{Value, json};
use stile_kit::upstream::{API_KEY, INGEST_KEY};
use stile_kit::{Call, World, claims};

use crate::support::{ask, close, program, records, records_of, whole, world};

fn stream() -> (&'static str, String) {
    let body = json!({"data": {"type": "stream",
        "attributes": {"name": "checkout errors", "query": "service IN (\"checkout\")"}}});
    ("application/vnd.api+json", body.to_string())
}

async fn creates_a_stream(world: &World, token: &str) -> stile_kit::Answer {
    let (kind, body) = stream();
    ask(
        world,
        world.api("POST", "X/streams").token(token).body(kind, body),
    )
    .await
}

#[tokio::test]
async fn a_job_on_a_protected_branch_creates_a_stream_with_our_key() {
    let world = world().await;
    let token = world.job_token(json!({}));
    let answer = creates_a_stream(&world, &token).await;
    assert_eq!(answer.status, 200, "{}", answer.text());

    let seen = world.upstream.wait_for(1).await;
    assert_eq!(seen[0].target, "/public/v0.2/acme/projects/X/streams");
    assert_eq!(
        seen[0].values("authorization"),
        [format!("bearer {API_KEY}")]
    );
    assert_eq!(seen[0].values("x-lightstep-org"), ["acme"]);
    assert!(
        !seen[0].mentions(&token),
        "the caller's token went upstream"
    );
    assert_eq!(seen[0].body, stream().1.as_bytes());

    let decision = answer.field("stile-decision").to_owned();
    close_with(world, &[token], |records| {
        let own: Vec<&Value> = records
            .iter()
            .filter(|r| r["id"] == decision.as_str() || r["ref"] == decision.as_str())
            .collect();
        assert_eq!(own.len(), 2, "a decision and an outcome: {own:?}");
        assert_eq!(own[0]["decision"], "allow");
        assert_eq!(own[0]["op"], "streams.create");
        assert_eq!(own[0]["policies"], json!(["ci-create-in-X"]));
        assert_eq!(own[1]["end"], "complete");
        assert_eq!(own[1]["status"], 200);
    })
    .await;
}

#[tokio::test]
async fn a_feature_branch_is_told_which_check_failed_and_what_to_do() {
    let world = world().await;
    let token = world.feature_token();
    let answer = creates_a_stream(&world, &token).await;
    assert_eq!(answer.status, 403);
    let body = answer.json();
    let detail = body["detail"].as_str().unwrap();
    assert!(
        detail.contains("streams.create") && detail.contains("protected"),
        "{detail}"
    );
    assert!(detail.contains("Fix: "), "{detail}");
    assert!(!answer.text().contains('\n') && answer.text().len() < 2048);
    assert!(
        answer
            .field("www-authenticate")
            .contains("insufficient_scope")
    );
    assert!(world.upstream.seen().is_empty(), "a denied request left");
    let own = records_of(&world, answer.field("stile-decision"));
    assert_eq!(own.len(), 1, "a refusal has one record");
    assert_eq!(own[0].word("decision"), "deny");
    assert_eq!(own[0].word("reason"), "policy_denied");
    assert!(
        own[0].json["subject"]
            .as_str()
            .unwrap()
            .contains("acme/shop/api")
    );
    close(world, &[token]).await;
}

#[tokio::test]
async fn forks_merge_requests_and_unknown_forks_are_denied() {
    let world = world().await;
    let mut cannot_tell = world.job();
    cannot_tell.remove("job_project_id");
    cannot_tell.remove("job_project_path");
    for token in [
        world.job_token(json!({"project_id": "99", "project_path": "kim/api"})),
        world.job_token(json!({"pipeline_source": "merge_request_event"})),
        world.gitlab.mint(&cannot_tell),
    ] {
        let answer = creates_a_stream(&world, &token).await;
        assert_eq!(answer.status, 403, "{}", answer.text());
        assert!(
            answer.text().contains("no-fork-or-mr-tokens"),
            "{}",
            answer.text()
        );
    }
    assert!(world.upstream.seen().is_empty());
    close(world, &[]).await;
}

#[tokio::test]
async fn a_person_edits_the_own_dashboard_and_no_spelling_reaches_another_teams() {
    let world = world().await;
    let mira = world.person_token("mira@acme.example", &["lightstep-payments"]);
    let edit = |id: &str| {
        let body = json!({"data": {"type": "dashboard", "attributes": {"name": "n"}}});
        world
            .api("PUT", &format!("X/metric_dashboards/{id}"))
            .token(&mira)
            .body("application/vnd.api+json", body.to_string())
    };
    assert_eq!(ask(&world, edit("checkout-latency")).await.status, 200);
    let foreign = ask(&world, edit("search-latency")).await;
    assert_eq!(foreign.status, 403);
    assert!(
        !foreign.text().contains("team search"),
        "another team is named: {}",
        foreign.text()
    );
    for spelling in [
        "checkout-latency/../search-latency",
        "checkout-latency%2f..%2fsearch-latency",
        "search%2dlatency",
        "%73earch-latency",
        "search-latency/",
        "./search-latency",
        "search-latency;x=checkout-latency",
        "search-latency%00",
        "SEARCH-LATENCY",
        "search-latency%23checkout-latency",
    ] {
        let answer = ask(&world, edit(spelling)).await;
        assert!(
            answer.status.is_client_error(),
            "{spelling}: {}",
            answer.status
        );
    }
    let seen = world.upstream.seen(); // with looks of stile's own, at whose it is
    assert_eq!(
        seen.iter().filter(|seen| seen.method == "PUT").count(),
        1,
        "only the own dashboard was edited"
    );
    close(world, &[mira]).await;
}

#[tokio::test]
async fn a_deployment_carries_the_tokens_commit_and_needs_production() {
    let world = world().await;
    let deploy = |token: &str, body: &str| {
        Call::new(
            "POST",
            format!("{}/.stile/v1/deployments", world.stile.url()),
        )
        .token(token)
        .body("application/json", body.to_owned())
    };
    let staging = world.job_token(json!({"environment": "staging",
        "environment_protected": "false", "deployment_tier": "staging"}));
    let denied = ask(&world, deploy(&staging, r#"{"service":"checkout"}"#)).await;
    assert_eq!(denied.status, 403);
    assert!(denied.text().contains("deployments-prod-only"));
    assert!(world.upstream.seen().is_empty());

    let production = world.job_token(json!({}));
    let typed = ask(
        &world,
        deploy(&production, r#"{"service":"checkout","version":"666"}"#),
    )
    .await;
    assert_eq!(
        typed.status, 403,
        "a version that a script typed is refused"
    );
    assert!(world.upstream.seen().is_empty());

    let posted = ask(&world, deploy(&production, r#"{"service":"checkout"}"#)).await;
    assert_eq!(posted.status, 200, "{}", posted.text());
    let seen = world.upstream.wait_for(1).await;
    assert_eq!(seen[0].target, "/v1/traces");
    assert_eq!(seen[0].value("lightstep-access-token").unwrap(), INGEST_KEY);
    assert!(seen[0].mentions(world.job()["sha"].as_str().unwrap()));
    close(world, &[staging, production]).await;
}

#[tokio::test]
async fn telemetry_passes_and_its_refusals_are_status_messages() {
    let world = world().await;
    let send = |token: &str, kind: &str| {
        Call::new("POST", format!("{}/v1/traces", world.stile.url()))
            .field("lightstep-access-token", token)
            .body(kind, &b"\x0a\x00"[..])
    };
    let job = world.job_token(json!({}));
    let answer = ask(&world, send(&job, "application/x-protobuf")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = world.upstream.wait_for(1).await;
    assert_eq!(seen[0].values("lightstep-access-token"), [INGEST_KEY]);

    let refused = ask(&world, send("not-a-token", "application/x-protobuf")).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.field("content-type"), "application/x-protobuf");
    assert_eq!(
        refused.body[0], 0x08,
        "a google.rpc.Status begins with its code"
    );
    let refused = ask(&world, send("not-a-token", "application/json")).await;
    assert!(refused.json()["message"].is_string(), "{}", refused.text());
    close(world, &[job]).await;
}

#[tokio::test]
async fn http2_and_tls_lead_to_the_same_decisions() {
    let world = world().await;
    let token = world.job_token(json!({}));
    let ca = world.ca.certificate_pem().into_bytes();
    let tls = world.stile.urls[1].clone();
    for (url, http2) in [
        (world.stile.url().to_owned(), true),
        (tls.clone(), false),
        (tls, true),
    ] {
        let target = format!("{url}/public/v0.2/acme/projects/X/streams");
        let (kind, body) = stream();
        let mut call = Call::new("POST", target)
            .token(&token)
            .body(kind, body)
            .trusting(&ca);
        if http2 {
            call = call.http2();
        }
        let answer = ask(&world, call).await;
        assert_eq!(answer.status, 200, "{url} http2={http2}: {}", answer.text());
        let own = records_of(&world, answer.field("stile-decision"));
        assert_eq!(own[0].word("proto"), if http2 { "h2" } else { "http/1.1" });
    }
    assert_eq!(world.upstream.seen().len(), 3);
    close(world, &[token]).await;
}

#[tokio::test]
async fn what_is_unknown_is_refused_by_its_own_word() {
    let world = world().await;
    let job = world.job_token(json!({}));
    let url = world.stile.url().to_owned();
    let elsewhere = world.job_token(json!({"aud": "https://vault.example.com"}));
    let cases = [
        (
            world.api("GET", "X/nothing").token(&job),
            404,
            "no_operation",
        ),
        (world.api("GET", "X/streams"), 401, "no_credential"),
        (
            world.api("GET", "X/streams").token(&elsewhere),
            401,
            "wrong_audience",
        ),
        (
            world
                .api("GET", "X/streams")
                .token(&job)
                .field("lightstep-access-token", &job),
            400,
            "multiple_credentials",
        ),
        (
            Call::new("GET", format!("{url}/public/v0.2/other/projects")).token(&job),
            421,
            "misdirected",
        ),
        (
            Call::new("GET", format!("{url}/healthz")).token(&job),
            404,
            "no_operation",
        ),
        (
            Call::new("GET", format!("{url}/debug/vars")),
            401,
            "no_credential",
        ),
    ];
    for (call, status, word) in cases {
        let shown = format!("{call:?}");
        let answer = ask(&world, call).await;
        assert_eq!(answer.status.as_u16(), status, "{shown}: {}", answer.text());
        assert_eq!(answer.json()["reason"], word, "{shown}");
        assert_eq!(
            records_of(&world, answer.field("stile-decision"))[0].word("reason"),
            word
        );
    }
    assert!(world.upstream.seen().is_empty());
    close(world, &[job, elsewhere]).await;
}

#[tokio::test]
async fn callers_learn_where_tokens_come_from() {
    let world = world().await;
    let url = format!("{}/.well-known/oauth-protected-resource", world.stile.url());
    let answer = ask(&world, Call::new("GET", url)).await;
    assert_eq!(answer.status, 200);
    let document = answer.json();
    assert_eq!(document["resource"], stile_kit::world::AUDIENCE);
    let issuers = document["authorization_servers"].as_array().unwrap();
    assert!(issuers.contains(&json!(world.gitlab.url())));
    close(world, &[]).await;
}

#[tokio::test]
async fn the_operator_sees_readiness_and_counters() {
    let world = world().await;
    creates_a_stream(&world, &world.job_token(json!({}))).await;
    creates_a_stream(&world, &world.feature_token()).await;
    let admin = |path: &str| Call::new("GET", format!("{}{path}", world.stile.admin)).send();
    assert_eq!(admin("/healthz").await.unwrap().text(), "alive\n");
    let ready = admin("/readyz").await.unwrap();
    assert_eq!(ready.status, 200, "{}", ready.text());
    for part in ["settings", "policies", "keys", "journal", "upstreams"] {
        assert!(!ready.json()[part].is_null(), "{part}: {}", ready.text());
    }
    let page = admin("/metrics").await.unwrap().text();
    assert!(
        page.contains("stile_allowed_total{action=\"streams.create\"} 1"),
        "{page}"
    );
    assert!(
        page.contains("stile_refused_total{reason=\"policy_denied\"} 1"),
        "{page}"
    );
    close(world, &[]).await;
}

#[tokio::test]
async fn a_reload_swaps_the_whole_set_or_keeps_the_old_one() {
    let world = world().await;
    let feature = world.feature_token();
    assert_eq!(creates_a_stream(&world, &feature).await.status, 403);
    let rules = world.stile.folder().path().join("policies/rules");
    let extra = rules.join("extra.cedar");
    std::fs::write(&extra, "permit (principal is Job, action, resuorce);").unwrap();
    world.stile.signal("HUP").unwrap();
    world
        .stile
        .waits_for("new settings are refused")
        .await
        .unwrap();
    let ready = Call::new("GET", format!("{}/readyz", world.stile.admin))
        .send()
        .await
        .unwrap();
    assert_eq!(ready.json()["state"], "degraded", "{}", ready.text());
    assert!(
        ready.text().contains("extra.cedar"),
        "the file is named: {}",
        ready.text()
    );
    assert_eq!(
        creates_a_stream(&world, &world.job_token(json!({})))
            .await
            .status,
        200
    );

    std::fs::remove_file(&extra).unwrap();
    let create = rules.join("jobs.cedar");
    let text = std::fs::read_to_string(&create).unwrap();
    assert!(text.contains("ci-create-in-X"));
    world.stile.signal("HUP").unwrap();
    world
        .stile
        .waits_for("new settings are in force")
        .await
        .unwrap();
    let ready = Call::new("GET", format!("{}/readyz", world.stile.admin))
        .send()
        .await
        .unwrap();
    assert_eq!(ready.json()["state"], "ready", "{}", ready.text());
    let noted = records(&world.stile.journal());
    assert!(
        noted
            .iter()
            .any(|r| r.json.to_string().contains("reload.refused"))
    );
    assert!(
        noted
            .iter()
            .any(|r| r.json.to_string().contains("config.reload"))
    );
    close(world, &[feature]).await;
}

#[tokio::test]
async fn an_upstream_key_is_replaced_without_a_restart_or_a_failed_request() {
    let world = world().await;
    let token = world.job_token(json!({}));
    assert_eq!(creates_a_stream(&world, &token).await.status, 200);
    let key = world.stile.folder().path().join("secrets/lightstep.key");
    std::fs::write(&key, "another-key-0123456789abcdef\n").unwrap();
    world.stile.signal("HUP").unwrap();
    world
        .stile
        .waits_for("new settings are in force")
        .await
        .unwrap();
    creates_a_stream(&world, &token).await;
    let seen = world.upstream.wait_for(2).await;
    assert_eq!(
        seen[1].value("authorization").unwrap(),
        "bearer another-key-0123456789abcdef"
    );
    close(world, &[token, "another-key-0123456789abcdef".to_owned()]).await;
}

#[tokio::test]
async fn a_second_process_is_kept_off_the_journal() {
    let world = world().await;
    let config = world.stile.folder().path().join("stile.yaml");
    let output = tokio::process::Command::new(program())
        .args(["serve", "--config"])
        .arg(&config)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(75), "{said}");
    assert!(said.contains("journal"), "{said}");
    assert_eq!(
        creates_a_stream(&world, &world.job_token(json!({})))
            .await
            .status,
        200
    );
    close(world, &[]).await;
}

#[tokio::test]
async fn after_a_kill_each_allow_has_an_outcome_and_nothing_left_unrecorded() {
    let world = world().await;
    let tokens: Vec<String> = (0..4)
        .map(|n| world.job_token(json!({"jti": format!("kill-{n}")})))
        .collect();
    let mut callers = tokio::task::JoinSet::new();
    for number in 0..16 {
        let (kind, body) = stream();
        let call = world
            .api("POST", "X/streams")
            .token(&tokens[number % 4])
            .body(kind, body);
        callers.spawn(async move {
            let mut answered = 0;
            while answered < 500 && call.clone().send().await.is_ok() {
                answered += 1;
            }
        });
    }
    world.upstream.wait_for(50).await;
    let World {
        stile,
        upstream,
        gitlab,
        okta,
        ca,
    } = world;
    let folder = stile.kill().await.unwrap();
    callers.join_all().await;

    let forwarded: Vec<String> = upstream
        .seen()
        .iter()
        .map(|s| s.value("stile-decision").unwrap())
        .collect();
    let written = records(&folder.path().join("journal"));
    for decision in &forwarded {
        let known = written
            .iter()
            .any(|r| r.word("id") == decision && r.word("decision") == "allow");
        assert!(known, "{decision} went upstream without a record");
    }
    let stile = folder.serve(program()).await.unwrap();
    let world = World {
        stile,
        upstream,
        gitlab,
        okta,
        ca,
    };
    let (status, folder, said) = world.stile.stop().await.unwrap();
    assert!(status.success(), "{said}");
    whole(&folder);
}

#[tokio::test]
async fn a_drain_finishes_what_runs() {
    use stile_kit::upstream::Script;
    let world = world().await;
    world
        .upstream
        .script(Script::SlowHead(std::time::Duration::from_millis(700)))
        .await;
    let (kind, body) = stream();
    let call = world
        .api("POST", "X/streams")
        .token(&world.job_token(json!({})))
        .body(kind, body);
    let running = tokio::spawn(call.send());
    world.upstream.wait_for(1).await;
    let World {
        stile,
        upstream: _upstream,
        ..
    } = world;
    let (status, folder, said) = stile.stop().await.unwrap();
    assert!(status.success(), "{said}");
    assert_eq!(
        running.await.unwrap().unwrap().status,
        200,
        "the running request was cut"
    );
    whole(&folder);
}

#[tokio::test]
async fn a_drain_waits_for_what_runs_though_its_caller_has_left() {
    use stile_kit::upstream::Script;
    for (script, end) in [
        (
            Script::SlowHead(std::time::Duration::from_millis(700)),
            "client_abort",
        ),
        (Script::Silent, "client_abort"),
    ] {
        let ground = crate::support::ground().await;
        let ground = ground.with("site:\n", "limits: { drain_timeout: 3s }\nsite:\n");
        let world = ground.serve(program()).await.unwrap();
        let token = world.job_token(json!({}));
        world.upstream.script(script).await;
        let left = tokio::spawn(world.api("POST", "X/streams").token(&token).send());
        crate::hostile::framing::eventually("it is decided", || {
            let all = records(&world.stile.journal());
            all.iter()
                .filter(|one| one.word("decision") == "allow")
                .count()
                == 1
        })
        .await;
        left.abort();
        close_with(world, &[token], |records| {
            let ends: Vec<_> = records
                .iter()
                .filter(|one| one.get("end").is_some())
                .collect();
            assert_eq!(ends.len(), 1, "{records:?}");
            assert_eq!(ends[0]["end"], end, "{ends:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn agents_read_and_never_write() {
    let world = world().await;
    let claims = claims::okta_agent(
        world.okta.url(),
        stile_kit::world::AUDIENCE,
        "agent-7",
        "mira@acme.example",
        &["lightstep-payments"],
    );
    let agent = world.okta.mint(&claims);
    let read = world
        .api("GET", "X/metric_dashboards/checkout-latency")
        .token(&agent);
    assert_eq!(ask(&world, read).await.status, 200);
    let write = world
        .api("PUT", "X/metric_dashboards/checkout-latency")
        .token(&agent)
        .body("application/json", "{}");
    let denied = ask(&world, write).await;
    assert_eq!(denied.status, 403);
    assert!(denied.text().contains("agents-read-only"));
    close(world, &[agent]).await;
}

#[tokio::test]
async fn a_token_is_explained_by_the_checks_that_serve_makes() {
    let world = world().await;
    let explain = |token: String| {
        let config = world.stile.folder().path().join("stile.yaml");
        let mut command = tokio::process::Command::new(program());
        command
            .args(["token", "explain", "--config"])
            .arg(config)
            .arg(token);
        async move { command.output().await.unwrap() }
    };
    let good = explain(world.job_token(json!({}))).await;
    let said = String::from_utf8_lossy(&good.stdout).into_owned();
    assert_eq!(
        good.status.code(),
        Some(0),
        "{said}{}",
        String::from_utf8_lossy(&good.stderr)
    );
    assert!(said.contains("acme/shop/api"), "{said}");
    let elsewhere = explain(world.job_token(json!({"aud": "https://vault.example.com"}))).await;
    let said = String::from_utf8_lossy(&elsewhere.stdout).into_owned();
    assert_eq!(elsewhere.status.code(), Some(1), "{said}");
    assert!(said.contains("wrong_audience"), "{said}");
    close(world, &[]).await;
}

#[tokio::test]
async fn a_record_names_the_policy_set_that_decided_and_a_reload_the_next_one() {
    let world = world().await;
    let token = world.job_token(json!({}));
    let set_of = |answer: &stile_kit::Answer| {
        let own = records_of(&world, answer.field("stile-decision"));
        own[0].word("policy_set").to_owned()
    };
    let before = set_of(&creates_a_stream(&world, &token).await);
    let rules = world
        .stile
        .folder()
        .path()
        .join("policies/rules/jobs.cedar");
    let text = std::fs::read_to_string(&rules).unwrap();
    std::fs::write(&rules, format!("{text}\n// looked at again\n")).unwrap();
    // Nobody sends a signal: the changed file is enough.
    world
        .stile
        .waits_for("new settings are in force")
        .await
        .unwrap();
    let after = set_of(&creates_a_stream(&world, &token).await);
    assert!(before.starts_with("sha256:") && after.starts_with("sha256:"));
    assert_ne!(before, after, "another set decided");
    close(world, &[token]).await;
}

/// Stops stile, checks what [`close`] checks, and hands the records over.
async fn close_with(world: World, secrets: &[String], check: impl FnOnce(&[Value])) {
    let World {
        stile,
        upstream: _upstream,
        ..
    } = world;
    let (status, folder, said) = stile.stop().await.unwrap();
    assert!(status.success(), "stile ended with {status}:\n{said}");
    whole(&folder);
    let records: Vec<Value> = records(&folder.path().join("journal"))
        .into_iter()
        .map(|r| r.json)
        .collect();
    let all = serde_json::to_string(&records).unwrap();
    for secret in secrets {
        assert!(!all.contains(secret.as_str()), "a secret is in the journal");
    }
    check(&records);
}
