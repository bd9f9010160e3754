//! Nobody sees more than the policies allow, however it is asked for.

use super::{Stage, said};
use crate::support::records_of;

/// Pages that have a scope, with the action that opens them.
const SCOPED: &[(&str, &str)] = &[
    ("/requests", "console.requests"),
    ("/requests.json", "console.requests"),
    (
        "/decision?id=01a21d91-66a7-7b00-92ee-efb117092a4f",
        "console.requests",
    ),
    (
        "/decision.json?id=01a21d91-66a7-7b00-92ee-efb117092a4f",
        "console.requests",
    ),
    ("/denied", "console.requests"),
    ("/denied.json", "console.requests"),
    ("/export", "console.export"),
    ("/export.json", "console.export"),
    ("/export/file?format=csv", "console.export"),
];

const WHOLE: &[(&str, &str)] = &[
    ("/policy", "console.policy"),
    ("/policy.json", "console.policy"),
    ("/integrity", "console.integrity"),
    ("/integrity.json", "console.integrity"),
    ("/keys", "console.integrity"),
    ("/keys.json", "console.integrity"),
];

/// Who may do what, written down by hand: scope, and the actions that are allowed there.
fn expected(who: &str, scope: &str) -> &'static [&'static str] {
    const ALL: &[&str] = &[
        "console.requests",
        "console.policy",
        "console.integrity",
        "console.export",
    ];
    const TEAM: &[&str] = &["console.requests", "console.policy", "console.export"];
    const LOOK: &[&str] = &["console.requests"];
    match (who, scope) {
        ("rita", _) => ALL,
        ("ada", "") => &["console.policy", "console.integrity"],
        ("ada", _) => &["console.policy", "console.integrity"],
        ("lea", "team=payments") => TEAM,
        ("sam", "team=search") => TEAM,
        ("lea" | "mira", "project=acme/payments/api") => LOOK,
        ("payments_job", "project=acme/payments/api") => LOOK,
        ("job", "project=acme/shop/api") => LOOK,
        _ => &[],
    }
}

#[tokio::test]
async fn everybody_opens_what_is_written_down_and_nothing_else() {
    let stage = Stage::set().await;
    stage.works().await;
    let people = [
        ("rita", &stage.rita),
        ("lea", &stage.lea),
        ("mira", &stage.mira),
        ("sam", &stage.sam),
        ("nora", &stage.nora),
        ("ada", &stage.ada),
        ("job", &stage.job),
        ("payments_job", &stage.payments_job),
    ];
    let scopes = [
        "",
        "team=payments",
        "team=search",
        "project=acme/payments/api",
        "project=acme/shop/api",
    ];
    for (who, token) in people {
        for scope in scopes {
            let allowed = expected(who, scope);
            for (page, action) in SCOPED {
                let between = if page.contains('?') { "&" } else { "?" };
                let below = format!("{page}{between}{scope}");
                let answer = stage.looks(token, below.trim_end_matches(['?', '&'])).await;
                let status = if allowed.contains(action) { 200 } else { 403 };
                assert_eq!(answer.status, status, "{who} {below}: {}", answer.text());
            }
        }
        for (page, action) in WHOLE {
            let status = if expected(who, "").contains(action) {
                200
            } else {
                403
            };
            let answer = stage.looks(token, page).await;
            assert_eq!(answer.status, status, "{who} {page}: {}", answer.text());
            // A narrower right opens no page that shows everything.
            let answer = stage.looks(token, &format!("{page}?team=payments")).await;
            assert!([400, 403].contains(&answer.status.as_u16()), "{who} {page}");
        }
    }
    stage.close().await;
}

#[tokio::test]
async fn what_a_scope_shows_is_of_that_scope_only() {
    let stage = Stage::set().await;
    stage.works().await;
    for (token, scope, own) in [
        (
            &stage.lea,
            "team=payments",
            &["mira@acme.example", "lea@acme.example"][..],
        ),
        (&stage.sam, "team=search", &["sam@acme.example"]),
        (
            &stage.mira,
            "project=acme/payments/api",
            &["acme/payments/api @ main"],
        ),
        (
            &stage.job,
            "project=acme/shop/api",
            &["acme/shop/api @ main"],
        ),
    ] {
        // Also where the typed query tries to reach further.
        for q in [
            "",
            "decision:deny or decision:allow",
            "not person:nobody",
            "team:search or team:payments or kind:job",
        ] {
            let q = q.replace(' ', "+").replace(':', "%3A");
            let page = stage
                .twin(token, &format!("/requests.json?{scope}&looks=yes&q={q}"))
                .await;
            let who = said(&page, "who");
            assert!(
                page["rows"].as_u64().unwrap() > 0 || q.starts_with("team"),
                "{scope} {q}: {page}"
            );
            for name in &who {
                assert!(own.contains(&name.as_str()), "{scope} {q} shows {name}");
            }
        }
    }
    stage.close().await;
}

