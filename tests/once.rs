//! A token does once what counts once (T20, T21), whatever its bytes and over restarts.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::json;
use stile_kit::mint;
use stile_kit::{Answer, Call, Ground, World};

use crate::support::{ask, close, ground, program, records_of};

/// A world where a token creates one stream and not two.
async fn strict() -> Ground {
    let ground = ground().await.with(
        "dialect: gitlab",
        "dialect: gitlab\n    algorithms: [RS256, ES256]",
    );
    let catalogue = ground
        .folder()
        .path()
        .join("policies/operations/lightstep.yaml");
    let text = std::fs::read_to_string(&catalogue).unwrap();
    let once = text.replace(
        "action: streams.create\n",
        "action: streams.create\n    once: true\n",
    );
    assert_ne!(once, text);
    std::fs::write(&catalogue, once).unwrap();
    ground
}

async fn world() -> World {
    strict().await.serve(program()).await.unwrap()
}

fn creates(world: &World, token: &str) -> Call {
    let body = json!({"data": {"type": "stream",
        "attributes": {"name": "errors", "query": "service IN (\"checkout\")"}}});
    let call = world.api("POST", "X/streams").token(token);
    call.body("application/vnd.api+json", body.to_string())
}

/// What a token does as often as it likes.
fn draws(world: &World, token: &str) -> Call {
    let call = world.api("POST", "X/metric_dashboards").token(token);
    call.body("application/vnd.api+json", "{}")
}

#[track_caller]
fn assert_replayed(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.text());
    assert_eq!(answer.json()["reason"], "replayed");
    let told = answer.field("www-authenticate");
    assert!(told.contains("get a new one"), "{told}");
}

/// The other signature that the same key and the same message have: r and n - s (SEC 1, 4.1.4).
fn twin(token: &str) -> String {
    const ORDER: [u128; 2] = [
        0xffff_ffff_0000_0000_ffff_ffff_ffff_ffff,
        0xbce6_faad_a717_9e84_f3b9_cac2_fc63_2551,
    ];
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let (r, s) = signature.split_at(32);
    let half = |bytes: &[u8]| u128::from_be_bytes(bytes.try_into().unwrap());
    let (low, borrowed) = ORDER[1].overflowing_sub(half(&s[16..]));
    let high = ORDER[0] - half(&s[..16]) - u128::from(borrowed);
    let twin = [r, &high.to_be_bytes(), &low.to_be_bytes()].concat();
    format!("{message}.{}", mint::b64(twin))
}

#[tokio::test]
async fn a_token_that_counts_once_is_replayed_the_second_time_in_whatever_bytes() {
    let world = world().await;
    let mut job = world.job();
    let key = world.gitlab.ec();
    let token = mint::mint(&job, &key);
    assert_eq!(ask(&world, creates(&world, &token)).await.status, 200);
    let again = ask(&world, creates(&world, &token)).await;
    assert_replayed(&again);
    let record = &records_of(&world, again.field("stile-decision"))[0];
    assert_eq!(record.word("reason"), "replayed");
    assert_eq!(record.word("decision"), "refuse");
    assert_eq!(record.word("op"), "streams.create");
    let other_bytes = [
        twin(&token),
        mint::mint(&job, &key),
        world.gitlab.mint(&job),
    ];
    for same_id in &other_bytes {
        assert_ne!(*same_id, token);
        assert_replayed(&ask(&world, creates(&world, same_id)).await);
    }
    // Where nothing is spent it is as good as ever.
    let elsewhere = draws(&world, &other_bytes[0]);
    assert_eq!(ask(&world, elsewhere).await.status, 200);
    job.insert("jti".to_owned(), json!(mint::fresh_uuid()));
    let fresh = mint::mint(&job, &key);
    assert_eq!(ask(&world, creates(&world, &fresh)).await.status, 200);
    assert_eq!(world.upstream.seen().len(), 3);
    close(world, &[token, fresh]).await;
}

#[tokio::test]
async fn a_token_stays_spent_when_the_process_is_killed() {
    let world = world().await;
    let token = world.job_token(json!({}));
    assert_eq!(ask(&world, creates(&world, &token)).await.status, 200);
    let World {
        gitlab,
        okta,
        upstream,
        ca,
        stile,
    } = world;
    let mut folder = stile.kill().await.unwrap();
    for _ in 0..2 {
        let stile = folder.serve(program()).await.unwrap();
        let url = format!("{}/public/v0.2/acme/projects/X/streams", stile.url());
        let call = Call::new("POST", url).token(&token);
        let call = call.body("application/vnd.api+json", "{}");
        assert_replayed(&call.send().await.unwrap());
        folder = stile.kill().await.unwrap();
    }
    assert_eq!(upstream.seen().len(), 1);
    drop((gitlab, okta, ca));
    let spent = std::fs::read_to_string(folder.path().join("journal/spent")).unwrap();
    assert_eq!(spent.lines().count(), 1);
}

#[tokio::test]
async fn of_many_uses_at_once_one_counts() {
    let world = world().await;
    let token = world.job_token(json!({}));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..24 {
        callers.spawn(creates(&world, &token).send());
    }
    let answers: Vec<Answer> = callers
        .join_all()
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let (passed, refused): (Vec<_>, Vec<_>) = answers
        .iter()
        .partition(|answer| answer.status == StatusCode::OK);
    assert_eq!(passed.len(), 1);
    refused.into_iter().for_each(assert_replayed);
    assert_eq!(world.upstream.seen().len(), 1);
    close(world, &[token]).await;
}

#[tokio::test]
async fn what_the_policies_deny_spends_nothing_and_a_token_without_an_id_is_malformed() {
    let world = world().await;
    let id = mint::fresh_uuid();
    let denied = world.job_token(json!({ "jti": id, "ref_protected": "false" }));
    assert_eq!(ask(&world, creates(&world, &denied)).await.status, 403);
    let token = world.job_token(json!({ "jti": id }));
    assert_eq!(ask(&world, creates(&world, &token)).await.status, 200);
    let mut nameless = world.job();
    nameless.remove("jti");
    let nameless = world.gitlab.mint(&nameless);
    let answer = ask(&world, creates(&world, &nameless)).await;
    assert_eq!(
        answer.json()["reason"],
        "malformed_token",
        "{}",
        answer.text()
    );
    let detail = answer.json()["detail"].as_str().unwrap_or("").to_owned();
    assert!(detail.contains("`jti`"), "{detail}");
    assert_eq!(ask(&world, draws(&world, &nameless)).await.status, 200);
    close(world, &[denied, token, nameless]).await;
}
