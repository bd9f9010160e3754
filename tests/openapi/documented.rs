//! What `docs/operations.md` tells a stranger is what happens.

use std::fs;

use super::boards;
use crate::cli::{run, text};
use crate::config::Site;

fn page() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md")).unwrap()
}

/// The block of the page that begins so.
fn block(fence: &str) -> String {
    let page = page();
    let block = page.split(fence).nth(1).unwrap();
    block.split("```").next().unwrap().to_owned()
}

/// The commands of the page, in their order.
fn commands() -> Vec<String> {
    let page = page();
    let lines = page
        .lines()
        .filter_map(|line| line.trim().strip_prefix("$ stile "));
    lines.map(str::to_owned).collect()
}

#[test]
fn the_five_steps_lead_to_a_served_upstream() {
    let site = Site::new();
    for name in ["openapi.yaml", "newer.yaml"] {
        fs::copy(boards(), site.path(name)).unwrap();
    }
    let settings = fs::read_to_string(site.file()).unwrap();
    let step = block("   ```text\n").replace("\n   ", "\n");
    let step = step
        .trim_start()
        .replace("secrets/boards.key", "secrets/lightstep.key");
    let upstream = step.trim_end().to_owned() + "\n";
    assert!(
        upstream.starts_with("upstreams:\n  - name: boards\n"),
        "{upstream}"
    );
    let settings = settings.replacen("upstreams:\n", &upstream, 1);
    let commands = commands();
    assert_eq!(commands.len(), 5, "{commands:?}");
    for (at, command) in commands.iter().enumerate() {
        let words: Vec<&str> = command.split(' ').collect();
        let output = run(&site, &words);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{command}: {said}");
        if at == 0 {
            fs::write(site.file(), &settings).unwrap();
        }
    }
}

#[test]
fn the_page_knows_every_key_of_a_catalogue() {
    let page = page();
    let schema = stile::resolve::Catalogue::schema();
    let operation = &schema["$defs"]["WrittenOperation"]["properties"];
    let keys = [&schema["properties"], operation];
    let keys = keys
        .iter()
        .flat_map(|keys| keys.as_object().unwrap().keys());
    let keys: Vec<&String> = keys.filter(|key| *key != "operations").collect();
    assert!(keys.len() > 10, "{keys:?}");
    for key in keys {
        assert!(page.contains(&format!("`{key}`")), "the page lacks `{key}`");
    }
}

#[test]
fn the_pages_file_is_a_catalogue() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("boards.yaml"), block("```yaml\n")).unwrap();
    let loaded = stile::resolve::Catalogue::load(&stile::resolve::CatalogueSettings {
        folder: folder.path().to_owned(),
        uses: vec![stile::resolve::CatalogueUse {
            upstream: "boards".to_owned(),
            operations: "boards".to_owned(),
            pinned: Vec::new(),
        }],
    });
    assert_eq!(loaded.unwrap().entries().len(), 1);
}
