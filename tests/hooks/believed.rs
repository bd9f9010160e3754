//! Who is believed, and what is kept of what it says.

use serde_json::{Value, json};
use stile_kit::gitlab::{HOOK_SECRET, SIGNING_KEY, Webhook};
use stile_kit::{Answer, Call, World};

use super::{COMMIT, ground, run, send, told, world};
use crate::support::{close, program, records};

#[tokio::test]
async fn each_event_is_kept_with_its_facts_and_without_names() {
    let world = world().await;
    let run = run(574);
    let deploy = run.jobs.last().unwrap();
    let machine = "bump timeout\n\nCo-Authored-By: Claude <noreply@anthropic.example>\n";
    let push = run.push(
        "77d0aa1",
        &[("c44d210", "log refund id"), (COMMIT, machine)],
    );
    for (event, payload, taken) in [
        ("Push Hook", push, "gitlab.push"),
        (
            "Merge Request Hook",
            run.merge_request(),
            "gitlab.merge_request",
        ),
        ("Pipeline Hook", run.pipeline("success"), "gitlab.pipeline"),
        ("Job Hook", run.job(deploy, "success"), "gitlab.job"),
        (
            "Deployment Hook",
            run.deployment(deploy, "success"),
            "gitlab.deployment",
        ),
        ("Release Hook", run.release("v1.2.3"), "gitlab.release"),
    ] {
        let answer = send(&world, event, &payload).await;
        assert_eq!(answer.json(), json!({ "taken": taken }));
        let told = told(&world);
        let kept = told.last().unwrap();
        assert_eq!(kept.word("event"), taken);
        let detail = &kept.json["detail"];
        assert_eq!(detail["project"], "acme/shop/api");
        assert_eq!(detail["issuer"], "gitlab");
        assert_eq!(detail["commit"], COMMIT, "{detail}");
        assert_eq!(detail["signed"], true);
        assert_eq!(detail["id"], answer.field("stile-decision"));
        assert!(
            answer
                .field("stile-record")
                .starts_with("stile.example.com/world/")
        );
        let text = kept.json.to_string().to_lowercase();
        for private in ["dana", "gravatar", "@example", "hunter2", "anthropic"] {
            assert!(!text.contains(private), "{private} is kept: {text}");
        }
    }
    let told = told(&world);
    let commits = &told[0].json["detail"]["commits"];
    assert_eq!(
        commits,
        &json!([
            ["c44d210", "log refund id", null],
            [COMMIT, "bump timeout", "claude"]
        ])
    );
    assert_eq!(
        told[4].json["detail"]["service"], "checkout",
        "by the settings"
    );
    close(world, &[]).await;
}

/// Nothing was kept, and the refusal is recorded with this reason.
fn refused(world: &World, answer: &Answer, status: u16, reason: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert!(answer.text().contains(reason), "{}", answer.text());
    let all = records(&world.stile.journal());
    let id = answer.field("stile-decision");
    let own = all.iter().find(|one| one.word("id") == id).unwrap();
    assert_eq!(own.word("reason"), reason);
}

#[tokio::test]
async fn a_webhook_that_does_not_prove_itself_is_refused() {
    let world = world().await;
    let payload = run(574).pipeline("success");
    let hook = Webhook::of(world.stile.url(), "Pipeline Hook", &payload);
    let with = |change: &dyn Fn(&mut Webhook)| {
        let mut changed = hook.clone();
        change(&mut changed);
        changed
    };
    let other = "whsec_b3RoZXItd2ViaG9vay1zaWduaW5nLWtleS0zMiBieXQ=";
    let signature = hook.signature(SIGNING_KEY);
    let raw = |signature: &str| {
        let at = hook.at.to_string();
        let call = hook.unsigned().field("webhook-id", &hook.id);
        let call = call.field("webhook-timestamp", &at);
        call.field("webhook-signature", signature)
    };
    let of_other_body = with(&|it| it.body = b"{}".to_vec()).signature(SIGNING_KEY);
    let of_other_id = with(&|it| it.id = "1".into()).signature(SIGNING_KEY);
    let of_other_time = with(&|it| it.at += 1).signature(SIGNING_KEY);
    let old = with(&|it| it.at -= 301);
    let early = with(&|it| it.at += 360);
    let cases: Vec<(&str, Call, u16, &str)> = vec![
        ("no proof", hook.unsigned(), 401, "no_credential"),
        (
            "a token",
            hook.unsigned().token("x.y.z"),
            401,
            "no_credential",
        ),
        (
            "a secret only",
            hook.with_secret(HOOK_SECRET),
            401,
            "bad_signature",
        ),
        ("another key", hook.signed_with(other), 401, "bad_signature"),
        ("of another body", raw(&of_other_body), 401, "bad_signature"),
        ("of another id", raw(&of_other_id), 401, "bad_signature"),
        ("of another time", raw(&of_other_time), 401, "bad_signature"),
        (
            "cut",
            raw(&signature[..signature.len() - 4]),
            401,
            "bad_signature",
        ),
        (
            "another version",
            raw(&signature.replace("v1,", "v2,")),
            401,
            "bad_signature",
        ),
        (
            "no version",
            raw(&signature.replace("v1,", "")),
            401,
            "bad_signature",
        ),
        ("empty", raw("v1,"), 401, "bad_signature"),
        (
            "another case",
            raw(&signature.to_lowercase()),
            401,
            "bad_signature",
        ),
        (
            "twice",
            hook.signed().field("webhook-signature", &signature),
            400,
            "multiple_credentials",
        ),
        (
            "an id twice",
            hook.signed().field("webhook-id", "1"),
            400,
            "multiple_credentials",
        ),
        ("old", old.signed(), 401, "expired"),
        ("early", early.signed(), 401, "not_yet_valid"),
        (
            "no time",
            hook.unsigned()
                .field("webhook-id", "1")
                .field("webhook-signature", &signature),
            401,
            "bad_signature",
        ),
        (
            "encoded",
            hook.signed().field("content-encoding", "gzip"),
            415,
            "unsupported_media",
        ),
    ];
    for (what, call, status, reason) in cases {
        let answer = call.send().await.unwrap();
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        refused(&world, &answer, status, reason);
    }
    assert!(told(&world).is_empty(), "nothing was kept");
    let answer = hook.signed().send().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(told(&world).len(), 1);
    close(world, &[]).await;
}

