//! Catalogues as shipped, and what a request can be taken for.
//!
//! Valid cases come first: every operation matches its own template. Then one thing is changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use http::Method;
use stile::refusal::Reason;
use stile::resolve::{Catalogue, CatalogueSettings, CatalogueUse, Class, Entry, Speech};
use stile::setup_error::SetupError;

#[test]
fn every_request_of_the_facts_is_in_the_catalogue() {
    let catalogue = shipped();
    for (method, path, class, action) in FACTS {
        let path = match path.strip_prefix('.') {
            Some(path) => path.to_owned(),
            None => format!("/public/v0.2/acme{path}"),
        };
        let found = catalogue.find(&method.parse().unwrap(), &path);
        let found = found.unwrap_or_else(|refusal| panic!("{method} {path}: {refusal:?}"));
        assert_eq!(found.entry.action, *action, "{method} {path}");
        assert_eq!(found.entry.class, *class, "{method} {path}");
    }
}

#[test]
fn the_catalogue_has_nothing_that_the_facts_lack() {
    let actions: BTreeSet<&str> = FACTS.iter().map(|row| row.3).collect();
    let catalogue = shipped();
    for action in catalogue.actions() {
        assert!(
            actions.contains(action),
            "{action} is in no row of the facts"
        );
    }
    assert_eq!(catalogue.entries().len(), FACTS.len());
}

#[test]
fn every_operation_matches_its_own_template_with_odd_but_legal_values() {
    let catalogue = shipped();
    for entry in catalogue.entries() {
        for (sent, read) in ODD_VALUES {
            let operation = catalogue.find(&entry.method, &fill(entry, sent)).unwrap();
            assert_eq!(
                operation.entry.index, entry.index,
                "{} with {sent}",
                entry.template
            );
            for (name, value) in &operation.parameters {
                let expected = if &**name == "organization" {
                    "acme"
                } else {
                    read
                };
                assert_eq!(value, expected, "{name} of {}", entry.template);
            }
        }
    }
}

#[test]
fn an_operation_knows_its_resource_and_project() {
    let catalogue = shipped();
    let found = |method, path: &str| catalogue.find(&method, path).unwrap();

    let one = found(
        Method::GET,
        "/public/v0.2/acme/projects/shop/streams/s1/timeseries?resolution-ms=60000",
    );
    assert_eq!(one.resource.kind, "Stream");
    assert_eq!(one.resource.id.as_deref(), Some("s1"));
    assert_eq!(one.resource.project.as_deref(), Some("shop"));
    assert!(one.entry.names_one);

    let many = found(
        Method::GET,
        "/public/v0.2/acme/projects/shop/streams/s1/conditions",
    );
    assert_eq!(many.resource.kind, "Condition");
    assert_eq!(many.resource.id, None);
    assert!(!many.entry.names_one);

    let project = found(Method::GET, "/public/v0.2/acme/projects/shop");
    assert_eq!(project.resource.id.as_deref(), Some("shop"));
    assert_eq!(project.resource.project.as_deref(), Some("shop"));

    let telemetry = found(Method::POST, "/v1/traces");
    assert_eq!(telemetry.resource.kind, "Telemetry");
    assert_eq!(
        (telemetry.resource.id, telemetry.resource.project),
        (None, None)
    );
    assert_eq!(telemetry.entry.body_bytes, 20 * 1024 * 1024);
    assert_eq!(one.entry.body_bytes, 1024 * 1024);
}

#[test]
fn what_terraform_encodes_twice_is_read_as_what_it_means() {
    let catalogue = shipped();
    let project = |path: &str| {
        let path = format!("/public/v0.2/acme/projects/{path}");
        catalogue
            .find(&Method::GET, &path)
            .unwrap()
            .resource
            .project
            .unwrap()
    };
    assert_eq!(project("a%2520b/metric_dashboards/id"), "a b");
    assert_eq!(project("a%20b/metric_dashboards/id"), "a b");
    assert_eq!(project("a%2520b/inferred_service_rules/id"), "a b");
    assert_eq!(project("a%20b/streams/id"), "a b");
    assert_eq!(project("a%2520b/streams/id"), "a%20b"); // nothing there decodes twice

    for hidden in [
        "a%252fb",
        "%252e%252e",
        "a%2500",
        "a%253bb",
        "a%25252fb",
        "100%25",
    ] {
        let path = format!("/public/v0.2/acme/projects/{hidden}/metric_dashboards/id");
        let refusal = catalogue.find(&Method::GET, &path).unwrap_err();
        assert_eq!(refusal.reason(), Reason::BadTarget, "{hidden}");
    }
}

