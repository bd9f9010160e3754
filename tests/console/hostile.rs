//! Texts of callers stay texts: on pages, in twins, in drawings.

use serde_json::json;
use stile_kit::Call;

use super::Stage;
use crate::support::ask;

/// What somebody might put wherever a text can be put.
fn texts() -> Vec<String> {
    vec![
        "</pre><script>canary()</script>".to_owned(),
        "\"'><img src=x onerror=canary()>".to_owned(),
        "{{ canary }}{% raw %}".to_owned(),
        "a\u{202e}b\u{2066}c\u{200b}d".to_owned(),
        "<svg/onload=canary()>".repeat(20),
    ]
}

#[tokio::test]
async fn no_text_of_a_caller_is_markup_or_turns_what_stands_beside_it() {
    let stage = Stage::set().await;
    let mut tokens = stage.tokens();
    let mut hosts = Vec::new();
    for text in texts() {
        let job = stage
            .world
            .job_token(json!({"ref": text, "user_login": text}));
        let person = stage.world.person_token(&text, &["lightstep-payments"]);
        for token in [&job, &person] {
            let call = stage.world.api("GET", "X/streams").token(token);
            ask(&stage.world, call).await;
            // And a path that no catalogue has.
            let path: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let url = format!(
                "{}/{}",
                stage.world.stile.url(),
                path.get(..600).unwrap_or(&path)
            );
            ask(&stage.world, Call::new("GET", url).token(token)).await;
            hosts.push(token.clone());
        }
    }
    let mut own = Vec::new();
    for token in &hosts {
        own.push((token.clone(), String::new()));
        own.push((token.clone(), ".json".to_owned()));
    }
    let ids = stage.twin(&stage.rita, "/requests.json?last=1h").await;
    let ids = ids["lines"].as_array().unwrap().iter();
    let ids: Vec<String> = ids
        .map(|line| line["id"].as_str().unwrap().to_owned())
        .collect();
    assert!(ids.len() >= 10);
    let auditors = [
        "/requests",
        "/denied",
        "/denied?by=person",
        "/denied?by=project",
        "/export",
        "/who",
    ];
    for page in auditors {
        own.push((stage.rita.clone(), page.to_owned()));
        let twin = match page.split_once('?') {
            Some((path, query)) => format!("{path}.json?{query}"),
            None => format!("{page}.json"),
        };
        own.push((stage.rita.clone(), twin));
    }
    for id in ids {
        own.push((stage.rita.clone(), format!("/decision?id={id}")));
        own.push((stage.rita.clone(), format!("/decision.json?id={id}")));
    }
    // What is typed comes back in the form.
    for typed in ["path%3A%22%3Cscript%3Ecanary()%22", "path%3A%22%22*%3Cimg*"] {
        own.push((stage.rita.clone(), format!("/requests?q={typed}")));
    }
    let mut seen = 0;
    for (token, below) in own {
        let answer = stage.looks(&token, &below).await;
        let text = answer.text();
        assert!(
            [200, 400].contains(&answer.status.as_u16()),
            "{below}: {text}"
        );
        for turns in ['\u{202e}', '\u{2066}', '\u{200b}'] {
            // The record itself, in JSON, is what the journal has.
            assert!(
                !text.contains(turns) || below.starts_with("/decision.json"),
                "{below}: {text}"
            );
        }
        if answer.field("content-type").starts_with("text/html") {
            for markup in [
                "<script>canary",
                "<img src",
                "<svg/",
                "onerror=canary()>",
                "</pre><script",
            ] {
                assert!(!text.contains(markup), "{below}: {text}");
            }
            seen += usize::from(text.contains("canary"));
        }
    }
    assert!(seen >= 6, "the canaries were on {seen} pages");
    tokens.extend(hosts);
    stage.close().await;
}

#[tokio::test]
async fn a_query_of_eight_kilobytes_or_of_controls_is_refused() {
    let stage = Stage::set().await;
    for query in [
        format!("q={}", "a".repeat(5000)),
        "q=%0d%0aset-cookie:x".to_owned(),
        "q=%1b%5b31m".to_owned(),
        "q=(((".to_owned(),
        "tz=Mars/Olympus".to_owned(),
        "last=1y".to_owned(),
        "decision=maybe".to_owned(),
        "page=0".to_owned(),
        "page=21".to_owned(),
        "page=-1".to_owned(),
        "looks=no".to_owned(),
    ] {
        let answer = stage
            .looks(&stage.rita, &format!("/requests?{query}"))
            .await;
        assert_eq!(answer.status, 400, "{query:.40}");
    }
    stage.close().await;
}
