//! What is told from a description, and what is left to a reader.

use std::fs;

use super::{boards, catalogue, entry, import, small};
use crate::cli::{run, text};
use crate::config::Site;

#[test]
fn a_description_becomes_a_catalogue_that_passes_the_check() {
    let site = Site::new();
    let file = boards().display().to_string();
    let out = "policies/operations/boards.yaml";
    let words = ["operations", "import", &file, "--upstream", "boards"];
    let words = [&words[..], &["--prefix", "grafana", "--out", out]].concat();
    let output = run(&site, &words);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(!said.contains("warning"), "{said}");
    assert!(output.stdout.is_empty());
    let settings = fs::read_to_string(site.file()).unwrap();
    let upstream = "upstreams:\n  - name: boards\n    url: https://boards.example.com\n    \
                    operations: boards\n    headers:\n      \
                    - { name: authorization, value: \"Bearer {key}\", key_file: secrets/lightstep.key }\n";
    fs::write(site.file(), settings.replacen("upstreams:\n", upstream, 1)).unwrap();
    let output = run(&site, &["check"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let path = "/apis/dashboard.grafana.app/v1beta1/namespaces/X/dashboards/d1";
    let output = run(&site, &["operations", "match", "PUT", path]);
    let told = text(&output.stdout);
    assert!(told.contains("grafana_dashboards.update"), "{told}");
}

#[test]
fn the_same_description_gives_the_same_bytes_in_json_and_in_any_order() {
    let site = Site::new();
    let yaml = fs::read_to_string(boards()).unwrap();
    let first = import(&site, "boards.yaml", &yaml, &[]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    let again = import(&site, "boards.yaml", &yaml, &[]);
    assert_eq!(first.stdout, again.stdout);
    let mut tree: serde_json::Value = serde_saphyr::from_str(&yaml).unwrap();
    let json = import(&site, "boards.json", &tree.to_string(), &[]);
    let of_yaml = text(&first.stdout).replace("boards.yaml", "boards.json");
    assert_eq!(text(&json.stdout), of_yaml);
    let paths = tree["paths"].as_object().unwrap().clone();
    let turned: Vec<String> = paths
        .iter()
        .rev()
        .map(|(path, item)| format!("{}:{item}", serde_json::json!(path)))
        .collect();
    tree["paths"] = serde_json::json!("HERE");
    let turned = format!("{{{}}}", turned.join(","));
    let turned = tree.to_string().replace("\"HERE\"", &turned);
    let turned = import(&site, "boards.json", &turned, &[]);
    assert_eq!(text(&turned.stdout), of_yaml);
}

#[test]
fn what_cannot_be_told_is_power() {
    let paths = [
        ("get", "/things", "read"),
        ("post", "/things", "write"),
        ("get", "/things/{id}", "read"),
        ("put", "/things/{id}", "write"),
        ("patch", "/things/{id}", "write"),
        ("delete", "/things/{id}", "delete"),
        ("post", "/things/{id}", "power"),
        ("post", "/things/{id}/copy", "power"),
        ("post", "/query", "power"),
        ("put", "/settings", "power"),
        ("get", "/things/{id}/restart", "power"),
        ("get", "/tokens", "power"),
        ("get", "/apiKeys/{id}", "power"),
        ("get", "/users/{id}", "read"),
        ("delete", "/users/{id}", "power"),
        ("put", "/things/{id}/permissions", "power"),
        ("put", "/things/{id}/labels/{key}", "power"),
        ("get", "/things/{id}/labels/{key}", "read"),
        ("post", "/projects", "power"),
        ("get", "/projects/{id}", "read"),
        ("get", "/auth/whoami", "power"),
    ];
    let mut lines: std::collections::BTreeMap<&str, String> = Default::default();
    for (method, path, _) in paths {
        let said = format!("    {method}: {{responses: {{}}}}\n");
        lines.entry(path).or_default().push_str(&said);
    }
    let lines = lines
        .iter()
        .map(|(path, said)| format!("  {path}:\n{said}"));
    let made = catalogue(&small(&lines.collect::<String>()));
    let renamed = [
        ("/things/{id}", "/things/{thing}"),
        ("/labels/{key}", "/labels/{label}"),
        ("/apiKeys/{id}", "/apiKeys/{api_key}"),
        ("/users/{id}", "/users/{user}"),
        ("/projects/{id}", "/projects/{project}"),
    ];
    for (method, path, class) in paths {
        let mut template = path.to_owned();
        for (from, to) in renamed {
            template = template.replace(from, to);
        }
        let entry = entry(&made, &format!("{} {template}", method.to_uppercase()));
        assert!(entry.contains(&format!("class: {class}\n")), "{entry}");
        let reviewed = entry.contains("# review: ");
        assert!(class != "power" || reviewed, "{entry}");
    }
}

#[test]
fn an_answer_with_a_secret_is_power_wherever_it_hides() {
    let shown = |schema: &str| {
        small(&format!(
            "  /things/{{id}}:\n    get:\n      responses:\n        '200':\n          content:\n            \
             application/json: {{schema: {schema}}}\n"
        ))
    };
    let class = |schema: &str| {
        let made = catalogue(&shown(schema));
        let entry = entry(&made, "GET /things/{thing}").to_owned();
        entry.contains("class: power")
    };
    assert!(!class("{type: object, properties: {name: {type: string}}}"));
    for schema in [
        "{properties: {clientSecret: {type: string}}}",
        "{properties: {a: {items: {properties: {api_key: {}}}}}}",
        "{allOf: [{properties: {accessToken: {type: [string, 'null']}}}]}",
        "{oneOf: [{properties: {a: {}}}, {properties: {password: {type: string}}}]}",
        "{additionalProperties: {properties: {privateKey: {type: string}}}}",
    ] {
        assert!(class(schema), "{schema}");
    }
    for schema in [
        "{properties: {nextPageToken: {type: string}}}",
        "{properties: {hasPassword: {type: boolean}}}",
        "{properties: {password: {type: string, writeOnly: true}}}",
    ] {
        assert!(!class(schema), "{schema}");
    }
}

/// A type whose answer has labels, and a request that changes it with this body.
fn with_body(method: &str, media: &str, body: &str) -> String {
    small(&format!(
        "  /things/{{id}}:\n    get:\n      responses:\n        '200':\n          content:\n            \
         application/json: {{schema: {{properties: {{id: {{type: string}}, labels: {LABELS}}}}}}}\n    \
         {method}:\n      requestBody: {{content: {{{media}: {{schema: {body}}}}}}}\n      responses: {{}}\n"
    ))
}

const LABELS: &str = "{type: object, additionalProperties: {type: string}}";

#[test]
fn a_body_is_judged_only_where_it_shows_the_labels_of_its_object() {
    let good = format!("{{properties: {{labels: {LABELS}}}}}");
    for (method, means) in [("put", "whole"), ("patch", "changes")] {
        let made = catalogue(&with_body(method, "application/json", &good));
        let request = format!("{} /things/{{thing}}", method.to_uppercase());
        let entry = entry(&made, &request);
        assert!(entry.contains("class: write"), "{entry}");
        assert!(entry.contains(&format!("body: {means}\n")), "{entry}");
    }
    let two =
        format!("{{properties: {{labels: {LABELS}, meta: {{properties: {{labels: {LABELS}}}}}}}}}");
    for (media, body) in [
        ("application/json", "{properties: {title: {type: string}}}"),
        (
            "application/json",
            &format!("{{properties: {{meta: {good}}}}}"),
        ),
        ("application/json", &two),
        ("application/json-patch+json", "{type: array}"),
        ("application/yaml", &good),
    ] {
        for method in ["put", "patch"] {
            let made = catalogue(&with_body(method, media, body));
            let request = format!("{} /things/{{thing}}", method.to_uppercase());
            let entry = entry(&made, &request);
            assert!(entry.contains("class: power"), "{media} {body}: {entry}");
            assert!(!entry.contains("body:"), "{media} {body}: {entry}");
            assert!(entry.contains("# review: its body"), "{entry}");
        }
    }
}

#[test]
fn one_thing_has_one_name_on_all_its_paths() {
    let made = catalogue(&small(
        "  /a/things/{thingId}: {get: {responses: {}}}\n  \
         /a/things/{UID}/parts/{n}: {get: {responses: {}}}\n  \
         /b/things/{id}: {get: {responses: {}}}\n  \
         /things/uid/{uid}: {get: {responses: {}}}\n",
    ));
    for (request, action) in [
        ("GET /a/things/{thing}", "things.read"),
        ("GET /a/things/{thing}/parts/{part}", "thing_parts.read"),
        ("GET /b/things/{thing}", "things.read_b"),
        ("GET /things/uid/{uid}", "things.read_by_uid"),
    ] {
        let entry = entry(&made, request);
        assert!(entry.contains(&format!("action: {action}\n")), "{entry}");
    }
    assert!(made.contains("  Thing: { id: thing }\n"), "{made}");
}

#[test]
fn text_of_a_stranger_ends_no_line_and_no_quotation() {
    let summary = r#""a\nb\" }\n  - action: x.y\n# \u202e \u2028 \\""#;
    let paths = format!("  /a: {{get: {{summary: {summary}, responses: {{}}}}}}\n");
    let made = catalogue(&small(&paths));
    assert_eq!(made.matches("- action:").count(), 2, "{made}");
    assert_eq!(made.matches("\n  - action:").count(), 1, "{made}");
    assert!(!made.contains(['\u{202e}', '\u{2028}']), "{made}");
}

#[test]
fn the_base_is_what_the_servers_agree_on_or_what_was_said() {
    let with = |servers: &str, more: &[&str]| {
        let text = small("  /a: {get: {responses: {}}}\n")
            .replace("paths:", &format!("servers: {servers}\npaths:"));
        import(&Site::new(), "api.yaml", &text, more)
    };
    let api = "[{url: 'https://a.example/api/'}, {url: '/{v}', variables: {v: {default: api}}}]";
    let output = with(api, &[]);
    assert!(
        text(&output.stdout).contains("base: \"/api\"\n"),
        "{output:?}"
    );
    for other in [
        "[{url: 'https://a.example/v1'}, {url: 'https://a.example/v2'}]",
        "[{url: 'v1'}]",
        "[{url: 'https://a.example/{v}'}]",
    ] {
        let output = with(other, &[]);
        assert_eq!(output.status.code(), Some(2), "{other}");
        assert!(text(&output.stderr).contains("--base"), "{output:?}");
        let output = with(other, &["--base", "/v3"]);
        assert!(
            text(&output.stdout).contains("base: \"/v3\"\n"),
            "{output:?}"
        );
    }
}

#[test]
fn a_catalogue_that_is_there_is_not_written_over_unless_asked() {
    let site = Site::new();
    let text_of = small("  /a: {get: {responses: {}}}\n");
    fs::write(site.path("mine.yaml"), "reviewed\n").unwrap();
    let output = import(&site, "api.yaml", &text_of, &["--out", "mine.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--force"), "{output:?}");
    assert_eq!(
        fs::read_to_string(site.path("mine.yaml")).unwrap(),
        "reviewed\n"
    );
    let output = import(
        &site,
        "api.yaml",
        &text_of,
        &["--out", "mine.yaml", "--force"],
    );
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        fs::read_to_string(site.path("mine.yaml"))
            .unwrap()
            .contains("a.read")
    );
}

#[test]
fn an_action_that_another_catalogue_has_is_told() {
    let site = Site::new();
    let text_of = small("  /dashboards/{id}: {get: {responses: {}}}\n");
    let out = ["--out", "policies/operations/api.yaml"];
    let output = import(&site, "api.yaml", &text_of, &out);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("`lightstep` has the action `dashboards.read`, too"),
        "{said}"
    );
    let more = [&out[..], &["--force", "--prefix", "api"]].concat();
    let output = import(&site, "api.yaml", &text_of, &more);
    assert!(!text(&output.stderr).contains("warning"), "{output:?}");
}