#[test]
fn no_spelling_of_a_path_reaches_an_operation_but_its_own() {
    let catalogue = shipped();
    let mut tried = 0;
    for entry in catalogue.entries() {
        let path = fill(entry, "x1");
        for spelling in spellings(&path) {
            tried += 1;
            match catalogue.find(&entry.method, &spelling) {
                Ok(found) => panic!("{spelling} was taken for {}", found.entry.template),
                Err(refusal) => assert!(
                    matches!(
                        refusal.reason(),
                        Reason::BadTarget | Reason::NoOperation | Reason::Misdirected
                    ),
                    "{spelling}: {refusal:?}"
                ),
            }
        }
    }
    assert!(tried > 5_000, "only {tried} spellings");
}

#[test]
fn no_encoding_of_a_value_hides_another_path() {
    let catalogue = shipped();
    for entry in catalogue
        .entries()
        .iter()
        .filter(|entry| entry.template.contains('{'))
    {
        for value in HIDING_VALUES {
            let path = fill(entry, value);
            if path == fill(entry, "x1") {
                continue; // the organization is its only parameter
            }
            let refusal = catalogue.find(&entry.method, &path).err();
            let refusal =
                refusal.unwrap_or_else(|| panic!("{path} was taken for {}", entry.template));
            assert!(
                matches!(refusal.reason(), Reason::BadTarget | Reason::NoOperation),
                "{path}"
            );
        }
    }
}

#[test]
fn whatever_matches_is_spelled_like_its_template() {
    let catalogue = shipped();
    let mut random = Random(0x5713_1e00);
    let mut matched = 0;
    for round in 0..20_000 {
        let entry = &catalogue.entries()[random.below(catalogue.entries().len())];
        let path = match round % 2 {
            0 => mangled(&fill(entry, "x1"), &mut random),
            _ => fill(entry, &mangled("x1", &mut random)),
        };
        let Ok(found) = catalogue.find(&entry.method, &path) else {
            continue;
        };
        matched += 1;
        let raw: Vec<&str> = path.split('/').collect();
        let template: Vec<&str> = found.entry.template.split('/').collect();
        assert_eq!(
            raw.len(),
            template.len(),
            "{path} as {}",
            found.entry.template
        );
        for (raw, part) in raw.iter().zip(&template) {
            let plain = !raw.is_empty()
                && raw
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_:.".contains(&b));
            match *part {
                "{organization}" => assert_eq!(*raw, "acme"),
                hole if hole.starts_with('{') => {
                    assert!(plain || HARMLESS.iter().any(|h| raw.contains(h)), "{path}")
                }
                literal => assert_eq!(*raw, literal, "{path}"),
            }
            for bad in HARMFUL {
                assert!(
                    !raw.to_ascii_lowercase().contains(bad),
                    "{path} passed with {bad}"
                );
            }
            assert!(part.is_empty() || raw.bytes().any(|b| b != b'.'), "{path}");
        }
    }
    assert!(
        matched > 1_000,
        "only {matched} matches: the test proves little"
    );
}

#[test]
fn siblings_that_do_not_overlap_are_told_apart() {
    let catalogue = load_text(
        "speaks: problem\nresources: { T: {} }\noperations:\n  \
         - { action: a.one, class: read, resource: T, do: [\"GET /a/{x}/b\"] }\n  \
         - { action: a.two, class: read, resource: T, do: [GET /a/c/d] }\n  \
         - { action: a.three, class: read, resource: T, do: [\"GET /{y}/c/e\"] }\n  \
         - { action: a.four, class: write, resource: T, do: [\"POST /a/{z}/d\"] }\n",
    );
    let catalogue = catalogue.unwrap();
    let action = |method, path: &str| {
        catalogue
            .find(&method, path)
            .map(|o| o.entry.action.clone())
    };
    assert_eq!(action(Method::GET, "/a/c/b").unwrap(), "a.one");
    assert_eq!(action(Method::GET, "/a/c/d").unwrap(), "a.two");
    assert_eq!(action(Method::GET, "/a/c/e").unwrap(), "a.three");
    assert_eq!(action(Method::POST, "/a/c/d").unwrap(), "a.four");
    assert_eq!(
        action(Method::GET, "/a/x/d").unwrap_err().reason(),
        Reason::NoOperation
    );
    assert_eq!(
        action(Method::GET, "/a/%63/d").unwrap_err().reason(),
        Reason::BadTarget
    );
    assert_eq!(
        action(Method::GET, "/%61/c/d").unwrap_err().reason(),
        Reason::BadTarget
    );
}

#[test]
fn a_disguised_literal_is_a_bad_target() {
    let catalogue = shipped();
    for path in [
        "/public/v0.2/acme/%70rojects",
        "/%70ublic/v0.2/acme/projects",
        "/public/v0%2e2/acme/projects",
        "/public/v0.2/ac%6De/projects",
        "/public/v0.2/acme/projects/p/metric%5fdashboards/d",
    ] {
        assert_eq!(
            catalogue.find(&Method::GET, path).unwrap_err().reason(),
            Reason::BadTarget,
            "{path}"
        );
    }
}

