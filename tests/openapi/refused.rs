//! What cannot become a catalogue is told, with its place and with what mends it.

use super::{import, small};
use crate::cli::text;
use crate::config::Site;

fn refused(name: &str, description: &str, more: &[&str]) -> String {
    let output = import(&Site::new(), name, description, more);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{description}: {said}");
    assert!(output.stdout.is_empty(), "{description}");
    said
}

const GOOD: &str = "  /a/{id}:\n    get: {responses: {}}\n";

#[test]
fn other_versions_and_other_files_are_refused_with_a_word() {
    let good = small(GOOD);
    let output = import(&Site::new(), "api.yaml", &good, &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for (from, to, told) in [
        ("openapi: 3.0.3", "swagger: '2.0'", "this is Swagger 2.0"),
        (
            "openapi: 3.0.3",
            "openapi: 3.2.0",
            "version of OpenAPI is not known",
        ),
        ("openapi: 3.0.3", "openapi: 3.1", "write it as text"),
        ("openapi: 3.0.3", "asyncapi: 3.0.0", "it has no `openapi`"),
        ("get:", "query:", "`query` is no method"),
        ("get: {", "get: [", "not YAML"),
        ("/a/{id}:", "/a/{id}: {}\n  /a/{id}:", "not YAML"),
        (GOOD, "  {}\n", "no requests"),
    ] {
        assert!(good.contains(from), "{from}");
        let said = refused("api.yaml", &good.replacen(from, to, 1), &[]);
        assert!(said.contains(told), "{to}: {said}");
        assert!(said.contains("api.yaml"), "{to}: {said}");
    }
}

#[test]
fn a_reference_is_followed_here_and_nowhere_else() {
    let with = |to: &str| {
        let good =
            small("  /a: {$ref: '#/components/pathItems/A'}\n  /b: {get: {responses: {}}}\n");
        let items = "components:\n  pathItems:\n    A: {get: {responses: {}}}\n    B: {$ref: '#/components/pathItems/C'}\n    C: {$ref: '#/components/pathItems/B'}\n";
        (good + items).replacen("#/components/pathItems/A", to, 1)
    };
    let good = import(
        &Site::new(),
        "api.yaml",
        &with("#/components/pathItems/A"),
        &[],
    );
    assert!(text(&good.stdout).contains("GET /a"), "{good:?}");
    for (to, told) in [
        ("https://127.0.0.1:1/a.yaml", "another file or host"),
        ("a.yaml#/x", "another file or host"),
        ("#/components/pathItems/Z", "leads nowhere"),
        ("#/components/pathItems/B", "back to itself"),
    ] {
        let said = refused("api.yaml", &with(to), &[]);
        assert!(said.contains(told), "{to}: {said}");
        assert!(said.contains("#/"), "no pointer: {said}");
        assert!(said.contains("api.yaml:"), "no line: {said}");
    }
}

#[test]
fn a_schema_that_holds_itself_is_no_trouble() {
    let tree = "components:\n  schemas:\n    Tree:\n      allOf: [{$ref: '#/components/schemas/Tree'}]\n      \
                properties: {id: {type: string}, under: {type: array, items: {$ref: '#/components/schemas/Tree'}}}\n";
    let paths = "  /trees/{id}:\n    get:\n      responses:\n        '200':\n          content:\n            \
                 application/json: {schema: {$ref: '#/components/schemas/Tree'}}\n";
    let output = import(&Site::new(), "api.yaml", &(small(paths) + tree), &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn what_stile_could_not_match_byte_by_byte_is_told_and_can_be_skipped() {
    for (path, told) in [
        ("/a/{id}.json", "part of a segment"),
        ("/a/{id}:run", "part of a segment"),
        ("/a/{id}{n}", "part of a segment"),
        ("/a?kind=x", "query in its path"),
        ("/a#part", "fragment"),
        ("/a/", "empty segments"),
        ("/a//b", "empty segments"),
        ("/a/../b", "dot segment"),
        ("/ä", "spelled in two ways"),
        ("/a%20b", "spelled in two ways"),
        ("/.well-known/x", "stile's own"),
        ("/.stile/me", "stile's own"),
    ] {
        let both = small(&format!(
            "{GOOD}  '{path}':\n    get: {{responses: {{}}}}\n"
        ));
        let said = refused("api.yaml", &both, &[]);
        assert!(said.contains(told), "{path}: {said}");
        assert!(said.contains("--skip 'GET "), "{path}: {said}");
        assert!(said.contains("api.yaml:"), "no line: {said}");
        let skip = format!("GET {path}");
        let output = import(&Site::new(), "api.yaml", &both, &["--skip", &skip]);
        let made = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{path}: {output:?}");
        assert_eq!(made.matches("- action:").count(), 1, "{path}: {made}");
        assert!(made.contains("# left out: GET "), "{path}: {made}");
    }
}

#[test]
fn two_requests_for_one_path_are_ambiguous() {
    for other in ["/a/mine", "/a/{name}", "/{x}/{y}"] {
        let both = small(&format!(
            "{GOOD}  '{other}':\n    get: {{responses: {{}}}}\n"
        ));
        let said = refused("api.yaml", &both, &[]);
        assert!(said.contains("a request can be both"), "{other}: {said}");
        let skip = format!("GET {other}");
        let output = import(&Site::new(), "api.yaml", &both, &["--skip", &skip]);
        assert_eq!(output.status.code(), Some(0), "{other}: {output:?}");
    }
    let other = small(&format!("{GOOD}  /a/mine:\n    put: {{responses: {{}}}}\n"));
    let output = import(&Site::new(), "api.yaml", &other, &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn every_fault_is_told_at_once_and_a_skip_of_nothing_is_one() {
    let paths = "  /a/: {get: {responses: {}}}\n  /b/{x}.y: {get: {responses: {}}}\n";
    let said = refused("api.yaml", &small(paths), &[]);
    assert!(said.contains("GET /b/{x}.y"), "{said}");
    let said = refused("api.yaml", &small(GOOD), &["--skip", "GET /a/{ix}"]);
    assert!(said.contains("did you mean `GET /a/{id}`"), "{said}");
}

#[test]
fn broken_json_is_told_at_its_line_and_a_key_that_is_there_twice_too() {
    let good = r#"{"openapi":"3.1.0","paths":{"/a":{"get":{"responses":{}}}}}"#;
    let output = import(&Site::new(), "api.json", good, &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = refused("api.json", &good.replace("}}}}}", "}}}}\n,}"), &[]);
    assert!(
        said.contains("not JSON") && said.contains("api.json:2"),
        "{said}"
    );
    let twice = good.replace("\"paths\":", "\"paths\":{},\"paths\":");
    let said = refused("api.json", &twice, &[]);
    assert!(said.contains("twice"), "{said}");
    for end in ["[", "{\"a\":"] {
        let said = refused("api.json", &format!("{{\"x\":{}", end.repeat(200_000)), &[]);
        assert!(said.contains("not JSON"), "{said}");
    }
}

#[test]
fn a_name_that_is_no_files_is_refused() {
    let site = Site::new();
    std::fs::write(site.path("api.yaml"), small(GOOD)).unwrap();
    for name in ["", "../x", "a b", "stile"] {
        let words = ["operations", "import", "api.yaml", "--upstream", name];
        let output = crate::cli::run(&site, &words);
        assert_eq!(output.status.code(), Some(2), "{name}: {output:?}");
    }
}
