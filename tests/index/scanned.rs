//! What a scan of the journal finds.

use stile::index::{Order, Row, scan};

use super::random::{self, Dice};
use super::{query, write};

const ORIGIN: &str = "stile.example.com/main";

async fn journal(records: &[(stile::record::frame::Kind, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let records = records
        .iter()
        .map(|(kind, line)| (*kind, (*line).to_owned()));
    write(folder.path(), ORIGIN, records.collect()).await;
    folder
}

fn found(folder: &tempfile::TempDir, text: &str) -> Vec<Row> {
    let query = query(text);
    scan(folder.path(), &query)
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

#[tokio::test]
async fn a_request_is_found_by_its_decision_and_its_outcome_at_once() {
    use stile::record::frame::Kind;
    let folder = journal(&[
        (Kind::Decision, r#"{"decision":"allow","id":"1","kind":"decision","log":"stile.example.com/main","op":"streams.delete","time":5}"#),
        (Kind::Decision, r#"{"decision":"allow","id":"2","kind":"decision","log":"stile.example.com/main","op":"streams.delete","time":6}"#),
        (Kind::Outcome, r#"{"end":"complete","kind":"outcome","log":"stile.example.com/main","ref":"1","status":500,"time":7}"#),
    ]).await;
    let rows = found(&folder, "action:streams.delete status:>=500");
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].seq, rows[0].outcome.as_ref().unwrap().0), (1, 3));
    assert_eq!(rows[0].time.as_ms(), 5);
    assert_eq!(&*rows[0].origin, ORIGIN);
    assert_eq!(
        found(&folder, "action:streams.delete not status:*").len(),
        1
    );
    assert_eq!(found(&folder, "record:event").len(), 2);
}

#[tokio::test]
async fn rows_come_in_the_order_of_the_journal_and_limits_keep_its_ends() {
    let folder = tempfile::tempdir().unwrap();
    let records = random::records(&mut Dice::new(7), ORIGIN, 500);
    write(folder.path(), ORIGIN, records).await;
    let rows = found(&folder, "record:request");
    assert!(rows.len() > 100 && rows.is_sorted_by(|a, b| a.seq < b.seq));
    let query = query("record:request");
    let (newest, count) = scan(folder.path(), &query)
        .unwrap()
        .some(Order::Newest, 3)
        .unwrap();
    assert_eq!(count, rows.len() as u64);
    assert!(newest.iter().eq(rows.iter().rev().take(3)));
    let (oldest, _) = scan(folder.path(), &query)
        .unwrap()
        .some(Order::Oldest, 3)
        .unwrap();
    assert!(oldest.iter().eq(rows.iter().take(3)));
}