#[test]
fn the_schema_of_catalogues_knows_every_key_of_the_shipped_ones() {
    let schema = Catalogue::schema().to_string();
    for key in [
        "speaks",
        "base",
        "body_bytes",
        "resources",
        "operations",
        "action",
        "class",
        "do",
        "decoded_twice",
        "note",
    ] {
        assert!(schema.contains(&format!("\"{key}\"")), "{key}");
    }
    assert!(schema.contains("\"additionalProperties\":false"));
}

#[test]
fn another_method_is_another_operation_or_none() {
    let catalogue = shipped();
    let methods = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get",
        "BREW",
    ];
    for entry in catalogue.entries() {
        let path = fill(entry, "x1");
        for method in methods
            .iter()
            .filter(|method| **method != entry.method.as_str())
        {
            match catalogue.find(&Method::from_bytes(method.as_bytes()).unwrap(), &path) {
                Ok(found) => assert_eq!(found.entry.method.as_str(), *method, "{path}"),
                Err(refusal) => {
                    assert_eq!(refusal.reason(), Reason::NoOperation, "{method} {path}")
                }
            }
        }
    }
}

#[test]
fn grpc_paths_have_one_spelling() {
    let catalogue = shipped();
    let right = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    assert!(catalogue.find(&Method::POST, right).is_ok());
    for wrong in [
        "/opentelemetry.proto.collector.trace.v1.traceservice/Export",
        "/opentelemetry.proto.collector.trace.v1.TraceService/export",
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export/",
        "/opentelemetry.proto.collector.trace.v1.TraceService//Export",
        "//opentelemetry.proto.collector.trace.v1.TraceService/Export",
        "/.opentelemetry.proto.collector.trace.v1.TraceService/Export",
        "/opentelemetry/proto.collector.trace.v1.TraceService/Export",
        "opentelemetry.proto.collector.trace.v1.TraceService/Export",
    ] {
        let reason = catalogue.find(&Method::POST, wrong).unwrap_err().reason();
        assert!(
            matches!(reason, Reason::BadTarget | Reason::NoOperation),
            "{wrong}"
        );
    }
}

#[test]
fn a_query_decides_nothing() {
    let catalogue = shipped();
    for query in [
        "",
        "x=/public/",
        "method=DELETE&_method=DELETE",
        "a=../../b;c",
        "//",
        "x=%2e%2e%2f",
    ] {
        let path = format!("/public/v0.2/acme/projects?{query}");
        assert_eq!(
            catalogue.find(&Method::GET, &path).unwrap().entry.action,
            "projects.list"
        );
        let path = format!("/public/v0.2/acme/nothing?{query}");
        let reason = catalogue.find(&Method::GET, &path).unwrap_err().reason();
        assert_eq!(reason, Reason::NoOperation);
    }
}

#[test]
fn another_organization_is_misdirected() {
    let catalogue = shipped();
    let reason = |path: &str| catalogue.find(&Method::GET, path).unwrap_err().reason();
    assert_eq!(reason("/public/v0.2/other/projects"), Reason::Misdirected);
    assert_eq!(
        reason("/public/v0.2/ACME/projects/p/streams/s"),
        Reason::Misdirected
    );
    assert_eq!(reason("/public/v0.2/other/nothing"), Reason::NoOperation);
    assert_eq!(
        reason("/public/v0.2/acm/../other/projects"),
        Reason::BadTarget
    );
}

#[test]
fn one_catalogue_serves_two_organizations_by_their_pins() {
    let uses = [("a", "acme"), ("b", "beta")].map(|(upstream, organization)| CatalogueUse {
        upstream: upstream.to_owned(),
        operations: "lightstep".to_owned(),
        pinned: vec![("organization".to_owned(), organization.to_owned())],
    });
    let settings = CatalogueSettings {
        folder: folder(),
        uses: uses.to_vec(),
    };
    let catalogue = Catalogue::load(&settings).unwrap();
    for (organization, upstream) in [("acme", "a"), ("beta", "b")] {
        let path = format!("/public/v0.2/{organization}/projects/p/streams");
        assert_eq!(
            &*catalogue.find(&Method::GET, &path).unwrap().entry.upstream,
            upstream
        );
    }
    let refusal = catalogue
        .find(&Method::GET, "/public/v0.2/gamma/projects")
        .unwrap_err();
    assert_eq!(refusal.reason(), Reason::Misdirected);
}

