//! A flood of strangers at the real program: who is known is served and never counted in a heap.

use serde_json::json;
use stile_kit::Call;
use tokio::task::JoinSet;

use crate::support::{self, records};

#[tokio::test]
async fn the_known_are_never_aggregated_and_all_answers_are_accounted_for() {
    let ground = support::ground().await;
    let low = "  folder: journal\n  flood_threshold: 20\n";
    let world = ground
        .with("  folder: journal\n", low)
        .serve(support::program())
        .await
        .unwrap();
    let (allowed, denied) = (world.job_token(json!({})), world.feature_token());
    let body = json!({"data": {"type": "stream", "attributes": {"query": "q"}}}).to_string();
    let call = world
        .api("POST", "X/streams")
        .body("application/json", body);
    let mut answers = JoinSet::new();
    for number in 0..400 {
        let call = match number % 10 {
            0 => call.clone().token(&allowed),
            1 => call.clone().token(&denied),
            2 => call.clone().token("not a token"),
            _ => call.clone(),
        };
        answers.spawn(call.send());
    }
    let answers = answers.join_all().await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    let many = |status: u16| answers.iter().filter(|a| a.status == status).count();
    assert_eq!((many(200), many(403)), (40, 40), "who is known is served");
    assert_eq!(many(401), 320);
    let metrics = Call::new("GET", format!("{}/metrics", world.stile.admin));
    let metrics = metrics.send().await.unwrap().text();
    assert!(metrics.contains("\nstile_audit_flood 1\n"), "{metrics}");
    assert!(
        metrics.contains("\nstile_audit_records_lost_total 0\n"),
        "{metrics}"
    );

    let (status, folder, said) = world.stile.stop().await.unwrap();
    assert!(status.success(), "{said}");
    support::whole(&folder);
    let written = records(&folder.path().join("journal"));
    for answer in answers.iter().filter(|a| a.status != 401) {
        let id = answer.field("stile-decision");
        let own = written.iter().filter(|r| r.word("id") == id).count();
        assert_eq!(own, 1, "{answer:?}");
    }
    let counts = written.iter().filter_map(|r| r.json.get("count"));
    let shared: usize = counts
        .map(|c| usize::try_from(c.as_u64().unwrap()).unwrap())
        .sum();
    let strangers = |r: &&support::Recorded| r.is("decision") && r.json.get("subject").is_none();
    let own = written
        .iter()
        .filter(strangers)
        .filter(|r| r.json.get("count").is_none());
    assert!(shared > 0, "no flood was declared");
    assert_eq!(shared + own.count(), 320);
    for record in written.iter().filter(|r| r.json.get("count").is_some()) {
        for member in ["subject", "issuer", "token_fp", "src_ip", "path"] {
            assert!(record.json.get(member).is_none(), "{:?}", record.json);
        }
    }
    assert!(written.iter().any(|r| r.word("event") == "flood.begin"));
}
