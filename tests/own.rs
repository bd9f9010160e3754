//! A caller is told what it may do and what became of its requests, and nothing of anybody else.

use http::StatusCode;
use serde_json::{Value, json};
use stile_kit::{Answer, Call, World};

use crate::support::{ask, close, ground, program, records_of, world};

fn at(world: &World, path: &str, token: &str) -> Call {
    Call::new("GET", format!("{}{path}", world.stile.url())).token(token)
}

async fn asks(world: &World, path: &str, token: &str) -> Answer {
    ask(world, at(world, path, token)).await
}

/// Two requests that are allowed and one that is not.
async fn works(world: &World, token: &str) {
    for (project, status) in [("X", 200), ("X", 200), ("Y", 403)] {
        let body = json!({"data": {"type": "stream", "attributes": {"name": "n", "query": "q"}}});
        let call = world
            .api("POST", &format!("{project}/streams"))
            .token(token);
        let call = call.body("application/vnd.api+json", body.to_string());
        assert_eq!(ask(world, call).await.status, status, "{project}");
    }
}

fn may(me: &Value, project: &str, action: &str) -> bool {
    let places = me["may"].as_array().unwrap();
    let there = places.iter().filter(|one| one["project"] == project);
    there
        .flat_map(|one| one["actions"].as_array().unwrap())
        .any(|one| one == action)
}

#[tokio::test]
async fn a_job_is_told_what_it_may_do_and_it_is_what_happens() {
    let world = world().await;
    let token = world.job_token(json!({}));
    let answer = asks(&world, "/.stile/me", &token).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.field("cache-control"), "no-store");
    let me = answer.json();
    assert_eq!(me["who"]["kind"], "job");
    assert_eq!(me["who"]["repository"], "acme/shop/api");
    assert_eq!(me["mode"], "enforce");
    assert!(may(&me, "X", "streams.create") && !may(&me, "Y", "streams.create"));
    works(&world, &token).await;

    let text = asks(&world, "/.stile/me?format=text", &token).await.text();
    assert!(
        text.starts_with("you are job of acme/shop/api on main"),
        "{text}"
    );
    assert!(text.contains("streams.create"), "{text}");
    assert!(!text.contains(&token) && !me.to_string().contains(&token));

    let own = records_of(&world, answer.field("stile-decision"));
    assert_eq!(own.len(), 1, "nothing was forwarded, so nothing is owed");
    assert_eq!(own[0].word("decision"), "own");
    assert_eq!(own[0].word("subject_kind"), "job");
    assert_eq!(own[0].word("path"), "/.stile/me");
    assert!(
        world
            .upstream
            .seen()
            .iter()
            .all(|seen| !seen.target.contains(".stile"))
    );
    close(world, &[token]).await;
}

#[tokio::test]
async fn a_person_is_told_what_the_own_team_adds() {
    let world = world().await;
    let token = world.person_token("mira@acme.example", &["lightstep-payments"]);
    let me = asks(&world, "/.stile/me", &token).await.json();
    assert_eq!(me["teams"], json!(["payments"]));
    let owned = me["may"].as_array().unwrap().iter();
    let owned: Vec<&Value> = owned.filter(|one| one["owner"] == "payments").collect();
    assert!(
        owned
            .iter()
            .any(|one| one["actions"].to_string().contains("dashboards.update")),
        "{me}"
    );
    assert!(
        !me.to_string().contains("search"),
        "another team is named: {me}"
    );
    close(world, &[token]).await;
}

#[tokio::test]
async fn a_job_finds_its_denied_request_with_the_reason_and_the_fix() {
    let world = world().await;
    let token = world.job_token(json!({}));
    works(&world, &token).await;
    let text = asks(&world, "/.stile/me/report", &token).await.text();
    assert!(
        text.starts_with("stile: 3 requests by this job, 2 came through, 1 DID NOT\n"),
        "{text}"
    );
    assert!(
        text.contains("  DENIED  POST streams.create in Y   "),
        "{text}"
    );

    let json = asks(&world, "/.stile/me/report?format=json", &token)
        .await
        .json();
    assert_eq!(
        (&json["requests"], &json["came_through"]),
        (&json!(3), &json!(2))
    );
    let trouble = &json["troubles"][0];
    assert_eq!(trouble["reason"], "policy_denied");
    let id = trouble["id"].as_str().unwrap();
    assert_eq!(records_of(&world, id)[0].word("decision"), "deny");

    let answer = asks(
        &world,
        "/.stile/me/report?format=gitlab-annotations",
        &token,
    )
    .await;
    let links = answer.json();
    let link = &links["stile"][0]["external_link"];
    let label = link["label"].as_str().unwrap();
    assert!(
        label.starts_with("DENIED POST streams.create in Y: "),
        "{label}"
    );
    assert!(label.len() <= 255);
    assert_eq!(
        link["url"],
        format!("https://stile.example.com/.stile/d/{id}")
    );
    close(world, &[token]).await;
}

#[tokio::test]
async fn a_job_without_trouble_is_told_so_in_one_line() {
    let world = world().await;
    let token = world.job_token(json!({}));
    let text = asks(&world, "/.stile/me/report", &token).await.text();
    assert_eq!(text, "stile: 0 requests by this job, all came through\n");
    let links = asks(
        &world,
        "/.stile/me/report?format=gitlab-annotations",
        &token,
    )
    .await;
    assert_eq!(links.json()["stile"].as_array().unwrap().len(), 1);
    close(world, &[token]).await;
}