#[test]
fn a_miss_names_the_nearest_operation_and_no_byte_of_the_request() {
    let catalogue = shipped();
    let told = |method, path: &str| catalogue.find(&method, path).unwrap_err().told().to_owned();
    let sentence = told(
        Method::GET,
        "/public/v0.2/acme/projects/p/metric_dashboard/secret-id",
    );
    assert!(
        sentence.contains(
            "`GET /public/v0.2/{organization}/projects/{project}/metric_dashboards/{dashboard}`"
        ),
        "{sentence}"
    );
    let sentence = told(
        Method::PUT,
        "/public/v0.2/acme/projects/p/streams/secret-id",
    );
    assert!(sentence.contains("streams/{stream}`"), "{sentence}");
    let sentence = told(Method::GET, "/public/v0.2/acme/projects/");
    assert!(
        sentence.contains("`GET /public/v0.2/{organization}/projects`"),
        "{sentence}"
    );
    assert_eq!(told(Method::GET, "/"), Reason::NoOperation.sentence());
    assert_eq!(
        told(Method::GET, "/favicon.ico"),
        Reason::NoOperation.sentence()
    );
    for path in [
        "/public/v0.2/acme/projects/p/streams/evil-1/x",
        "/v1/tracez",
        "/evil-1/v0.2/acme/test",
    ] {
        assert!(!told(Method::GET, path).contains("evil-1"), "{path}");
    }
}

#[test]
fn refusals_of_telemetry_are_spelled_for_telemetry() {
    let catalogue = shipped();
    for path in [
        "/v1/traces",
        "/v1/traces/",
        "/v1/nothing",
        "/traces/otlp/v9",
        "/api/v2/otel/trace",
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    ] {
        assert_eq!(catalogue.speech_of(path), Speech::Otlp, "{path}");
    }
    for path in [
        "",
        "/",
        "//v1/traces",
        "/public/v0.2/acme/projects",
        "/public/v0.2/other",
        "/nothing",
    ] {
        assert_eq!(catalogue.speech_of(path), Speech::Problem, "{path}");
    }
}

#[test]
fn entries_stand_at_their_own_index() {
    let catalogue = shipped();
    for (at, entry) in catalogue.entries().iter().enumerate() {
        assert_eq!(entry.index, at);
        let named = catalogue.action(&entry.action).unwrap();
        assert_eq!(
            (named.class, &named.resource_type),
            (entry.class, &entry.resource_type)
        );
    }
    assert!(catalogue.action("dashboards").is_none());
}

#[test]
fn a_fault_in_a_catalogue_is_told_with_its_place_and_a_hint() {
    for (text, line, fault, hint) in FAULTS {
        let errors = load_text(text).expect_err(text);
        let error = errors.iter().find(|e| e.fault.contains(fault));
        let error = error.unwrap_or_else(|| panic!("{text}\n{errors:#?}"));
        assert_eq!(error.line, Some(*line), "{error}\n{text}");
        assert!(error.column.is_some());
        assert!(error.file.as_ref().unwrap().ends_with("mini.yaml"));
        assert!(
            error.hint.as_deref().unwrap_or_default().contains(hint),
            "{error}"
        );
        assert!(!error.fault.ends_with('.'), "{error}");
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let errors = load_text(
        "speaks: problem\nresources: { T: {} }\noperations:\n  \
         - { action: a, class: read, resource: T, do: [GET /a] }\n  \
         - { action: b.c, class: read, resource: U, do: [GET /b] }\n  \
         - { action: d.e, class: read, resource: T, do: [GET /a, GET c] }\n",
    );
    assert_eq!(errors.unwrap_err().len(), 4);
}

#[test]
fn the_smallest_catalogue_loads() {
    let catalogue = load_text(
        "speaks: otlp\nresources: { T: {} }\noperations:\n  \
         - { action: a.b, class: read, resource: T, do: [GET /a, GET /a/b, POST /a] }\n",
    );
    assert_eq!(catalogue.unwrap().entries().len(), 3);
}

#[test]
fn what_the_settings_name_must_be_there() {
    let load = |operations: &str, pin: &str| {
        let pinned = vec![(pin.to_owned(), "acme".to_owned())];
        let used = CatalogueUse {
            upstream: "u".to_owned(),
            operations: operations.to_owned(),
            pinned,
        };
        Catalogue::load(&CatalogueSettings {
            folder: folder(),
            uses: vec![used],
        })
    };
    assert!(load("lightstep", "organization").is_ok());
    for (operations, pin, hint) in [
        ("lightstep", "organisation", "did you mean `organization`?"),
        ("ligthstep", "organization", "did you mean `lightstep`?"),
        ("../operations/lightstep", "organization", "without `.yaml`"),
        ("", "organization", "without `.yaml`"),
    ] {
        let errors = load(operations, pin).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:#?}");
        assert!(
            errors[0].hint.as_deref().unwrap().contains(hint),
            "{}",
            errors[0]
        );
    }
}

fn shipped() -> Catalogue {
    let used = |upstream: &str, pinned| CatalogueUse {
        upstream: upstream.to_owned(),
        operations: upstream.to_owned(),
        pinned,
    };
    let acme = vec![("organization".to_owned(), "acme".to_owned())];
    let uses = vec![used("lightstep", acme), used("otlp", vec![])];
    Catalogue::load(&CatalogueSettings {
        folder: folder(),
        uses,
    })
    .unwrap()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/operations")
}

fn load_text(text: &str) -> Result<Catalogue, Vec<SetupError>> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mini.yaml"), text).unwrap();
    let used = CatalogueUse {
        upstream: "u".to_owned(),
        operations: "mini".to_owned(),
        pinned: vec![],
    };
    Catalogue::load(&CatalogueSettings {
        folder: folder.path().to_owned(),
        uses: vec![used],
    })
}

