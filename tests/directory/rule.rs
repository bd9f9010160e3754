//! By which rule groups of tokens and of the directory come together.

use serde_json::json;

use super::{OTHER_TOKEN, TOKEN};
use super::{PATCH, asks, call, ground, group, patch, ready, scim, told, until, user, world};
use crate::support::{close, program};

const ADMINS: &str = "lightstep-sre-admins";

#[tokio::test]
async fn whoever_is_known_has_the_groups_of_the_directory_and_not_those_of_the_token() {
    let world = world().await;
    let token = world.person_token("mira@acme", &[ADMINS]);
    assert_eq!(
        asks(&world, &token).await.status,
        200,
        "nobody knows her yet"
    );
    let mira = user(&world, "mira@acme", "00umira").await;
    until(&world, &token, 403).await;
    let admins = group(&world, ADMINS, &[&mira]).await;
    until(&world, &token, 200).await;
    let other = world.person_token("jon@acme", &[ADMINS]);
    assert_eq!(
        asks(&world, &other).await.status,
        200,
        "a stranger keeps his token's"
    );
    let job = world.job_token(json!({}));
    assert_eq!(
        asks(&world, &job).await.status,
        200,
        "jobs are in no directory"
    );
    let operations = json!([{"op": "remove", "path": "members"}]);
    scim(
        &world,
        "PATCH",
        &format!("/Groups/{admins}"),
        Some(&patch(operations)),
    )
    .await;
    until(&world, &token, 403).await;
    close(world, &[token, other, TOKEN.to_owned()]).await;
}

#[tokio::test]
async fn who_is_inactive_in_the_directory_is_ended() {
    let world = world().await;
    let token = world.person_token("mira@acme", &[ADMINS]);
    let mira = user(&world, "Mira@Acme", "00umira").await;
    until(&world, &token, 403).await;
    let operations = json!([{"op": "replace", "path": "active", "value": false}]);
    let path = format!("/Users/{mira}");
    scim(&world, "PATCH", &path, Some(&patch(operations))).await;
    until(&world, &token, 401).await;
    assert_eq!(scim(&world, "DELETE", &path, None).await.status, 204);
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    assert_eq!(
        asks(&world, &token).await.status,
        401,
        "deleted is not unknown"
    );
    // By the other name that tokens may call her.
    let by_id = world.person_token("00umira", &[ADMINS]);
    assert_eq!(asks(&world, &by_id).await.status, 401);
    user(&world, "mira@acme", "00umira").await;
    until(&world, &token, 403).await;
    let changes: Vec<_> = told(&world)
        .iter()
        .map(|one| one.json["detail"]["change"].clone())
        .collect();
    assert_eq!(changes, ["made", "changed", "removed", "made"]);
    close(world, &[token]).await;
}

#[tokio::test]
async fn a_stranger_to_the_directory_is_refused_where_that_is_set() {
    let ground = ground("      unknown: refuse\n").await;
    let world = ground.serve(program()).await.unwrap();
    let token = world.person_token("mira@acme", &[ADMINS]);
    until(&world, &token, 401).await;
    user(&world, "mira@acme", "00umira").await;
    until(&world, &token, 403).await;
    close(world, &[token]).await;
}

#[tokio::test]
async fn a_provider_sees_its_own_users_and_no_others() {
    let other = "    - issuer: gitlab\n      token_file: secrets/other.key\n";
    let world = ground(other).await.serve(program()).await.unwrap();
    ready(&world).await;
    let mira = user(&world, "mira@acme", "00umira").await;
    let theirs = |method: &str, path: &str| call(&world, method, path).token(OTHER_TOKEN);
    let list = theirs("GET", "/Users").send().await.unwrap();
    assert_eq!(list.json()["totalResults"], 0);
    let path = format!("/Users/{mira}");
    for method in ["GET", "DELETE"] {
        let answer = theirs(method, &path).send().await.unwrap();
        assert_eq!(answer.status, 404, "{method}");
    }
    let body = json!({"schemas": [super::GROUP], "displayName": "g", "members": [{"value": mira}]});
    let made = theirs("POST", "/Groups").body(super::MEDIA, body.to_string());
    assert_eq!(
        made.send().await.unwrap().json()["scimType"],
        "invalidValue"
    );
    assert_eq!(scim(&world, "GET", &path, None).await.status, 200);
    close(world, &[]).await;
}

#[tokio::test]
async fn a_token_is_changed_while_both_count() {
    let next = "      next_token_file: secrets/other.key\n";
    let world = ground(next).await.serve(program()).await.unwrap();
    for token in [TOKEN, OTHER_TOKEN] {
        let answer = call(&world, "GET", "/Users").token(token).send().await;
        assert_eq!(answer.unwrap().status, 200);
    }
    let half = &TOKEN[..TOKEN.len() - 1];
    for (field, reason) in [
        (None, "no_credential"),
        (Some("Bearer "), "bad_signature"),
        (Some("Basic c2NpbTp4"), "bad_signature"),
        (Some(half), "bad_signature"),
    ] {
        let mut call = call(&world, "POST", "/Users").body(super::MEDIA, "{");
        if let Some(field) = field {
            call = call.field("authorization", field);
        }
        let answer = call.send().await.unwrap();
        assert_eq!(answer.status, 401, "{field:?}");
        assert_eq!(answer.json()["reason"], reason, "{field:?}");
    }
    let short = call(&world, "GET", "/Users")
        .token(half)
        .send()
        .await
        .unwrap();
    assert_eq!(short.json()["reason"], "bad_signature");
    let twice = call(&world, "GET", "/Users").token(TOKEN).token(TOKEN);
    let reason = twice.send().await.unwrap().json()["reason"].clone();
    assert_eq!(reason, "multiple_credentials");
    close(world, &[TOKEN.to_owned(), OTHER_TOKEN.to_owned()]).await;
}

#[tokio::test]
async fn a_version_that_is_not_the_one_there_changes_nothing() {
    let world = world().await;
    let mira = user(&world, "mira@acme", "00umira").await;
    let path = format!("/Users/{mira}");
    let body =
        json!({"schemas": [PATCH], "Operations": [{"op": "replace", "value": {"active": false}}]});
    for (tag, status) in [
        ("W/\"2\"", 412),
        ("W/\"1\"", 200),
        ("W/\"1\"", 412),
        ("*", 200),
    ] {
        let call = call(&world, "PATCH", &path)
            .token(TOKEN)
            .field("if-match", tag);
        let answer = call
            .body(super::MEDIA, body.to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status, status, "{tag}: {}", answer.text());
    }
    let answer = scim(&world, "GET", &path, None).await;
    assert_eq!(
        answer.field("etag"),
        "W/\"2\"",
        "what changes nothing has no version"
    );
    assert_eq!(told(&world).len(), 2);
    close(world, &[]).await;
}
