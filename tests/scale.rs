//! A policy set is swapped under load without a request that fails or a decision that is mixed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use stile_kit::Call;

use crate::support::{close, ground, program, records};

const RELOADS: usize = 20;

/// The two sets allow the same by rules of different names, so a mixed decision would show.
#[tokio::test]
async fn twenty_reloads_under_load_fail_no_request_and_mix_no_decision() {
    let ground = ground().await;
    // The cases name the rules that are renamed here.
    std::fs::remove_dir_all(ground.folder().path().join("policies/tests")).unwrap();
    let world = ground.serve(program()).await.unwrap();
    let url = format!("{}/public/v0.2/acme/projects/X/streams", world.stile.url());
    let mira = world.person_token("mira@acme.example", &["lightstep-payments"]);
    let done = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (url, token, done) = (url.clone(), mira.clone(), done.clone());
            tokio::spawn(async move {
                let mut asked = 0;
                while !done.load(Ordering::Relaxed) || asked < 50 {
                    let answer = Call::new("GET", url.clone()).token(&token).send().await;
                    let answer = answer.unwrap();
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    asked += 1;
                }
                asked
            })
        })
        .collect();
    let rules = world
        .stile
        .folder()
        .path()
        .join("policies/rules/people.cedar");
    let text = std::fs::read_to_string(&rules).unwrap();
    let texts = [text.replace("everyone-reads", "all-read"), text.clone()];
    for n in 0..RELOADS {
        let before = in_force(&world.stile.said());
        std::fs::write(&rules, &texts[n % 2]).unwrap();
        world.stile.signal("HUP").unwrap();
        let mut looks = 0;
        while in_force(&world.stile.said()) == before {
            looks += 1;
            assert!(looks < 1_500, "no reload: {}", world.stile.said());
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
    done.store(true, Ordering::Relaxed);
    let mut asked = 0;
    for caller in callers {
        asked += caller.await.unwrap();
    }
    assert!(asked >= 200, "{asked}");

    let mut seen = BTreeSet::new();
    for record in records(&world.stile.journal()) {
        if record.is("decision") {
            assert_eq!(record.word("decision"), "allow", "{}", record.json);
            let set = record.word("policy_set").to_owned();
            seen.insert((set, record.json["policies"].to_string()));
        }
    }
    let names: BTreeSet<&str> = seen.iter().map(|(_, by)| by.as_str()).collect();
    assert_eq!(seen.len(), 2, "each set decides by its own rule: {seen:?}");
    let both = [
        json!(["all-read"]).to_string(),
        json!(["everyone-reads"]).to_string(),
    ];
    assert_eq!(names, both.iter().map(String::as_str).collect());
    close(world, &[]).await;
}

fn in_force(said: &str) -> usize {
    said.matches("new settings are in force").count()
}

#[tokio::test]
async fn a_start_takes_all_open_files_that_the_machine_allows() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    for (limits, warned) in [("-Sn 300", false), ("-n 300", true)] {
        let started = folder.path().join("stile");
        let text = format!(
            "#!/bin/sh\nulimit {limits}\nexec {} \"$@\"\n",
            program().display()
        );
        std::fs::write(&started, text).unwrap();
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&started, mode).unwrap();
        let world = ground().await.serve(&started).await.unwrap();
        let pid = world.stile.pid().unwrap();
        let in_force = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let line = in_force
            .lines()
            .find(|line| line.starts_with("Max open files"));
        let numbers: Vec<&str> = line.unwrap().split_whitespace().skip(3).take(2).collect();
        assert_eq!(numbers[0], numbers[1], "{line:?}");
        assert_eq!(numbers[0] == "300", warned, "{line:?}");
        let told = "may have 300 open files";
        assert_eq!(world.stile.said().contains(told), warned);
        close(world, &[]).await;
    }
}