#[tokio::test]
async fn a_body_that_is_none_of_gitlabs_is_refused_with_the_field_that_is_missing() {
    let world = world().await;
    let whole = run(574).pipeline("success");
    let send = async |body: Vec<u8>| {
        let mut hook = Webhook::of(world.stile.url(), "Pipeline Hook", &Value::Null);
        hook.body = body;
        hook.signed().send().await.unwrap()
    };
    assert_eq!(send(whole.to_string().into_bytes()).await.status, 200);
    for place in ["project", "object_attributes", "object_kind"] {
        let mut less = whole.clone();
        less.as_object_mut().unwrap().remove(place);
        let answer = send(less.to_string().into_bytes()).await;
        refused(&world, &answer, 400, "malformed_request");
        assert!(answer.text().contains(place), "{}", answer.text());
    }
    for place in ["id", "status", "ref", "sha"] {
        let mut less = whole.clone();
        less["object_attributes"]
            .as_object_mut()
            .unwrap()
            .remove(place);
        let answer = send(less.to_string().into_bytes()).await;
        refused(&world, &answer, 400, "malformed_request");
        let named = format!("object_attributes.{place}");
        assert!(answer.text().contains(&named), "{}", answer.text());
    }
    for body in [
        &b""[..],
        b"[]",
        b"null",
        b"{\"object_kind\":",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
    ] {
        refused(&world, &send(body.to_vec()).await, 400, "malformed_request");
    }
    let twice = whole
        .to_string()
        .replacen('{', "{\"object_kind\":\"push\",", 1);
    refused(
        &world,
        &send(twice.into_bytes()).await,
        400,
        "malformed_request",
    );
    let deep = format!(
        "{{\"object_kind\":\"push\",\"x\":{}1{}}}",
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    refused(
        &world,
        &send(deep.into_bytes()).await,
        400,
        "malformed_request",
    );
    let mut large = whole.clone();
    large["padding"] = json!("x".repeat(5 * 1024 * 1024));
    let mut hook = Webhook::of(world.stile.url(), "Push Hook", &Value::Null);
    hook.body = large.to_string().into_bytes();
    // Whoever still writes when the answer comes may see the connection end first.
    if let Ok(answer) = hook.signed().send().await {
        refused(&world, &answer, 413, "body_too_large");
    }
    let all = records(&world.stile.journal());
    assert!(all.iter().any(|one| one.word("reason") == "body_too_large"));
    assert_eq!(told(&world).len(), 1);
    close(world, &[]).await;
}

#[tokio::test]
async fn a_project_of_others_is_refused_by_any_spelling_and_unknown_events_are_passed_over() {
    let world = world().await;
    for project in [
        "other/api",
        "acme-evil/api",
        "acmeevil",
        "Acme/shop/api",
        "x/acme/shop/api",
        " acme",
    ] {
        let mut run = run(574);
        run.project = project.to_owned();
        let hook = Webhook::of(world.stile.url(), "Pipeline Hook", &run.pipeline("success"));
        let answer = hook.signed().send().await.unwrap();
        refused(&world, &answer, 403, "policy_denied");
    }
    for kind in ["note", "wiki_page", "emoji", "Pipeline", ""] {
        let mut payload = run(574).pipeline("success");
        payload["object_kind"] = json!(kind);
        let hook = Webhook::of(world.stile.url(), "Note Hook", &payload);
        let answer = hook.signed().send().await.unwrap();
        let status = if kind.is_empty() { 400 } else { 200 };
        assert_eq!(answer.status, status, "{kind}: {}", answer.text());
    }
    assert!(told(&world).is_empty());
    close(world, &[]).await;
}

#[tokio::test]
async fn a_webhook_that_gitlab_sends_again_is_kept_once() {
    let world = world().await;
    let payload = run(574).pipeline("success");
    let hook = Webhook::of(world.stile.url(), "Pipeline Hook", &payload);
    for taken in ["gitlab.pipeline", "before", "before"] {
        let answer = hook.signed().send().await.unwrap();
        assert_eq!(answer.json(), json!({ "taken": taken }));
    }
    let next = Webhook {
        id: "another".into(),
        ..hook
    };
    let answer = next.signed().send().await.unwrap();
    assert_eq!(answer.json(), json!({"taken": "gitlab.pipeline"}));
    assert_eq!(told(&world).len(), 2);
    close(world, &[]).await;
}

#[tokio::test]
async fn a_secret_is_enough_where_gitlab_cannot_sign() {
    let ground = ground().await;
    let folder = ground.folder();
    folder
        .write_secret("secrets/hook.key", &format!("{HOOK_SECRET}\n"))
        .unwrap();
    let world = ground
        .with(
            "signing_key_file: secrets/hook.key",
            "secret_file: secrets/hook.key",
        )
        .serve(program())
        .await
        .unwrap();
    let payload = run(574).pipeline("success");
    let hook = Webhook::of(world.stile.url(), "Pipeline Hook", &payload);
    for secret in [
        "",
        "kit",
        "kit-webhook-secret-012345678",
        "kit-webhook-secret-01234567890",
        &HOOK_SECRET.to_uppercase(),
    ] {
        let answer = hook.with_secret(secret).send().await.unwrap();
        refused(&world, &answer, 401, "bad_signature");
    }
    let twice = hook
        .with_secret(HOOK_SECRET)
        .field("x-gitlab-token", HOOK_SECRET);
    refused(
        &world,
        &twice.send().await.unwrap(),
        400,
        "multiple_credentials",
    );
    for taken in ["gitlab.pipeline", "before"] {
        let answer = hook.with_secret(HOOK_SECRET).send().await.unwrap();
        assert_eq!(answer.json(), json!({ "taken": taken }));
    }
    assert_eq!(told(&world)[0].json["detail"]["signed"], false);
    close(world, &[HOOK_SECRET.to_owned()]).await;
}

#[tokio::test]
async fn keys_are_replaced_without_a_restart_and_a_second_one_holds_meanwhile() {
    let next = "whsec_bmV4dC1raXQtd2ViaG9vay1zaWduaW5nLWtleS0zMiBi";
    let ground = ground().await;
    let folder = ground.folder();
    folder
        .write_secret("secrets/next.key", &format!("{next}\n"))
        .unwrap();
    let world = ground
        .with(
            "signing_key_file: secrets/hook.key",
            "signing_key_file: secrets/hook.key\n    next_signing_key_file: secrets/next.key",
        )
        .serve(program())
        .await
        .unwrap();
    let hook = || {
        Webhook::of(
            world.stile.url(),
            "Pipeline Hook",
            &run(574).pipeline("success"),
        )
    };
    for key in [SIGNING_KEY, next] {
        assert_eq!(hook().signed_with(key).send().await.unwrap().status, 200);
    }
    let folder = world.stile.folder();
    folder
        .write_secret("secrets/hook.key", &format!("{next}\n"))
        .unwrap();
    world.stile.signal("HUP").unwrap();
    let mut looks = 0;
    while hook().signed_with(SIGNING_KEY).send().await.unwrap().status == 200 {
        looks += 1;
        assert!(looks < 500, "the old key still holds");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(hook().signed_with(next).send().await.unwrap().status, 200);
    close(world, &[]).await;
}

#[tokio::test]
async fn without_a_section_there_is_no_such_path() {
    let world = crate::support::world().await;
    let hook = Webhook::of(
        world.stile.url(),
        "Pipeline Hook",
        &run(574).pipeline("success"),
    );
    let answer = hook.signed().send().await.unwrap();
    assert_eq!(answer.status, 401, "{}", answer.text());
    let token = world.job_token(json!({}));
    let answer = hook.signed().token(&token).send().await.unwrap();
    assert_eq!(answer.status, 404, "{}", answer.text());
    close(world, &[token]).await;
}

#[tokio::test]
async fn strangers_with_large_bodies_hold_up_nobody() {
    use tokio::io::AsyncWriteExt;
    let world = world().await;
    let host = world.stile.url().trim_start_matches("http://").to_owned();
    let mut strangers = Vec::new();
    for _ in 0..40 {
        let mut stream = tokio::net::TcpStream::connect(&host).await.unwrap();
        let head = format!(
            "POST /.stile/hooks/gitlab HTTP/1.1\r\nhost: {host}\r\nwebhook-signature: v1,AAAA\r\n\
             webhook-id: 1\r\nwebhook-timestamp: 1\r\ncontent-length: 2000000\r\n\r\n{{"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        strangers.push(stream);
    }
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let soon = std::time::Duration::from_secs(4);
    let payload = run(574).pipeline("success");
    let sent = send(&world, "Pipeline Hook", &payload);
    let answer = tokio::time::timeout(soon, sent).await.expect("at once");
    assert_eq!(answer.status, 200);
    drop(strangers);
    close(world, &[]).await;
}
