//! What is counted on the page is what is in the file, and each export is in the journal.

use super::Stage;
use crate::support::records_of;

#[tokio::test]
async fn the_files_have_exactly_the_rows_of_the_page() {
    let stage = Stage::set().await;
    stage.works().await;
    for (token, scope) in [
        (&stage.rita, ""),
        (&stage.lea, "&team=payments"),
        (&stage.sam, "&team=search"),
    ] {
        for q in [
            "",
            "decision%3Adeny",
            "action%3Astreams.list+or+where%3AY",
            "person%3Anobody",
        ] {
            let page = stage
                .twin(token, &format!("/export.json?q={q}{scope}"))
                .await;
            let rows = usize::try_from(page["rows"].as_u64().unwrap()).unwrap();
            // Something happens between the look and the export: it is in neither.
            stage.looks(token, "").await;
            stage.works().await;
            for file in page["files"].as_array().unwrap() {
                let href = file["href"].as_str().unwrap();
                let answer = stage
                    .looks(token, href.strip_prefix("/.stile/console").unwrap())
                    .await;
                assert_eq!(answer.status, 200, "{href}: {}", answer.text());
                assert!(
                    answer
                        .field("content-disposition")
                        .starts_with("attachment; filename=\"stile-")
                );
                let text = answer.text();
                let heading = usize::from(href.contains("format=csv"));
                assert_eq!(text.lines().count(), rows + heading, "{href}");
                if scope.contains("search") {
                    assert!(!text.contains("mira@acme.example"), "{href}");
                }
                let records = records_of(&stage.world, answer.field("stile-decision"));
                assert_eq!(records[0].word("op"), "console.export");
                assert_eq!(records[0].word("decision"), "allow");
            }
        }
    }
    stage.close().await;
}

#[tokio::test]
async fn a_form_of_file_that_there_is_not_is_refused() {
    let stage = Stage::set().await;
    for query in [
        "format=xml",
        "format=csv&format=csv",
        "format=csv&file=x",
        "q=nonsense",
    ] {
        let answer = stage
            .looks(&stage.rita, &format!("/export/file?{query}"))
            .await;
        assert_eq!(answer.status, 400, "{query}");
    }
    stage.close().await;
}
