//! What the page about queries says is so.

use stile::index::{Field, Query};

use super::{asked, query};

const PAGE: &str = include_str!("../../docs/query.md");

/// The first cells of the page's tables, as far as they are one piece of code.
fn first_cells() -> Vec<&'static str> {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split_once("` |").map(|(cell, _)| cell))
        .collect()
}

#[test]
fn every_example_is_a_query() {
    let examples: Vec<&str> = first_cells()
        .into_iter()
        .filter(|cell| cell.contains(':'))
        .collect();
    assert!(examples.len() > 20, "{examples:?}");
    for example in examples {
        let read = query(example);
        assert_eq!(query(&read.to_string()), read, "{example}");
    }
}

#[test]
fn every_command_on_the_page_asks_a_query_or_shows_its_error() {
    let commands = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("$ stile audit query '"));
    let queries: Vec<&str> = commands
        .map(|rest| rest.split('\'').next().unwrap())
        .collect();
    assert_eq!(queries.len(), 5);
    for text in queries {
        match Query::parse(text, &asked()) {
            Ok(_) => {}
            Err(error) => assert!(
                PAGE.contains(&format!(
                    "error: {error}\n   = {}",
                    error.hint.clone().unwrap()
                )),
                "{error}"
            ),
        }
    }
}

#[test]
fn the_table_of_fields_is_the_list_of_fields() {
    let mut documented: Vec<&str> = first_cells()
        .into_iter()
        .filter(|cell| !cell.contains(':'))
        .collect();
    documented.sort_unstable();
    let listed: Vec<&str> = Field::ALL.iter().map(|field| field.word()).collect();
    assert_eq!(documented, listed);
}

#[test]
fn times_on_the_page_are_as_it_says() {
    let one = query("since:2026-07-01T12:00:00Z");
    for same in [
        "since:2026-07-01T14:00:00+02:00",
        "since:2026-07-01T14:00[Europe/Berlin]",
    ] {
        assert_eq!(query(same), one);
    }
    assert_eq!(query("since:30d").to_string(), "since:2026-10-24T11:40:00Z");
    assert!(PAGE.contains("`since:30d` is `since:2026-10-24T11:40:00Z`"));
}