#[tokio::test]
async fn a_decision_outside_of_the_scope_is_as_one_that_does_not_exist() {
    let stage = Stage::set().await;
    stage.works().await;
    let all = stage
        .twin(&stage.rita, "/requests.json?q=person:nora%40acme.example")
        .await;
    let id = all["lines"][0]["id"].as_str().unwrap().to_owned();
    let own = stage.twin(&stage.lea, "/requests.json?team=payments").await;
    let own = own["lines"][0]["id"].as_str().unwrap().to_owned();
    let seen = |id: &str| format!("/decision?id={id}&team=payments");
    let there = stage.looks(&stage.lea, &seen(&own)).await.text();
    assert!(
        there.contains(&own) && !there.contains("No such decision"),
        "{there}"
    );
    let other = stage.looks(&stage.lea, &seen(&id)).await.text();
    let none = stage
        .looks(&stage.lea, &seen("01a21d91-66a7-7b00-92ee-efb117092a4f"))
        .await
        .text();
    let plain = |page: &str, id: &str| {
        let page = page.replace(id, "ID");
        // Two looks are at two moments.
        let lines = page
            .lines()
            .filter(|line| !line.contains("As of") && !line.contains("<b class=\"good\">"));
        lines.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(
        plain(&other, &id),
        plain(&none, "01a21d91-66a7-7b00-92ee-efb117092a4f")
    );
    let by_auditor = stage
        .looks(&stage.rita, &format!("/decision?id={id}"))
        .await
        .text();
    assert!(by_auditor.contains("nora@acme.example"), "{by_auditor}");
    stage.close().await;
}

#[tokio::test]
async fn a_scope_that_is_spelled_oddly_is_refused_and_never_a_wider_one() {
    let stage = Stage::set().await;
    stage.works().await;
    for query in [
        "team=",
        "team",
        "team=&team=payments",
        "team=payments&team=search",
        "team=payments&team=payments",
        "team=payments&project=acme/payments/api",
        "TEAM=payments",
        "tEam=payments",
        "t%65am=payments",
        "team=payments%00",
        "team=payments%0a",
        "team=%ff",
        "team=%",
        "team=Payments",
        "team=payments+",
        "team=nobodys",
        "team=*",
        "team=payments*",
        "project=",
        "project=acme",
        "project=acme/payments/../shop/api",
        "project=acme//api",
        "project=acme/payments/*",
        "project=acme/payments/api%2f..%2fother",
        "scope=payments",
        "owner=payments",
    ] {
        // She may see her team's and her repository's: none of these is either.
        for page in ["/requests", "/requests.json", "/denied", "/export/file"] {
            let answer = stage.looks(&stage.lea, &format!("{page}?{query}")).await;
            let status = answer.status.as_u16();
            assert!(
                [400, 403].contains(&status),
                "{page}?{query}: {status} {}",
                answer.text()
            );
            assert!(!answer.json()["detail"].as_str().unwrap_or("").is_empty());
        }
        // And nobody who may see everything is shown it by mistake.
        let answer = stage
            .looks(&stage.rita, &format!("/requests?{query}"))
            .await;
        assert_eq!(answer.status, 400, "{query}");
    }
    // Another spelling of the same letters is the same scope.
    for query in ["team=%70ayments", "team=payment%73&q="] {
        let page = stage
            .twin(&stage.lea, &format!("/requests.json?{query}"))
            .await;
        assert_eq!(page["scope"], "team payments", "{query}");
        assert!(
            said(&page, "who")
                .iter()
                .all(|who| who.starts_with("mira") || who.starts_with("lea"))
        );
    }
    stage.close().await;
}

#[tokio::test]
async fn every_look_is_in_the_journal_with_its_scope() {
    let stage = Stage::set().await;
    let answer = stage.looks(&stage.lea, "/requests?team=payments").await;
    let records = records_of(&stage.world, answer.field("stile-decision"));
    assert_eq!(records.len(), 2, "a decision and its outcome");
    assert_eq!(records[0].word("op"), "console.requests");
    assert_eq!(records[0].word("activity"), "look");
    assert_eq!(records[0].word("decision"), "allow");
    assert_eq!(
        records[0].json["resource"],
        serde_json::json!(["Records", "team:payments", null])
    );
    let refused = stage.looks(&stage.lea, "/export?team=search").await;
    let records = records_of(&stage.world, refused.field("stile-decision"));
    assert_eq!(records[0].word("decision"), "deny");
    assert_eq!(records[0].json["resource"][1], "team:search");
    let start = stage.looks(&stage.nora, "").await;
    let records = records_of(&stage.world, start.field("stile-decision"));
    assert_eq!(records[0].word("decision"), "own");
    assert_eq!(records[0].word("path"), "/.stile/console");
    // Nothing of it went to the upstream.
    let seen = stage.world.upstream.seen();
    assert!(seen.iter().all(|seen| !seen.target.contains(".stile")));
    stage.close().await;
}

#[tokio::test]
async fn observing_opens_nothing_in_the_console() {
    let ground = crate::support::ground().await;
    let mut ground = ground;
    ground.settings += "console: true\nmode: observe\n";
    let world = ground.serve(crate::support::program()).await.unwrap();
    let nora = world.person_token("nora@acme.example", &[]);
    let look = |below: &str| {
        let url = format!("{}/.stile/console{below}", world.stile.url());
        stile_kit::Call::new("GET", url).token(&nora)
    };
    assert_eq!(crate::support::ask(&world, look("")).await.status, 200);
    for page in ["/requests", "/policy", "/integrity", "/export"] {
        let answer = crate::support::ask(&world, look(page)).await;
        assert_eq!(answer.status, 403, "{page}: {}", answer.text());
    }
    crate::support::close(world, &[nora]).await;
}

#[tokio::test]
async fn without_the_setting_there_is_no_console() {
    let world = crate::support::world().await;
    let rita = world.person_token("rita@acme.example", &["lightstep-auditors"]);
    for page in ["", ".json", "/requests", "/keys"] {
        let url = format!("{}/.stile/console{page}", world.stile.url());
        let call = stile_kit::Call::new("GET", url).token(&rita);
        let answer = crate::support::ask(&world, call).await;
        assert_eq!(answer.json()["reason"], "no_operation", "{page}");
    }
    crate::support::close(world, &[rita]).await;
}
