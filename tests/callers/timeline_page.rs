//! The page of deployments in a real browser: drawn, without a script, for everybody.

use serde_json::{Value, json};
use stile_kit::gitlab::{self, Run, SIGNING_KEY, Webhook};
use stile_kit::{Call, World};

use super::{Called, look_at_page};
use crate::support::{self, close, program};

/// Two services with deployments, a rollback, a failure, a refusal; a title that is somebody's attack.
async fn world() -> (World, Vec<String>) {
    let mut ground = support::ground().await;
    let folder = ground.folder();
    folder
        .write_secret("secrets/hook.key", &format!("{SIGNING_KEY}\n"))
        .unwrap();
    ground.settings += &gitlab::settings();
    let world = ground.serve(program()).await.unwrap();
    let (first, second) = ("77d0aa1".repeat(6), "3b1c9e0".repeat(6));
    let mut tokens = Vec::new();
    for (pipeline, commit, project) in [
        (1, &first, "acme/shop/api"),
        (2, &second, "acme/shop/api"),
        (3, &first, "acme/shop/api"),
        (4, &second, "acme/search"),
    ] {
        let at = 1_795_434_000 + pipeline * 600;
        let mut run = Run::of(project, pipeline, &commit[..40], at);
        run.title = "<script>alert(1)</script> & \"quotes\"".to_owned();
        let job = run.jobs.last().unwrap();
        let status = if pipeline == 4 { "failed" } else { "success" };
        let hook = run.deployment(job, status);
        let hook = Webhook::of(world.stile.url(), "Deployment Hook", &hook);
        assert_eq!(hook.signed().send().await.unwrap().status, 200);
    }
    let staging = world.job_token(
        json!({"environment": "staging", "deployment_tier": "staging",
        "environment_protected": "false"}),
    );
    let url = format!("{}/.stile/v1/deployments", world.stile.url());
    let call = Call::new("POST", url).token(&staging);
    let call = call.body("application/json", r#"{"service":"checkout"}"#);
    assert_eq!(call.send().await.unwrap().status, 403);
    tokens.push(staging);
    (world, tokens)
}

#[tokio::test]
async fn the_timeline_is_read_without_scripts_at_any_width_and_by_keyboard() {
    let (world, mut tokens) = world().await;
    let mira = world.person_token("mira@acme.example", &["lightstep-payments"]);
    let path = "/.stile/v1/deployments?since=2026-11-01&format=html";
    let called = Called {
        address: world.stile.url().to_owned(),
        token: mira.clone(),
        ca_file: None,
    };
    let mut looks = 0;
    loop {
        let call = Call::new("GET", format!("{}{path}", called.address)).token(&mira);
        let answer = call.send().await.unwrap();
        let text = answer.text();
        looks += 1;
        assert!(looks < 300, "{text}");
        if answer.status == 503 {
            // The index is still being made.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        }
        let kind = answer.field("content-type");
        assert_eq!(kind, "text/html; charset=utf-8", "{text}");
        assert!(!text.contains("<script"), "{text}");
        if text.matches("<tr id=").count() == 5 {
            assert!(text.len() < 60_000, "{}", text.len());
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().to_str().unwrap();
    let Some(said) = look_at_page(&called, &[path, pictures]).await else {
        return;
    };
    let url = format!("{}{path}", called.address);
    let requests = said["requests"].as_array().unwrap();
    assert!(
        requests.iter().all(|one| *one == url),
        "it asked for more: {requests:?}"
    );
    assert_eq!(
        said["refused"],
        json!([]),
        "its own policy stands in its way"
    );
    assert_eq!(said["axe"], json!([]));
    for (width, scrolls) in said["wide"].as_object().unwrap() {
        let width: u64 = width.parse().unwrap();
        assert!(
            scrolls.as_u64().unwrap() <= width,
            "at {width} px it is {scrolls} px wide"
        );
    }
    let focus: Vec<&str> = said["focus"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(
        focus.contains(&"div Drawing") && focus.contains(&"div Table"),
        "{focus:?}"
    );
    let marks = focus.iter().filter(|at| at.starts_with("a #d")).count();
    assert_eq!(marks, 5, "{focus:?}");
    let text = said["text"].as_str().unwrap();
    for piece in [
        "<script>alert(1)</script>",
        "a rollback",
        "denied: policy_denied",
        "failed",
        "no, by webhook",
    ] {
        assert!(text.contains(piece), "{piece} in {text}");
    }
    assert!(said["jumped"].as_str().unwrap().starts_with("#d"));
    if let Some(kept) = std::env::var_os("STILE_PICTURES") {
        for picture in std::fs::read_dir(folder.path()).unwrap() {
            let picture = picture.unwrap();
            std::fs::copy(
                picture.path(),
                std::path::Path::new(&kept).join(picture.file_name()),
            )
            .unwrap();
        }
    }
    tokens.push(mira);
    close(world, &tokens).await;
}