/// The entry's path with one value in every hole but the pinned one.
fn fill(entry: &Entry, value: &str) -> String {
    let segments = entry.template.split('/').map(|segment| match segment {
        "{organization}" => "acme",
        hole if hole.starts_with('{') => value,
        literal => literal,
    });
    segments.collect::<Vec<_>>().join("/")
}

/// Every trick on every segment of a path: none of these is the path.
fn spellings(path: &str) -> Vec<String> {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let mut all = vec![
        format!("{path}/"),
        format!("{path}//"),
        format!("/{path}"),
        path[1..].to_owned(),
    ];
    for end in [
        "/.",
        "/..",
        "/x/..",
        "/%2e",
        ";",
        ";x=y",
        "%00",
        "#",
        "#/x",
        "%23",
        "%3f",
        "/x1/x1/x1",
    ] {
        all.push(format!("{path}{end}"));
    }
    for (at, segment) in segments.iter().enumerate() {
        let mut with = |replacement: String| {
            let mut changed: Vec<&str> = segments.clone();
            changed[at] = &replacement;
            all.push(format!("/{}", changed.join("/")));
        };
        for inserted in [
            "",
            ".",
            "..",
            "x/..",
            "%2e",
            "%2e%2e",
            ".%2E",
            "%252e%252e",
            "..;",
            ";",
            "%2f",
            "%5c",
            "\\",
        ] {
            with(format!("{inserted}/{segment}"));
        }
        for joint in ["%2f", "%2F", "%5c", "\\", "%252f", "%c0%af", ";/", "%3b/"] {
            with(format!("{segment}{joint}"));
            with(format!("{joint}{segment}"));
        }
        if *segment != "x1" {
            let first = segment.chars().next().unwrap();
            with(format!("%{:02x}{}", first as u32, &segment[1..]));
            with(format!("%25{:02x}{}", first as u32, &segment[1..]));
            with(swap_case(segment));
            with(format!("{segment}%20"));
            with(format!("%20{segment}"));
            with(format!("{segment}%00"));
            with(segment[1..].to_owned());
        }
    }
    all.into_iter()
        .filter(|spelling| spelling != path)
        .collect()
}

/// One to three tricks at random places.
fn mangled(path: &str, random: &mut Random) -> String {
    let mut path = path.to_owned();
    for _ in 0..=random.below(3) {
        let at = random.below(path.len() + 1);
        match random.below(3) {
            0 => path.insert_str(at, TRICKS[random.below(TRICKS.len())]),
            1 if at < path.len() => {
                let byte = path.as_bytes()[at];
                path.replace_range(at..=at, &format!("%{byte:02x}"));
            }
            _ if at < path.len() => path.replace_range(at..=at, TRICKS[random.below(TRICKS.len())]),
            _ => path.push_str(TRICKS[random.below(TRICKS.len())]),
        }
    }
    path
}

/// Marsaglia's xorshift: the same cases in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

fn swap_case(text: &str) -> String {
    let swap = |c: char| {
        if c.is_ascii_lowercase() {
            c.to_ascii_uppercase()
        } else {
            c.to_ascii_lowercase()
        }
    };
    text.chars().map(swap).collect()
}

/// As sent, and as read on paths that decode once or twice alike.
const ODD_VALUES: &[(&str, &str)] = &[
    ("x1", "x1"),
    ("a%20b", "a b"),
    ("a+b", "a+b"),
    ("%C3%A9%E2%82%AC", "é€"),
    ("a:b@c", "a:b@c"),
    ("a..b", "a..b"),
    ("..a", "..a"),
    ("-", "-"),
    ("%7Ex", "~x"),
    ("$&'()*,=!", "$&'()*,=!"),
    ("%22%3C%3E", "\"<>"),
    ("null", "null"),
];

