//! While the database is away, who was ended stays ended; before it was ever read, nobody is let in.

use super::*;

#[tokio::test]
async fn nobody_is_let_in_before_it_was_read_once() {
    let mut ground = ending_ground().await;
    let file = "people.url";
    let nowhere = "postgres://stile@127.0.0.1:1/nothing\n";
    ground.folder().write_secret(file, nowhere).unwrap();
    ground.settings += &format!("  postgres_url_file: {file}\n");
    let world = ground.serve(program()).await.unwrap();
    let mira = token(&world, "mira@acme");
    for token in [&mira, &world.job_token(json!({}))] {
        let answer = asks(&world, token).await;
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert_eq!(answer.json()["reason"], "people_unavailable");
        assert!(!answer.field("retry-after").is_empty());
    }
    let begun = Instant::now();
    loop {
        let ready = Call::new("GET", format!("{}/readyz", world.stile.admin));
        let ready = ready.send().await.unwrap();
        if ready.text().contains("people_unread") {
            let why = &ready.json()["settings"]["people_unread"];
            assert!(why.is_string(), "{}", ready.text());
            assert_eq!(ready.status, 503, "{}", ready.text());
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{}", ready.text());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let claims = super::logout::claims_for(world.okta.url(), CLIENT, json!({ "sid": "s-1" }));
    let notice = signed(&world.okta, "logout+jwt", &claims);
    let answer = super::logout::send(world.stile.url(), &notice).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(answer.json()["error"], "temporarily_unavailable");
    let words = [
        "sessions",
        "end",
        "--issuer",
        "okta",
        "--subject",
        "a",
        "--why",
        "x",
    ];
    assert_eq!(command(&world, &words).await.0, 3);
    crate::support::close(world, &[mira]).await;
}
