//! The manual says what leaves.

use std::collections::BTreeSet;

fn manual() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/leaving.md")).unwrap()
}

/// The cells of a table's rows that are words in back-ticks.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let text = manual();
    let table = text.split(heading).nth(1).expect(heading);
    let lines = table
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with('|'));
    lines
        .map(|line| {
            line.split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect()
        })
        .collect()
}

#[test]
fn the_table_of_attributes_is_the_one_in_use() {
    let documented: Vec<Vec<String>> = rows("| in the record | attribute |\n");
    let used = stile::leave::otel_names();
    let used: Vec<Vec<String>> = used
        .map(|(ours, name)| vec![ours, name.to_owned()])
        .collect();
    assert_eq!(documented, used);
}

#[test]
fn the_table_of_metrics_is_what_the_page_has() {
    let metrics = stile::pipeline::Metrics::new().unwrap();
    let state = stile::leave::LeaveState {
        name: "siem".to_owned(),
        ..stile::leave::LeaveState::default()
    };
    metrics.leaving(&[state], 0);
    let page = metrics.page().unwrap();
    let drawn: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_suffix("{to=\"siem\"} 0"))
        .map(str::to_owned)
        .collect();
    let documented = rows("| metric, each with `to` | what it says |\n");
    let documented: BTreeSet<String> = documented.into_iter().flatten().collect();
    assert_eq!(documented, drawn);
}

#[test]
fn its_example_is_a_section_that_loads_and_its_keys_are_the_ones_there_are() {
    let text = manual();
    let example = text
        .split("```yaml\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let shipped = crate::config::SHIPPED.replace("leave: []", "# none");
    let example = example.replace("/var/log/stile/", "");
    let site = crate::config::Site::with(&format!("{shipped}\n{example}"));
    std::fs::create_dir(site.path("certs")).unwrap();
    for name in [
        "certs/siem-ca.pem",
        "certs/stile-client.pem",
        "certs/stile-client-key.pem",
        "secrets/siem.key",
    ] {
        std::fs::write(site.path(name), "anything\n").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(site.path(name), mode).unwrap();
    }
    let settings = stile::config::Settings::load(&site.file(), []).unwrap();
    assert_eq!(settings.leave.len(), 3);

    let schema = stile::config::schema();
    let known = schema
        .pointer("/$defs/Destination/properties")
        .expect("in the schema");
    let known: BTreeSet<&str> = known
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let rows = rows("| key | of | what it is |\n");
    let leading = |row: &Vec<String>| row[0].clone();
    let mut documented: BTreeSet<String> = rows.iter().map(leading).collect();
    documented.insert("key".to_owned());
    assert_eq!(documented, known.into_iter().map(str::to_owned).collect());
}
