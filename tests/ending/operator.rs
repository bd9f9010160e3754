//! Operators end and block: by each name, with no instance running, and with a record where one does.

use super::*;

#[tokio::test]
async fn each_name_ends_what_it_names_and_nothing_else() {
    let world = ending_world().await;
    let sha = |token: &str| {
        let hex = |byte: &u8| format!("{byte:02x}");
        mint::sha256(token.as_bytes())
            .iter()
            .map(hex)
            .collect::<String>()
    };
    let by_group = {
        let url = world.okta.url();
        let claims = claims::okta_person(url, stile_kit::world::AUDIENCE, "g@acme", &["crew"]);
        world.okta.mint(&claims)
    };
    let by_id = person(&world, "t@acme", json!({ "jti": "AT.1" }));
    let by_digest = token(&world, "d@acme");
    let by_print = token(&world, "p@acme");
    let print = {
        let answer = asks(&world, &by_print).await;
        let own = crate::support::records_of(&world, answer.field("stile-decision"));
        own[0].word("token_fp").to_owned()
    };
    assert_eq!(print.len(), 64, "{print}");
    let job = world.job_token(json!({}));
    for (token, issuer, flag, value) in [
        (
            token(&world, "s@acme"),
            "okta",
            "--subject",
            "s@acme".to_owned(),
        ),
        (
            token(&world, "u@acme"),
            "okta",
            "--subject",
            "00u-u@acme".to_owned(),
        ),
        (
            in_session(&world, "n@acme", "s-9"),
            "okta",
            "--session",
            "s-9".to_owned(),
        ),
        (by_id, "okta", "--token", "AT.1".to_owned()),
        (by_digest.clone(), "okta", "--token", sha(&by_digest)),
        (by_print, "okta", "--token", print),
        (by_group, "okta", "--group", "crew".to_owned()),
        (
            token(&world, "e@acme"),
            "okta",
            "--email",
            "E@ACME".to_owned(),
        ),
        (job, "gitlab", "--group", "acme/shop".to_owned()),
    ] {
        assert_eq!(asks(&world, &token).await.status, 200, "{flag} {value}");
        let words = [
            "sessions", "end", "--issuer", issuer, flag, &value, "--why", "a test",
        ];
        let (code, out, said) = command(&world, &words).await;
        assert_eq!(code, 0, "{out}{said}");
        assert!(out.contains("ENDED"), "{out}");
        let took = until_ended(&world, &token).await;
        assert!(took < BOUND, "{flag}: {took:?}");
    }
    let other = token(&world, "other@acme");
    assert_eq!(asks(&world, &other).await.status, 200);
    let agent = claims::okta_agent(
        world.okta.url(),
        stile_kit::world::AUDIENCE,
        "agent-7",
        "s@acme",
        &["x"],
    );
    let agent = world.okta.mint(&agent);
    assert_eq!(
        asks(&world, &agent).await.json()["reason"],
        "ended",
        "who acts for the ended"
    );
    let rows = endings(&world).await;
    assert_eq!(rows.len(), 9);
    assert!(
        rows.iter()
            .all(|row| row["by"] == "operator" && row["why"] == "a test"),
        "{rows:?}"
    );
    let notes = noted(&world, "endings.changed");
    assert_eq!(notes.len(), 9, "{notes:?}");
    assert!(!notes.iter().any(|note| note.to_string().contains("s@acme")));
    crate::support::close(world, &[]).await;
}

#[tokio::test]
async fn a_block_needs_no_instance_and_holds_after_a_restart_until_it_is_lifted() {
    let world = ending_world().await;
    let (status, folder, said) = world.stile.stop().await.unwrap();
    assert!(status.success(), "{said}");
    let settings = folder.path().join("stile.yaml");
    let run = |words: Vec<&'static str>| {
        let mut command = std::process::Command::new(program());
        command.arg("--config").arg(&settings).args(words);
        let output = command.output().unwrap();
        output.status.code().unwrap()
    };
    let about = ["--issuer", "okta", "--subject", "mira@acme"];
    let with = |word, more: &[&'static str]| [&["sessions", word][..], &about, more].concat();
    assert_eq!(run(with("block", &["--why", "left"])), 0);
    let stile = folder.serve(program()).await.unwrap();
    let (gitlab, okta, upstream, ca) = (world.gitlab, world.okta, world.upstream, world.ca);
    let world = World {
        gitlab,
        okta,
        upstream,
        ca,
        stile,
    };
    ready(&world).await;
    let mira = later(&world, "mira@acme");
    assert_eq!(asks(&world, &mira).await.json()["reason"], "ended");
    assert_eq!(run(with("unblock", &[])), 0);
    still_in(&world, &mira).await;
    assert_eq!(run(with("unblock", &[])), 1);
    crate::support::close(world, &[mira]).await;
}

#[tokio::test]
async fn mistakes_are_told_and_change_nothing() {
    let world = ending_world().await;
    for (words, told) in [
        (vec!["end", "--issuer", "okta", "--why", "x"], "required"),
        (
            vec![
                "end",
                "--issuer",
                "okta",
                "--subject",
                "a",
                "--session",
                "b",
                "--why",
                "x",
            ],
            "cannot be used",
        ),
        (vec!["end", "--issuer", "okta", "--subject", "a"], "--why"),
        (
            vec!["end", "--issuer", "okta", "--subject", "a", "--why", " "],
            "must say something",
        ),
        (
            vec!["end", "--issuer", "okta", "--subject", "", "--why", "x"],
            "must say something",
        ),
        (
            vec!["end", "--issuer", "okto", "--subject", "a", "--why", "x"],
            "okta",
        ),
    ] {
        let words = [vec!["sessions"], words].concat();
        let (code, _, said) = command(&world, &words).await;
        assert_eq!(code, 2, "{words:?}: {said}");
        assert!(said.contains(told), "{words:?}: {said}");
    }
    assert_eq!(endings(&world).await, Vec::<Value>::new());
    let plain = crate::support::world().await;
    let (code, _, said) = command(&plain, &["sessions", "endings"]).await;
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("people"), "{said}");
    crate::support::close(plain, &[]).await;
    crate::support::close(world, &[]).await;
}