const TRICKS: &[&str] = &[
    "/", "//", ".", "..", "/.", "/..", "/../", "%2e", "%2E", "%252e", "%2f", "%2F", "%252f", "%5c",
    "\\", ";", "..;", "%3b", "%00", "%0a", "%7f", "%c0%af", "%25", "%", "%2", "a", "%61", "%2561",
    "x1", "-", "_", ":", "%20", "%2520", "#", "%23", "projects", "A",
];

/// What a parameter may hold besides plain letters.
const HARMLESS: &[&str] = &["%", "."];

/// What no segment of a match may hold, decoded once or twice.
const HARMFUL: &[&str] = &[
    "%2f", "%252f", "%5c", "\\", ";", "%3b", "%253b", "%00", "%0a", "%7f", "%c0", "#", "%23",
    "%2523", "//",
];

const HIDING_VALUES: &[&str] = &[
    ".",
    "..",
    "%2e",
    "%2E%2e",
    ".%2e",
    "%252e",
    "%252e%252e",
    "%25252e",
    "x%2fy",
    "x%2Fy",
    "x%5cy",
    "x%252fy",
    "x%255cy",
    "x%25252fy",
    "..%2f",
    "..%5c..",
    "..;",
    ".;x",
    "x;y",
    "x%3by",
    "x%253b",
    "x%23",
    "x%3f",
    "x%253f",
    "%00",
    "x%00",
    "x%0d%0a",
    "x%7f",
    "x%c2%80",
    "x%2500",
    "%c0%ae",
    "%c0%af",
    "%e0%80%af",
    "%ff",
    "%ed%a0%80",
    "%",
    "x%",
    "x%2",
    "x%zz",
    "x%u002e",
    "\\",
    "x\\y",
    "x y",
    "x\ty",
    "é",
    "x|y",
    "{x}",
    "x/y/z/../w",
    "",
    "x1/",
];

