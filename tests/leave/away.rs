//! The receiver is away, stile is killed, both again and again: requests do not notice, and in the
//! end every record is there.

use std::collections::BTreeSet;
use std::time::Duration;

use stile_kit::World;

use super::receiver::{Manner, Receiver};
use super::{ask_times, leaving_for, metric, otlp, readiness, uids, until, until_all_left};
use crate::support::{program, whole};

#[tokio::test]
async fn while_the_receiver_is_away_requests_go_on_and_the_lag_is_seen() {
    let mut receiver = Receiver::start(Manner::Takes).await;
    let world = leaving_for(&otlp(&receiver.url())).await;
    ask_times(&world, 4).await;
    until_all_left(&world).await;
    receiver.go_away();
    ask_times(&world, 40).await;
    let admin = world.stile.admin.clone();
    until("the lag is seen", async || {
        let records = metric(&admin, "stile_leave_lag_records{to=\"siem\"}").await;
        let seconds = metric(&admin, "stile_leave_lag_seconds{to=\"siem\"}").await;
        let failing = metric(&admin, "stile_leave_failing{to=\"siem\"}").await;
        records >= 50.0 && seconds >= 1.0 && failing == 1.0
    })
    .await;
    let state = readiness(&world).await;
    assert!(
        state["fault"].as_str().unwrap().contains("refused"),
        "{state}"
    );
    assert!(metric(&admin, "stile_leave_failed_total{to=\"siem\"}").await >= 1.0);
    receiver.come_back().await;
    until_all_left(&world).await;
    assert_eq!(
        metric(&admin, "stile_leave_lag_seconds{to=\"siem\"}").await,
        0.0
    );
    let (_, folder, _) = world.stile.stop().await.unwrap();
    assert_eq!(receiver.uids(), uids(&folder.path().join("journal")));
}

#[tokio::test]
async fn a_stop_does_not_wait_long_for_a_receiver_that_is_away() {
    let mut receiver = Receiver::start(Manner::Takes).await;
    let world = leaving_for(&otlp(&receiver.url())).await;
    ask_times(&world, 2).await;
    receiver.go_away();
    ask_times(&world, 2).await;
    let begun = std::time::Instant::now();
    let World { stile, .. } = world;
    let (status, folder, said) = stile.stop().await.unwrap();
    assert!(status.success(), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{said}");
    whole(&folder);
}

#[tokio::test]
async fn whoever_is_killed_when_in_the_end_every_record_has_arrived() {
    let mut receiver = Receiver::start(Manner::Takes).await;
    let mut world = leaving_for(&otlp(&receiver.url())).await;
    for round in 0_u64..8 {
        ask_times(&world, 12).await;
        if round % 2 == 0 {
            receiver.go_away();
            ask_times(&world, 6).await;
            receiver.come_back().await;
        }
        if round % 3 == 0 {
            receiver.be(Manner::Slowly(Duration::from_millis(150 * round)));
        }
        tokio::time::sleep(Duration::from_millis(round * 173 % 700)).await;
        world = world.killed(program(), |_| ()).await.unwrap();
    }
    receiver.be(Manner::Takes);
    until_all_left(&world).await;
    let (_, folder, _) = world.stile.stop().await.unwrap();
    let all = uids(&folder.path().join("journal"));
    let came = receiver.uids();
    let arrived: BTreeSet<&String> = came.iter().collect();
    assert_eq!(arrived, all.iter().collect::<BTreeSet<_>>());
    eprintln!("{} records, {} doubles", all.len(), came.len() - all.len());
}
