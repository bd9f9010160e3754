//! Two instances that share a PostgreSQL database: what one is told, both obey.

use super::*;
use crate::index::database::Server;

/// Two worlds whose people are in one database; the second trusts the first one's Okta.
async fn two(url_file: &std::path::Path) -> (World, World) {
    let url = std::fs::read_to_string(url_file).unwrap();
    let first = ending_ground().await;
    let second = ending_ground().await;
    let okta = (second.okta.url().to_owned(), first.okta.url().to_owned());
    let second = second.with(&okta.0, &okta.1);
    let mut worlds = Vec::new();
    for mut ground in [first, second] {
        ground.folder().write_secret("people.url", &url).unwrap();
        ground.settings += "  postgres_url_file: people.url\n";
        worlds.push(ground.serve(program()).await.unwrap());
    }
    let second = worlds.pop().unwrap();
    (worlds.pop().unwrap(), second)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_instance_is_told_the_other_obeys_within_a_second() {
    // It waits, and so does its end: neither on a thread that serves.
    let started = tokio::task::spawn_blocking(|| {
        let mut server = Server::start()?;
        let file = server.url_file();
        Some((server, file))
    });
    let Some((server, file)) = started.await.unwrap() else {
        return;
    };
    let (first, second) = two(&file).await;
    ready(&first).await;
    let mut took = Vec::new();
    for at in 0..20 {
        let login = format!("p{at}@acme");
        let ended = token(&first, &login);
        let begun = Instant::now();
        while asks(&second, &ended).await.status != 200 {
            assert!(begun.elapsed() < PATIENCE, "the other is never ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let claims = super::logout::claims_for(first.okta.url(), CLIENT, json!({ "sub": login }));
        let notice = signed(&first.okta, "logout+jwt", &claims);
        let begun = Instant::now();
        let answer = super::logout::send(first.stile.url(), &notice).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        until_ended(&second, &ended).await;
        took.push(begun.elapsed());
        until_ended(&first, &ended).await;
        // The same notice counts at none of the two any more.
        let again = super::logout::send(second.stile.url(), &notice).await;
        assert_eq!(again.status, 400, "{}", again.text());
    }
    took.sort();
    let (least, median, most) = (took[0], took[10], took[19]);
    println!("pushed to one, refused by the other: min {least:?}, median {median:?}, max {most:?}");
    assert!(most < BOUND, "{took:?}");
    assert_eq!(noted(&first, "notice.taken").len(), 20);
    assert_eq!(noted(&second, "notice.taken").len(), 0);
    assert!(!noted(&second, "endings.changed").is_empty());
    // The database goes: who was ended stays so, and others are served on.
    let (out, still) = (token(&first, "p1@acme"), later(&first, "p1@acme"));
    tokio::task::spawn_blocking(move || drop(server))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    for world in [&first, &second] {
        assert_eq!(asks(world, &still).await.status, 200);
        let claims = person(&first, "p0@acme", json!({ "iat": now_s() - 60 }));
        assert_eq!(asks(world, &claims).await.json()["reason"], "ended");
    }
    drop(out);
    let claims = super::logout::claims_for(first.okta.url(), CLIENT, json!({ "sub": "x" }));
    let notice = signed(&first.okta, "logout+jwt", &claims);
    assert_eq!(
        super::logout::send(first.stile.url(), &notice).await.status,
        400
    );
    crate::support::close(first, &[]).await;
    crate::support::close(second, &[]).await;
}