/// `facts.md` 1.3 and 2, written down a second time. A path with a leading dot is not under
/// `/public/v0.2/acme`.
#[rustfmt::skip]
const FACTS: &[(&str, &str, Class, &str)] = {
    use Class::{Delete, Power, Read, Write};
    &[
        ("GET", "/test", Read, "api_test.read"),
        ("POST", "/test", Write, "api_test.write"),
        ("GET", "/projects", Read, "projects.list"),
        ("GET", "/projects/p", Read, "projects.read"),
        ("POST", "/projects", Power, "projects.create"),
        ("DELETE", "/projects/p", Power, "projects.delete"),
        ("GET", "/projects/p/access_tokens", Power, "access_tokens.list"),
        ("POST", "/projects/p/access_tokens", Power, "access_tokens.create"),
        ("GET", "/projects/p/directory/services?limit=1&offset=2", Read, "services.list"),
        ("GET", "/projects/p/reporting-status", Read, "reporting_status.read"),
        ("GET", "/projects/p/streams", Read, "streams.list"),
        ("POST", "/projects/p/streams", Write, "streams.create"),
        ("GET", "/projects/p/streams/i", Read, "streams.read"),
        ("PATCH", "/projects/p/streams/i", Write, "streams.update"),
        ("DELETE", "/projects/p/streams/i", Delete, "streams.delete"),
        ("GET", "/projects/p/streams/i/conditions", Read, "conditions.list"),
        ("GET", "/projects/p/streams/i/timeseries?resolution-ms=60000", Read, "streams.timeseries"),
        ("GET", "/projects/p/stored-traces?span-id=1", Read, "stored_traces.read"),
        ("GET", "/projects/p/snapshots", Read, "snapshots.list"),
        ("POST", "/projects/p/snapshots", Write, "snapshots.create"),
        ("GET", "/projects/p/snapshots/i?include-percentiles=1", Read, "snapshots.read"),
        ("GET", "/projects/p/snapshots/i/service-diagram", Read, "snapshots.read"),
        ("POST", "/projects/p/dependency_map", Read, "dependency_map.read"),
        ("POST", "/projects/p/telemetry/query_timeseries", Read, "telemetry.query"),
        ("POST", "/projects/p/telemetry/attributes", Read, "telemetry.attributes"),
        ("POST", "/projects/p/query_translation", Read, "queries.translate"),
        ("GET", "/projects/p/dashboards", Read, "stream_dashboards.list"),
        ("POST", "/projects/p/dashboards", Write, "stream_dashboards.create"),
        ("GET", "/projects/p/dashboards/i", Read, "stream_dashboards.read"),
        ("PATCH", "/projects/p/dashboards/i", Write, "stream_dashboards.update"),
        ("DELETE", "/projects/p/dashboards/i", Delete, "stream_dashboards.delete"),
        ("DELETE", "/projects/p/dashboard/i", Delete, "stream_dashboards.delete"),
        ("POST", "/projects/p/metric_dashboards", Write, "dashboards.create"),
        ("GET", "/projects/p/metric_dashboards/i", Read, "dashboards.read"),
        ("PUT", "/projects/p/metric_dashboards/i", Write, "dashboards.update"),
        ("DELETE", "/projects/p/metric_dashboards/i", Delete, "dashboards.delete"),
        ("POST", "/projects/p/metric_alerts", Write, "alerts.create"),
        ("GET", "/projects/p/metric_alerts/i", Read, "alerts.read"),
        ("PUT", "/projects/p/metric_alerts/i", Write, "alerts.update"),
        ("DELETE", "/projects/p/metric_alerts/i", Delete, "alerts.delete"),
        ("GET", "/projects/p/conditions", Read, "conditions.list"),
        ("POST", "/projects/p/conditions", Write, "conditions.create"),
        ("GET", "/projects/p/conditions/i", Read, "conditions.read"),
        ("PATCH", "/projects/p/conditions/i", Write, "conditions.update"),
        ("DELETE", "/projects/p/conditions/i", Delete, "conditions.delete"),
        ("GET", "/projects/p/conditions/i/status", Read, "conditions.status"),
        ("POST", "/projects/p/alerting_rules", Write, "alerting_rules.create"),
        ("GET", "/projects/p/alerting_rules/i", Read, "alerting_rules.read"),
        ("DELETE", "/projects/p/alerting_rules/i", Delete, "alerting_rules.delete"),
        ("GET", "/projects/p/destinations", Power, "destinations.list"), // may carry keys
        ("POST", "/projects/p/destinations", Write, "destinations.create"),
        ("GET", "/projects/p/destinations/i", Power, "destinations.read"), // may carry keys
        ("DELETE", "/projects/p/destinations/i", Delete, "destinations.delete"),
        ("POST", "/projects/p/event_queries", Write, "event_queries.create"),
        ("GET", "/projects/p/event_queries/i", Read, "event_queries.read"),
        ("PUT", "/projects/p/event_queries/i", Write, "event_queries.update"),
        ("DELETE", "/projects/p/event_queries/i", Delete, "event_queries.delete"),
        ("POST", "/projects/p/inferred_service_rules", Write, "inferred_service_rules.create"),
        ("GET", "/projects/p/inferred_service_rules/i", Read, "inferred_service_rules.read"),
        ("PUT", "/projects/p/inferred_service_rules/i", Write, "inferred_service_rules.update"),
        ("DELETE", "/projects/p/inferred_service_rules/i", Delete, "inferred_service_rules.delete"),
        ("POST", "/projects/p/snooze_rules", Write, "snooze_rules.create"),
        ("GET", "/projects/p/snooze_rules/i", Read, "snooze_rules.read"),
        ("PUT", "/projects/p/snooze_rules/i", Write, "snooze_rules.update"),
        ("DELETE", "/projects/p/snooze_rules/i", Delete, "snooze_rules.delete"),
        ("POST", "/projects/p/snooze_rules_validate", Read, "snooze_rules.validate"),
        ("GET", "/projects/p/wf_links", Read, "workflow_links.list"),
        ("POST", "/projects/p/wf_links", Write, "workflow_links.create"),
        ("GET", "/projects/p/wf_links/i", Read, "workflow_links.read"),
        ("PATCH", "/projects/p/wf_links/i", Write, "workflow_links.update"),
        ("DELETE", "/projects/p/wf_links/i", Delete, "workflow_links.delete"),
        ("POST", "/projects/p/notebooks", Write, "notebooks.create"),
        ("GET", "/role-binding?role-name=Project+Editor&project=p", Power, "role_bindings.read"),
        ("POST", "/role-binding", Power, "role_bindings.update"),
        ("GET", "/saml-group-mappings", Power, "saml_mappings.read"),
        ("POST", "/saml-group-mappings", Power, "saml_mappings.update"),
        ("POST", "/Users", Power, "scim.users.create"),
        ("GET", "/Users", Power, "scim.users.list"),
        ("GET", "/Users/i", Power, "scim.users.read"),
        ("PUT", "/Users/i", Power, "scim.users.update"),
        ("PATCH", "/Users/i", Power, "scim.users.update"),
        ("DELETE", "/Users/i", Power, "scim.users.delete"),
        ("POST", "./v1/traces", Write, "traces.write"),
        ("POST", "./traces/otlp/v0.9", Write, "traces.write"),
        ("POST", "./traces/otlp/v0.6", Write, "traces.write"),
        ("POST", "./api/v2/otel/trace", Write, "traces.write"),
        ("POST", "./opentelemetry.proto.collector.trace.v1.TraceService/Export", Write, "traces.write"),
        ("POST", "./v1/metrics", Write, "metrics.write"),
        ("POST", "./metrics/otlp/v0.9", Write, "metrics.write"),
        ("POST", "./traces/otlp/v0.5", Write, "metrics.write"),
        ("POST", "./opentelemetry.proto.collector.metrics.v1.MetricsService/Export", Write, "metrics.write"),
        ("POST", "./v1/logs", Write, "logs.write"),
        ("POST", "./opentelemetry.proto.collector.logs.v1.LogsService/Export", Write, "logs.write"),
    ]
};

