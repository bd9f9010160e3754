//! What an operator sees and may do: doctor looks at each destination, a reload changes none.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use stile_kit::tls::DevCa;

use super::receiver::{Manner, Receiver};
use super::{
    ask_times, leaving_for, otlp, readiness, uids, until, until_all_left, with_destination,
};
use crate::support::{self, program};

/// What `stile doctor` finds of destinations: each check with its word and what was found.
fn doctor(folder: &Path) -> Vec<(String, String, String)> {
    let mut command = Command::new(program());
    command.args(["--config", "stile.yaml", "doctor", "--format", "json"]);
    let output = command
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    let word = |finding: &Value, name: &str| finding[name].as_str().unwrap_or("").to_owned();
    let found = all.as_array().unwrap().iter();
    found
        .map(|f| (word(f, "check"), word(f, "held"), word(f, "found")))
        .filter(|(check, ..)| check.starts_with("leave "))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_says_of_each_destination_whether_it_is_there_and_what_waits_for_it() {
    let receiver = Receiver::start(Manner::Takes).await;
    let ground = support::ground().await;
    let stranger = Receiver::secure(&DevCa::new().server(&["127.0.0.1"])).await;
    let mut gone = Receiver::start(Manner::Takes).await;
    gone.go_away();
    let destinations = format!(
        "{}  - {{ name: stranger, kind: otlp, url: {}/v1/logs }}\n  - {{ name: gone, kind: otlp, url: \
         {}/v1/logs }}\n  - {{ name: lake, kind: ocsf_file, file: ocsf.jsonl }}\n",
        otlp(&receiver.url()),
        stranger.url(),
        gone.url()
    );
    let world = with_destination(ground, &destinations)
        .serve(program())
        .await
        .unwrap();
    ask_times(&world, 2).await;
    until("the outcome has left", async || {
        receiver.uids() == uids(&world.stile.journal())
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    until_all_left(&world).await;
    let before = receiver.came().len();
    let found = doctor(world.stile.folder().path());
    let [siem, other, gone, lake] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(
        (siem.0.as_str(), siem.1.as_str()),
        ("leave siem", "yes"),
        "{siem:?}"
    );
    assert!(
        siem.2.contains("0 records wait for it; nothing was sent"),
        "{siem:?}"
    );
    assert_eq!(other.1, "no", "{other:?}");
    assert!(other.2.contains("TLS"), "{other:?}");
    assert_eq!(gone.1, "unknown", "{gone:?}");
    assert!(gone.2.contains("refused"), "{gone:?}");
    assert_eq!(lake.1, "yes", "{lake:?}");
    assert!(lake.2.contains("ocsf.jsonl` can be added to"), "{lake:?}");
    assert_eq!(receiver.came().len(), before, "doctor sends nothing");
    std::fs::write(world.stile.journal().join("leave/siem.position"), "?").unwrap();
    let found = doctor(world.stile.folder().path());
    assert_eq!(found[0].1, "no", "{found:?}");
    assert!(found[0].2.contains("is no position of ours"), "{found:?}");
}

#[tokio::test]
async fn a_reload_with_another_destination_is_refused_and_what_leaves_goes_on() {
    let receiver = Receiver::start(Manner::Takes).await;
    let other = Receiver::start(Manner::Takes).await;
    let world = leaving_for(&otlp(&receiver.url())).await;
    ask_times(&world, 2).await;
    until_all_left(&world).await;
    let file = world.stile.folder().path().join("stile.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let changed = text.replace(&receiver.url(), &other.url());
    assert_ne!(text, changed);
    std::fs::write(&file, changed).unwrap();
    world.stile.signal("HUP").unwrap();
    let told = "`leave` cannot change while stile runs";
    world.stile.waits_for(told).await.unwrap();
    ask_times(&world, 2).await;
    until("it goes on", async || {
        readiness(&world).await["behind"] == 0
    })
    .await;
    assert!(other.came().is_empty());
}
