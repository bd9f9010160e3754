//! Two instances on one PostgreSQL: what one is told, the other obeys within a second.

use std::fs;

use serde_json::json;
use stile::database::DatabaseSettings;

use super::{ground, group, patch, ready, scim, until, user};
use crate::index::database::Server;
use crate::support::{close, program};

#[tokio::test]
async fn what_one_instance_is_told_the_other_obeys_within_a_second() {
    // It waits on a runtime of its own.
    let started = tokio::task::spawn_blocking(|| {
        let mut server = Server::start()?;
        let DatabaseSettings::Postgres(postgres) = server.settings() else {
            panic!("no PostgreSQL");
        };
        Some((server, fs::read_to_string(&postgres.url_file).unwrap()))
    });
    let Some((_server, url)) = started.await.unwrap() else {
        return;
    };
    let first = ground("  postgres_url_file: people.url\n").await;
    let second = ground("  postgres_url_file: people.url\n").await;
    let okta = (second.okta.url().to_owned(), first.okta.url().to_owned());
    let second = second.with(&okta.0, &okta.1);
    for ground in [&first, &second] {
        ground.folder().write_secret("people.url", &url).unwrap();
    }
    let first = first.serve(program()).await.unwrap();
    let second = second.serve(program()).await.unwrap();
    ready(&first).await;
    let token = first.person_token("mira@acme", &[]);
    until(&second, &token, 403).await;

    let mira = user(&first, "mira@acme", "00umira").await;
    let path = format!("/Users/{mira}");
    let group = group(&first, "lightstep-sre-admins", &[&mira]).await;
    let joined = until(&second, &token, 200).await;
    let mut times = vec![("joined", joined)];
    for active in [false, true, false, true] {
        let body = patch(json!([{"op": "replace", "value": {"active": active}}]));
        scim(&first, "PATCH", &path, Some(&body)).await;
        let status = if active { 200 } else { 401 };
        times.push(("active", until(&second, &token, status).await));
    }
    let leave = patch(json!([{"op": "remove", "path": format!("members[value eq \"{mira}\"]")}]));
    // Through the other one this time.
    scim(&second, "PATCH", &format!("/Groups/{group}"), Some(&leave)).await;
    times.push(("left", until(&first, &token, 403).await));
    scim(&second, "DELETE", &path, None).await;
    times.push(("deleted", until(&first, &token, 401).await));
    println!("obeyed by the other instance after {times:?}");
    for (what, took) in times {
        assert!(took.as_millis() < 1_000, "{what}: {took:?}");
    }
    // Two who make the same user at once: one of them is told that it is taken.
    let body = json!({"schemas": [super::USER], "userName": "jon@acme", "externalId": "00ujon"});
    let (one, other) = tokio::join!(
        scim(&first, "POST", "/Users", Some(&body)),
        scim(&second, "POST", "/Users", Some(&body))
    );
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    close(first, &[]).await;
    close(second, &[]).await;
}
