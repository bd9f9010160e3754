//! Ten thousand members: in one request, in one list, and in what requests are held against.

use std::time::Instant;

use serde_json::{Value, json};

use super::{GROUP, group, patch, ready, scim, told, until, user, world};
use crate::support::close;

const MANY: usize = 10_000;

#[tokio::test]
async fn ten_thousand_members_come_and_go_in_one_request() {
    let world = world().await;
    ready(&world).await;
    let mira = user(&world, "mira@acme", "00umira").await;
    // Users are written where they are kept, since ten thousand requests would be a test of its own.
    let ids = fill(&world);
    let group = group(&world, "lightstep-sre-admins", &[]).await;
    let path = format!("/Groups/{group}");
    let member = |id: &String| json!({"value": id, "display": "somebody with a long name"});
    let all: Vec<Value> = ids.iter().chain([&mira]).map(member).collect();
    let token = world.person_token("mira@acme", &[]);

    let began = Instant::now();
    let add = patch(json!([{"op": "add", "path": "members", "value": all}]));
    let answer = scim(&world, "PATCH", &path, Some(&add)).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    let written = began.elapsed();
    until(&world, &token, 200).await;
    println!(
        "{MANY} members: written in {written:?}, obeyed after {:?}",
        began.elapsed()
    );
    let parts: Vec<_> = told(&world)
        .into_iter()
        .filter(|one| one.json["detail"]["parts"].is_u64())
        .collect();
    let named: usize = parts
        .iter()
        .map(|one| one.json["detail"]["added"].as_array().unwrap().len())
        .sum();
    assert_eq!(named, MANY + 1, "each is in a record");
    assert!(parts.iter().all(|one| one.json["cut"].is_null()));

    let shown = scim(&world, "GET", &path, None).await.json();
    assert_eq!(shown["members"].as_array().unwrap().len(), MANY + 1);
    let page = scim(&world, "GET", "/Users?startIndex=9991&count=50", None)
        .await
        .json();
    assert_eq!(
        (page["totalResults"].as_u64(), page["itemsPerPage"].as_u64()),
        (Some(10_001), Some(11))
    );

    let began = Instant::now();
    let remove = patch(json!([{"op": "remove", "path": format!("members[value eq \"{mira}\"]")}]));
    scim(&world, "PATCH", &path, Some(&remove)).await;
    until(&world, &token, 403).await;
    println!("one of them: obeyed after {:?}", began.elapsed());
    let whole = json!({"schemas": [GROUP], "displayName": "lightstep-sre-admins"});
    assert_eq!(scim(&world, "PUT", &path, Some(&whole)).await.status, 204);
    let shown = scim(&world, "GET", &path, None).await.json();
    assert_eq!(shown["members"], json!([]));
    close(world, &[token]).await;
}

/// Puts users into the database that the world keeps them in.
fn fill(world: &stile_kit::World) -> Vec<String> {
    let file = world.stile.journal().join("people.sqlite");
    let mut database = rusqlite::Connection::open(file).unwrap();
    database
        .busy_timeout(std::time::Duration::from_secs(20))
        .unwrap();
    let transaction = database.transaction().unwrap();
    let ids: Vec<String> = (0..MANY).map(|_| stile_kit::mint::fresh_uuid()).collect();
    for (n, id) in ids.iter().enumerate() {
        let name = format!("user{n}@acme");
        transaction
            .execute(
                "INSERT INTO people_users VALUES ('okta', ?1, ?2, ?2, ?3, '', 1, 1, 1, 1)",
                (id, &name, format!("00u{n}")),
            )
            .unwrap();
    }
    transaction.commit().unwrap();
    ids
}