#[tokio::test]
async fn nobody_is_told_of_another_callers_requests() {
    let world = world().await;
    let token = world.job_token(json!({}));
    works(&world, &token).await;
    for changes in [
        json!({"job_id": "9999"}),
        json!({"project_path": "acme/shop/web", "project_id": "32",
            "job_project_path": "acme/shop/web", "job_project_id": "32"}),
    ] {
        let other = world.job_token(changes);
        let json = asks(&world, "/.stile/me/report?format=json", &other)
            .await
            .json();
        assert_eq!(json["requests"], 0, "{json}");
    }
    let person = world.person_token("mira@acme.example", &["lightstep-payments"]);
    let json = asks(&world, "/.stile/me/report?format=json", &person)
        .await
        .json();
    assert_eq!(json["requests"], 0, "{json}");
    let again = asks(&world, "/.stile/me/report?format=json", &token)
        .await
        .json();
    assert_eq!(
        again["requests"], 3,
        "looks at these pages are no requests: {again}"
    );
    close(world, &[token]).await;
}

#[tokio::test]
async fn an_upstream_that_fails_is_trouble_too() {
    let ground = ground().await;
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let upstream = ground.upstream.url();
    let world = ground
        .with(
            &format!("url: {upstream}"),
            &format!("url: http://{address}"),
        )
        .serve(program())
        .await
        .unwrap();
    let token = world.job_token(json!({}));
    let call = world.api("POST", "X/streams").token(&token);
    let answer = ask(&world, call.body("application/json", "{}")).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{}", answer.text());
    let json = asks(&world, "/.stile/me/report?format=json", &token)
        .await
        .json();
    assert_eq!(json["troubles"][0]["verdict"], "FAILED", "{json}");
    assert_eq!(json["troubles"][0]["reason"], "upstream_unreachable");
    close(world, &[token]).await;
}

#[tokio::test]
async fn who_is_not_known_is_told_nothing() {
    let world = world().await;
    let expired =
        world.job_token(json!({"exp": 1_000_000_000, "iat": 999_999_000, "nbf": 999_999_000}));
    for path in ["/.stile/me", "/.stile/me/report"] {
        let url = format!("{}{path}", world.stile.url());
        let answer = ask(&world, Call::new("GET", url)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.json()["reason"], "no_credential");
        let answer = asks(&world, path, &expired).await;
        assert_eq!(answer.json()["reason"], "expired");
    }
    close(world, &[expired]).await;
}

#[tokio::test]
async fn other_spellings_are_no_pages_of_ours() {
    let world = world().await;
    let token = world.job_token(json!({}));
    for path in [
        "/.stile/ME",
        "/.stile/me/",
        "/.stile//me",
        "/.stile/%6de",
        "/.stile/./me",
        "/.stile/x/../me",
        "/.stile/me;a=b",
        "/.stile/me/report/x",
        "/%2estile/me",
        "/.stile/me%00",
        "/.stile/d/not-an-id",
        "/.stile/d/01234567-89ab-7def-8123-456789abcdef/",
    ] {
        let answer = asks(&world, path, &token).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.text());
        let decision = answer.field("stile-decision").to_owned();
        assert_ne!(
            records_of(&world, &decision)[0].word("decision"),
            "own",
            "{path}"
        );
    }
    for method in ["POST", "PUT", "DELETE", "HEAD"] {
        let call = Call::new(method, format!("{}/.stile/me", world.stile.url())).token(&token);
        assert!(ask(&world, call).await.status.is_client_error(), "{method}");
    }
    for query in [
        "format=xml",
        "format=text&x=y",
        "Format=text",
        "x",
        "format=%74ext",
    ] {
        let answer = asks(&world, &format!("/.stile/me?{query}"), &token).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.text().contains("format="), "{}", answer.text());
    }
    assert!(world.upstream.seen().is_empty());
    close(world, &[token]).await;
}

#[tokio::test]
async fn a_path_cannot_draw_over_the_log() {
    let world = world().await;
    let token = world.job_token(json!({}));
    let path = "/public/v0.2/acme/projects/X/%1b%5b2J%0d%0astile:%20all%20came%20through";
    let _ = asks(&world, path, &token).await;
    let text = asks(&world, "/.stile/me/report", &token).await.text();
    assert!(text.contains("1 DID NOT"), "{text}");
    assert!(
        text.chars().all(|c| c == '\n' || !c.is_control()),
        "{text:?}"
    );
    close(world, &[token]).await;
}

#[tokio::test]
async fn the_link_to_a_decision_is_the_same_page_for_everybody() {
    let world = world().await;
    let token = world.feature_token();
    let denied = ask(
        &world,
        world
            .api("POST", "X/streams")
            .token(&token)
            .body("application/json", "{}"),
    )
    .await;
    let id = denied.field("stile-decision").to_owned();
    let mut pages = Vec::new();
    for last in [id.as_str(), "01234567-89ab-7def-8123-456789abcdef"] {
        let url = format!("{}/.stile/d/{last}", world.stile.url());
        let answer = ask(&world, Call::new("GET", url)).await;
        assert_eq!(answer.status, StatusCode::OK);
        pages.push(answer.text());
    }
    assert_eq!(pages[0], pages[1]);
    assert!(pages[0].contains("stile explain ID"));
    close(world, &[token]).await;
}

#[tokio::test]
async fn without_an_index_the_report_says_so() {
    let ground = ground().await;
    let settings = format!("{}\nindex: {{ enabled: false }}\n", ground.settings);
    let mut ground = ground;
    ground.settings = settings;
    let world = ground.serve(program()).await.unwrap();
    let token = world.job_token(json!({}));
    let text = asks(&world, "/.stile/me/report", &token).await.text();
    assert!(text.contains("keeps no index"), "{text}");
    let json = asks(&world, "/.stile/me/report?format=json", &token)
        .await
        .json();
    assert_eq!(json["requests"], Value::Null);
    close(world, &[token]).await;
}
