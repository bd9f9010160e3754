//! The tables in `docs/dialects.md` are the tables in the code.

use super::*;

#[test]
fn every_table_in_the_document_is_the_table_in_the_code() {
    let document = document();
    for (word, heading, _) in DIALECTS {
        let wanted = format!("## {heading} (`{word}`)");
        let mut lines = document.lines().skip_while(|line| *line != wanted).skip(1);
        let section: Vec<&str> = lines
            .by_ref()
            .take_while(|l| !l.starts_with("## "))
            .collect();
        assert!(!section.is_empty(), "`{wanted}` is missing");
        let rows = section.iter().filter(|line| line.starts_with("| `"));
        let documented: Vec<String> = rows.map(|row| (*row).to_owned()).collect();
        let table = dialect(word, "groups".to_owned()).table();
        let coded: Vec<String> = table
            .iter()
            .map(|line| {
                let becomes = match line.becomes.split_once(' ') {
                    None if line.becomes != "-" => format!("`{}`", line.becomes),
                    _ => line.becomes.to_owned(),
                };
                let kept = match (line.kept, line.personal) {
                    (_, true) => "personal",
                    (true, false) => "yes",
                    (false, false) => "no",
                };
                format!(
                    "| `{}` | {} | {becomes} | {kept} |",
                    line.claim,
                    line.form.word()
                )
            })
            .collect();
        assert_eq!(documented, coded, "{heading}:\n{}", coded.join("\n"));
    }
}

#[test]
fn every_form_is_explained() {
    let document = document();
    for form in Form::ALL {
        let row = format!("| {} |", form.word());
        let explained = document.lines().filter(|line| line.starts_with(&row));
        assert_eq!(explained.count(), 1, "{}", form.word());
    }
}

#[test]
fn every_attribute_that_a_claim_becomes_is_one_of_the_schema() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let schema = std::fs::read_to_string(root.join("policies/stile.cedarschema")).unwrap();
    // Facts for records and readers, which no policy reads.
    let beside = ["teams", "subject", "started_by", "pipeline_id", "job_id"];
    for (word, ..) in DIALECTS {
        for line in dialect(word, "groups".to_owned()).table() {
            let attribute = line.becomes;
            if attribute == "-" || attribute.contains(' ') || beside.contains(&attribute) {
                continue;
            }
            let known = [format!("  {attribute}: "), format!("  {attribute}?: ")];
            assert!(
                known.iter().any(|known| schema.contains(known)),
                "{word}: `{attribute}` is no attribute"
            );
        }
    }
}

fn document() -> String {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(root.join("docs/dialects.md")).unwrap()
}
