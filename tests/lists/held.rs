//! What is held of a list on its way: without our keys, no longer than its caller takes, and no place
//! of another upstream's.

use std::time::Duration;

use stile_kit::upstream::{API_KEY, Script, Upstream};
use tokio::io::AsyncWriteExt;

use super::{LIST, SEEN_BY_PAYMENTS, boards, counted, mira, says, world, world_with};
use crate::hostile::framing::eventually;
use crate::hostile::raw;
use crate::support::{ask, close, records};

#[tokio::test]
async fn a_list_does_not_tell_the_key_either() {
    let world = world_with("    scrub_bodies: true\n", None).await;
    let token = mira(&world);
    world.upstream.script(Script::Say(says(LIST))).await;
    let answer = ask(&world, boards(&world).token(&token)).await;
    assert_eq!(answer.text(), SEEN_BY_PAYMENTS);
    for place in ["\"version\": 1.50", "\"total\": 4"] {
        assert!(LIST.contains(place));
        let telling = |key: &str| format!("{place}, \"sent\": \"bearer {key}\"");
        let list = LIST.replace(place, &telling(API_KEY));
        world.upstream.script(Script::Say(says(&list))).await;
        let answer = ask(&world, boards(&world).token(&token)).await;
        let blot = "*".repeat(API_KEY.len());
        let expected = SEEN_BY_PAYMENTS.replace(place, &telling(&blot));
        assert_eq!(answer.text(), expected);
    }
    close(world, &[token]).await;
}

/// What a caller's end of a connection takes by itself, whether or not anybody reads.
const FILLER_BYTES: usize = 7_900_000;

#[tokio::test]
async fn who_hangs_up_in_the_middle_of_a_list_did_not_get_all_of_it() {
    let world = world().await;
    let token = mira(&world);
    let filler = "x".repeat(FILLER_BYTES);
    let list = format!(
        "{{\"boards\":[{{\"uid\":\"a\",\"tags\":[\"team:payments\"],\"x\":\"{filler}\"}},\
         {{\"uid\":\"b\",\"tags\":[\"team:search\"]}}]}}"
    );
    world.upstream.script(Script::Say(says(&list))).await;
    let answer = ask(&world, boards(&world).token(&token)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(counted(&world, &answer).await, (1.into(), 1.into()));
    let ends = |world: &stile_kit::World| -> Vec<String> {
        let all = records(&world.stile.journal());
        let ended = all.iter().filter(|one| one.is("outcome"));
        ended.map(|one| one.word("end").to_owned()).collect()
    };
    assert_eq!(ends(&world), ["complete"]);

    let host = raw::authority(world.stile.url()).to_owned();
    let head = format!(
        "GET /api/orgs/X/boards HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    let mut stream = raw::connect(world.stile.url()).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0; 64];
    let read = tokio::io::AsyncReadExt::read(&mut stream, &mut first).await;
    assert!(first.starts_with(b"HTTP/1.1 200"), "{read:?}");
    assert_eq!(ends(&world).len(), 1, "most of it is still to be taken");
    drop(stream);
    eventually("the outcome is written", || ends(&world).len() == 2).await;
    assert_eq!(ends(&world), ["complete", "client_abort"]);
    close(world, &[token]).await;
}

#[tokio::test]
async fn an_upstream_that_answers_no_list_holds_up_no_other() {
    let silent = Upstream::start().await;
    silent.script(Script::Silent).await;
    let world = world_with("", Some(silent.url())).await;
    let token = mira(&world);
    let list = r#"{"data":[{"id":"6"},{"id":"7"}]}"#;
    world.upstream.script(Script::Say(says(list))).await;
    // As many as may be held of one upstream, and more.
    let mut waiting = Vec::new();
    for _ in 0..12 {
        let call = boards(&world).token(&token);
        waiting.push(tokio::spawn(call.send()));
    }
    let allowed = || {
        let all = records(&world.stile.journal());
        all.iter()
            .filter(|one| one.word("decision") == "allow")
            .count()
    };
    eventually("all are decided", || allowed() == 12).await;
    let other = world.api("GET", "X/dashboards").token(&token);
    let answer = tokio::time::timeout(Duration::from_secs(4), ask(&world, other)).await;
    assert_eq!(answer.unwrap().text(), r#"{"data":[{"id":"7"}]}"#);
    for one in &waiting {
        one.abort();
    }
    close(world, &[token]).await;
}
