//! `slowhttptest`, which other people measure their servers with: three kinds, a thousand connections.
//!
//! Each has a token, as far as its kind gets to show one; its probe must find the service all the time.

use std::process::{Command, Stdio};

use serde_json::json;

use super::must_be_there;
use crate::hostile::slow::{LARGE, STREAMS, alone_with_many_files};
use crate::support::{self, close, ground, program};
use stile_kit::upstream::Script;

/// Slow heads, slow bodies, slow readers, as its manual has them.
const KINDS: [(&str, &str, &[&str]); 3] = [
    ("-H", "", &["-i", "1", "-x", "1"]),
    ("-B", "", &["-i", "1", "-x", "1", "-s", "65536"]),
    (
        "-X",
        "/stream-1",
        &["-w", "1", "-y", "16", "-n", "1", "-z", "1"],
    ),
];

#[tokio::test]
async fn slowhttptest_finds_the_service_available_in_all_three_modes() {
    if Command::new("slowhttptest").arg("-h").output().is_err() {
        let missing = "run scripts/install-test-tools.sh";
        assert!(!must_be_there(), "slowhttptest cannot run: {missing}");
        eprintln!("skipped slowhttptest: {missing}");
        return;
    }
    let _alone = alone_with_many_files().await;
    let limits = "limits: { head_timeout: 3s, body_idle_timeout: 3s }\njournal:";
    let ground = ground().await.with("journal:", limits);
    let world = ground.serve(program()).await.unwrap();
    let (job, person) = (
        world.job_token(json!({})),
        world.person_token("mira@acme.example", &["lightstep-payments"]),
    );
    world.upstream.script(Script::Stream(LARGE)).await;
    for (kind, below, more) in KINDS {
        // Who reads is a person, who writes is a job.
        let token = if below.is_empty() { &job } else { &person };
        let mut command = Command::new("slowhttptest");
        command
            .args([
                kind, "-c", "1000", "-r", "500", "-l", "8", "-p", "5", "-v", "1",
            ])
            .args(["-u", &format!("{}{STREAMS}{below}", world.stile.url())])
            // What it writes into a line ends where we say.
            .args(["-m", &format!("*/*\r\nauthorization: Bearer {token}")])
            .args(more)
            .stdin(Stdio::null());
        let ended = tokio::task::spawn_blocking(move || command.output().unwrap());
        let ended = ended.await.unwrap();
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        let states: Vec<&str> = said
            .split("service available:")
            .skip(1)
            .filter_map(|rest| {
                rest.split_whitespace()
                    .find(|word| word.contains("YES") || word.contains("NO"))
            })
            .collect();
        assert!(!states.is_empty(), "{kind}: {said}");
        assert!(
            states.iter().all(|state| state.contains("YES")),
            "{kind}: {said}"
        );
    }
    world.upstream.script(Script::Well).await;
    let recorded = support::records(&world.stile.journal());
    let allowed = recorded.iter().filter(|r| r.word("op") == "streams.read");
    assert!(
        allowed.count() >= 500,
        "its slow readers had something to read"
    );
    let timed_out = recorded
        .iter()
        .filter(|r| r.word("reason") == "client_timeout");
    assert!(timed_out.count() >= 500, "its slow ones were ended by us");
    close(world, &[job, person]).await;
}