/// A catalogue, the line with the fault, a part of the fault, a part of the hint.
const FAULTS: &[(&str, usize, &str, &str)] = &[
    (
        "speaks: problem\nresuorces: {}\noperations: []\n",
        2,
        "unknown key `resuorces`",
        "`resources`",
    ),
    (
        "speaks: problems\nresources: {}\noperations: []\n",
        1,
        "unknown word `problems`",
        "`problem`",
    ),
    (
        "speaks: problem\nresources: {}\nspeaks: otlp\noperations: []\n",
        3,
        "`speaks` is written twice",
        "",
    ),
    (
        "speaks: problem\nresources: {}\n",
        2,
        "the key `operations` is missing",
        "",
    ),
    (
        "speaks: problem\nresources: {}\noperations: {}\n",
        3,
        "this is not a catalogue",
        "",
    ),
    (
        "speaks: problem\nresources: &a {}\noperations: []\n",
        2,
        "this is not a catalogue",
        "",
    ),
    (
        "speaks: problem\nresources: { dashboard: {} }\noperations: []\n",
        2,
        "no name for a resource type",
        "capital",
    ),
    (
        "speaks: problem\nresources: { T: { ids: x } }\noperations: []\n",
        2,
        "unknown key `ids`",
        "did you mean `id`?",
    ),
    (
        "speaks: problem\nresources: { T: {} }\noperations:\n  - { action: a.b, class: red, resource: T, do: [GET /a] }\n",
        4,
        "unknown word `red`",
        "`read`",
    ),
    (
        "speaks: problem\nresources: { T: {} }\noperations:\n  - { action: A.b, class: read, resource: T, do: [GET /a] }\n",
        4,
        "no name for an action",
        "lower-case",
    ),
    (
        "speaks: problem\nresources: { Stream: {} }\noperations:\n  - { action: a.b, class: read, resource: Steam, do: [GET /a] }\n",
        4,
        "`Steam` is not declared",
        "did you mean `Stream`?",
    ),
    (
        "speaks: problem\nresources: { T: {} }\noperations:\n  - { action: a.b, class: read, resource: T, do: [] }\n",
        4,
        "no request under `do`",
        "",
    ),
    (
        "speaks: problem\nresources: { T: {} }\noperations:\n  - { action: a.b, class: read, resource: T, do: [get /a] }\n",
        4,
        "unknown method `get`",
        "capitals",
    ),
    (
        "speaks: problem\nresources: { T: {} }\noperations:\n  - { action: a.b, class: read, resource: T, do: [/a] }\n",
        4,
        "not a method and a path",
        "GET /projects",
    ),
    (
        "speaks: problem\nresources: { T: {} }\noperations:\n  - { action: a.b, class: read, resource: T, do: [\"GET /{x}/{x}\"] }\n",
        4,
        "`x` is in the path `/{x}/{x}` twice",
        "name of its own",
    ),
    (
        "speaks: problem\nresources: { T: {} }\noperations:\n  - { action: a.b, class: read, resource: T, do: [\"GET /%61\"] }\n",
        4,
        "can be spelled in two ways",
        "parameter",
    ),
    (
        "speaks: problem\nresources: { T: {} }\noperations:\n  - action: a.b\n    class: read\n    resource: T\n    do: [\"GET /{project}\"]\n    decoded_twice: [projct]\n",
        8,
        "has no parameter `projct`",
        "did you mean `project`?",
    ),
    (
        "speaks: problem\nresources: { T: {} }\noperations:\n  - { action: a.b, class: read, resource: T, do: [\"GET /x/{a}\"] }\n  - { action: a.c, class: read, resource: T, do: [\"GET /{b}/y\"] }\n",
        5,
        "a request can match both",
        "line 4",
    ),
    (
        "speaks: problem\nresources: { T: {} }\noperations:\n  - { action: a.b, class: read, resource: T, do: [GET /a] }\n  - { action: a.b, class: write, resource: T, do: [POST /a] }\n",
        5,
        "the action `a.b` is `write` here and `read` before",
        "one class",
    ),
    (
        "speaks: problem\nresources: { T: {}, U: {} }\noperations:\n  - { action: a.b, class: read, resource: T, do: [GET /a] }\n  - { action: a.b, class: read, resource: U, do: [POST /a] }\n",
        5,
        "is done to `U` here and to `T` before",
        "one resource type",
    ),
];
