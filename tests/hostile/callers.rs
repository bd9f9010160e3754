//! Many callers at once: nobody gets what is somebody else's.

use serde_json::json;

use super::{creates, forwarded_as_decided, mira};
use crate::support::{close, records, world};

#[tokio::test]
async fn two_hundred_callers_at_once_each_get_their_own_answer() {
    let world = world().await;
    let (job, feature, mira) = (
        world.job_token(json!({})),
        world.feature_token(),
        mira(&world),
    );
    let mut callers = tokio::task::JoinSet::new();
    for n in 0..200 {
        let nonce = format!("nonce-{n:04}-{}", stile_kit::mint::fresh_uuid());
        let (call, status) = match n % 4 {
            0 | 1 => (creates(&world, &job, &nonce), 200),
            2 => (creates(&world, &feature, &nonce), 403),
            _ => (
                world
                    .api("GET", &format!("X/metric_dashboards/{nonce}"))
                    .token(&mira),
                404,
            ),
        };
        let call = if n % 3 == 0 { call.http2() } else { call };
        callers.spawn(async move { (nonce, status, call.send().await.unwrap()) });
    }
    let answers = callers.join_all().await;
    let all = records(&world.stile.journal());
    let seen = world.upstream.seen();
    for (nonce, status, answer) in &answers {
        assert_eq!(
            answer.status.as_u16(),
            *status,
            "{nonce}: {}",
            answer.text()
        );
        let foreign = answers
            .iter()
            .map(|(other, ..)| other)
            .filter(|other| *other != nonce);
        for other in foreign {
            assert!(
                !answer.text().contains(other.as_str()),
                "{nonce} got {other}"
            );
        }
        let decision = answer.field("stile-decision");
        let record = all.iter().find(|r| r.word("id") == decision).unwrap();
        assert_eq!(
            record.word("decision") == "allow",
            *status != 403,
            "{nonce}"
        );
        let forwarded: Vec<_> = seen.iter().filter(|s| s.mentions(nonce)).collect();
        // Whose a dashboard is, stile looks up itself before a member of a team reads it.
        let looked = usize::from(*status == 404);
        assert_eq!(
            forwarded.len(),
            usize::from(*status != 403) + looked,
            "{nonce}"
        );
        for seen in forwarded {
            assert_eq!(
                seen.value("stile-decision").as_deref(),
                Some(decision),
                "{nonce}"
            );
        }
        if *status == 200 {
            assert!(
                answer.text().contains(nonce.as_str()),
                "{nonce}: {}",
                answer.text()
            );
        }
    }
    forwarded_as_decided(&world);
    close(world, &[job, feature, mira]).await;
}
