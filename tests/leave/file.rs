//! To a file of OCSF: each request with its outcome is a line, whoever rotates the file or is killed.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use stile::export::ocsf::ocsf;
use stile::index::{Query, scan};

use super::{ask_times, leaving_for, readiness, until, until_all_left};
use crate::support::program;

const LAKE: &str = "  - { name: lake, kind: ocsf_file, file: ocsf.jsonl }\n";

fn lines(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What a file must have: the rows of the journal, in the order in which they became whole.
fn rows(journal: &Path) -> Vec<Value> {
    let query = Query::default();
    let mut rows: Vec<_> = scan(journal, &query).unwrap().map(Result::unwrap).collect();
    rows.sort_by_key(|row| row.outcome.as_ref().map_or(row.seq, |(seq, _)| *seq));
    rows.iter().map(ocsf).collect()
}

#[tokio::test]
async fn each_request_is_one_line_with_its_outcome_also_across_a_rotation() {
    let world = leaving_for(LAKE).await;
    let folder = world.stile.folder().path().to_owned();
    let (file, rotated) = (folder.join("ocsf.jsonl"), folder.join("ocsf.jsonl.1"));
    ask_times(&world, 10).await;
    until_all_left(&world).await;
    std::fs::rename(&file, &rotated).unwrap();
    ask_times(&world, 10).await;
    until_all_left(&world).await;
    let (_, folder, _) = world.stile.stop().await.unwrap();
    let written = [lines(&rotated), lines(&file)].concat();
    assert_eq!(written, rows(&folder.path().join("journal")));
    assert!(written.len() > 20);
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn after_kills_every_request_is_there_and_every_line_is_whole() {
    let mut world = leaving_for(LAKE).await;
    for round in 0_u64..6 {
        ask_times(&world, 10).await;
        tokio::time::sleep(std::time::Duration::from_millis(round * 211 % 600)).await;
        world = world
            .killed(program(), |folder| {
                // As if the last line had been cut off in the middle.
                if round % 2 == 1 {
                    let file = folder.join("ocsf.jsonl");
                    let mut text = std::fs::read(&file).unwrap();
                    text.extend_from_slice(b"{\"class_uid\":6003,\"cut");
                    std::fs::write(&file, text).unwrap();
                }
            })
            .await
            .unwrap();
    }
    until_all_left(&world).await;
    let (_, folder, _) = world.stile.stop().await.unwrap();
    let texts =
        |rows: Vec<Value>| -> BTreeSet<String> { rows.iter().map(Value::to_string).collect() };
    let written = lines(&folder.path().join("ocsf.jsonl"));
    let wanted = rows(&folder.path().join("journal"));
    assert_eq!(texts(written), texts(wanted));
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_waited_for() {
    let ground = crate::support::ground().await;
    let folder = ground.folder().path().join("lake");
    std::fs::create_dir(&folder).unwrap();
    let lake = LAKE.replace("file: ocsf", "file: lake/ocsf");
    let ground = super::with_destination(ground, &lake);
    let world = ground.serve(program()).await.unwrap();
    until_all_left(&world).await;
    std::fs::remove_dir_all(&folder).unwrap();
    ask_times(&world, 4).await;
    until("the fault is told", async || {
        let fault = readiness(&world).await["fault"].to_string();
        fault.contains("lake/ocsf.jsonl` cannot be written")
    })
    .await;
    std::fs::create_dir(&folder).unwrap();
    until_all_left(&world).await;
    assert!(lines(&folder.join("ocsf.jsonl")).len() >= 4);
}
