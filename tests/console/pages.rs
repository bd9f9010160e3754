//! Each page is there with its twin, of the same numbers, and loads nothing from anywhere else.

use std::time::Duration;

use serde_json::Value;
use stile_kit::Call;

use super::Stage;
use crate::support::ask;

const PAGES: &[&str] = &[
    "",
    "/requests",
    "/denied",
    "/who",
    "/policy",
    "/integrity",
    "/keys",
    "/export",
];

#[tokio::test]
async fn each_page_has_its_policy_its_parts_and_a_twin() {
    let stage = Stage::set().await;
    stage.works().await;
    for page in PAGES {
        let answer = stage.looks(&stage.rita, page).await;
        let text = answer.text();
        assert_eq!(answer.status, 200, "{page}: {text}");
        assert_eq!(answer.field("content-type"), "text/html; charset=utf-8");
        assert_eq!(answer.field("cache-control"), "no-store");
        assert_eq!(answer.field("x-content-type-options"), "nosniff");
        assert_eq!(answer.field("referrer-policy"), "no-referrer");
        assert_eq!(
            answer.field("content-security-policy"),
            "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; \
             form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        );
        assert!(text.len() < 60_000, "{page} has {} bytes", text.len());
        assert!(!text.contains(" style="), "{page}: {text}");
        for address in ["src=\"", "href=\""] {
            for link in text.split(address).skip(1) {
                assert!(
                    link.starts_with("/.stile/") || link.starts_with('#'),
                    "{page}: {link:.80}"
                );
            }
        }
        let twin = stage.looks(&stage.rita, &format!("{page}.json")).await;
        assert_eq!(twin.status, 200, "{page}.json");
        assert_eq!(twin.field("content-type"), "application/json");
        assert_eq!(twin.json()["strip"][0]["word"], "TESTED", "{page}");
        assert_eq!(twin.json()["strip"][1]["word"], "ENFORCE");
    }
    stage.close().await;
}

#[tokio::test]
async fn style_and_script_are_for_everybody_and_may_be_kept() {
    let stage = Stage::set().await;
    let page = stage.looks(&stage.rita, "/requests?live=yes").await.text();
    for (before, kind) in [
        ("stylesheet\" href=\"", "text/css; charset=utf-8"),
        ("script src=\"", "text/javascript; charset=utf-8"),
    ] {
        let path = page
            .split(before)
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let call = Call::new("GET", format!("{}{path}", stage.world.stile.url()));
        let part = ask(&stage.world, call).await;
        assert_eq!(part.status, 200, "{path}");
        assert_eq!(part.field("content-type"), kind);
        assert!(part.field("cache-control").contains("immutable"));
        assert_eq!(part.field("x-content-type-options"), "nosniff");
    }
    let call = Call::new(
        "GET",
        format!(
            "{}/.stile/console/0123456789abcdef.css",
            stage.world.stile.url()
        ),
    );
    assert_eq!(
        ask(&stage.world, call).await.status,
        401,
        "another name is no file"
    );
    stage.close().await;
}

#[tokio::test]
async fn page_and_twin_count_the_same_as_the_command() {
    let stage = Stage::set().await;
    stage.works().await;
    let (settings, program) = (
        stage.world.stile.folder().path().join("stile.yaml"),
        crate::support::program(),
    );
    let mut counted = 0;
    for decision in ["", "allow", "deny", "refuse", "error"] {
        for q in [
            "",
            "kind:job",
            "kind:person not action:*.create",
            "where:X or where:Y",
            "rule:everyone-reads",
        ] {
            for looks in ["", "yes"] {
                let q = q.replace(' ', "+").replace(':', "%3A");
                let fields = format!("q={q}&decision={decision}&looks={looks}&last=1h");
                let twin = stage
                    .twin(&stage.rita, &format!("/requests.json?{fields}"))
                    .await;
                let page = stage
                    .looks(&stage.rita, &format!("/requests?{fields}"))
                    .await
                    .text();
                let rows = twin["rows"].as_u64().unwrap();
                let shown: u64 = page
                    .split("class=\"sum\"><span><b>")
                    .nth(1)
                    .unwrap()
                    .split('<')
                    .next()
                    .unwrap()
                    .replace(',', "")
                    .parse()
                    .unwrap();
                // With looks, the look at the twin is one more.
                let more = u64::from(looks == "yes" && shown > rows);
                assert_eq!(shown, rows + more, "{fields}");
                let bars = twin["bars"].as_array().unwrap();
                let bars: u64 = bars
                    .iter()
                    .map(|bar| bar["came"].as_u64().unwrap() + bar["not"].as_u64().unwrap())
                    .sum();
                assert_eq!(bars, rows, "{fields}: the drawing has all of them");
                let by_decision: u64 = ["allowed", "denied", "refused", "errors"]
                    .iter()
                    .map(|word| twin[word].as_u64().unwrap())
                    .sum();
                if looks.is_empty() {
                    assert_eq!(by_decision, rows, "{fields}");
                    let said = std::process::Command::new(program)
                        .arg("--config")
                        .arg(&settings)
                        .args(["audit", "query", "--count", twin["query"].as_str().unwrap()])
                        .output()
                        .unwrap();
                    let said = String::from_utf8_lossy(&said.stdout).trim().to_owned();
                    assert_eq!(said, twin["answers"].to_string(), "{fields}");
                    counted += 1;
                }
            }
        }
    }
    assert_eq!(counted, 25);
    stage.close().await;
}

#[tokio::test]
async fn denied_ones_are_grouped_and_each_group_has_its_requests() {
    let stage = Stage::set().await;
    stage.works().await;
    for by in ["reason", "rule", "person", "project", "action"] {
        let page = stage
            .twin(&stage.rita, &format!("/denied.json?by={by}"))
            .await;
        let groups = page["groups"].as_array().unwrap();
        for group in groups.iter().filter(|_| by != "rule") {
            let q = format!(
                "{by}%3A%22{}%22+not+decision%3Aallow",
                group["name"].as_str().unwrap().replace('@', "%40")
            );
            let rows = stage
                .twin(&stage.rita, &format!("/requests.json?q={q}"))
                .await;
            assert_eq!(rows["rows"], group["rows"], "{by} {group}");
        }
        if by == "reason" {
            let sum: u64 = groups
                .iter()
                .map(|group| group["rows"].as_u64().unwrap())
                .sum();
            assert_eq!(sum, page["rows"].as_u64().unwrap());
            assert!(!page["checks"].as_array().unwrap().is_empty(), "{page}");
        }
    }
    stage.close().await;
}

#[tokio::test]
async fn everybody_who_is_known_sees_the_own_page_and_nobody_else_on_it() {
    let stage = Stage::set().await;
    stage.works().await;
    for _ in 0..100 {
        let page = stage.twin(&stage.nora, ".json").await;
        if page["requests"] == 4 {
            assert_eq!(page["came_through"], 2, "{page}");
            assert_eq!(page["scopes"], Value::Array(Vec::new()), "{page}");
            let text = stage.looks(&stage.nora, "").await.text();
            for other in ["mira@", "lea@", "sam@", "payments", "streams/"] {
                assert!(!text.contains(other), "{other}: {text}");
            }
            let url = format!("{}/.stile/console", stage.world.stile.url());
            assert_eq!(ask(&stage.world, Call::new("GET", url)).await.status, 401);
            return stage.close().await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("her requests were never counted");
}

#[tokio::test]
async fn a_lead_sees_the_matrix_of_the_own_team_only() {
    let stage = Stage::set().await;
    let page = stage.twin(&stage.sam, "/who.json?team=search").await;
    let rows = page["rows"].as_array().unwrap();
    assert!(!rows.is_empty());
    for row in rows {
        // And agents, which may act for the team's people.
        let name = row["name"].as_str().unwrap();
        assert!(
            name.contains("search") || name.starts_with("AI agent"),
            "{row}"
        );
    }
    for tie in page["ties"].as_array().unwrap() {
        assert_eq!(tie["holder"], "team search", "{tie}");
    }
    let all = stage.twin(&stage.rita, "/who.json").await;
    assert!(all["rows"].as_array().unwrap().len() > 10);
    stage.close().await;
}
