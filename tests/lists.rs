//! A list shows what its reader may read one by one, and nothing of the rest.

use serde_json::{Value, json};
use stile_kit::upstream::{Answer as Said, Script};
use stile_kit::{Answer, Call, World};

use crate::support::{ask, close, ground, program, records_of};

mod held;
mod projects;

/// An API like Grafana's, of which stile's code knows nothing.
const BOARDS: &str = r#"
speaks: problem
base: /api
resources:
  Board:
    id: board
    project: org
    object: { read: boards.read, labels: /board/tags, owner: team }
operations:
  - action: boards.list
    class: read
    resource: Board
    list: { read: boards.read, items: /boards, id: /uid, labels: /tags }
    do: ["GET /orgs/{org}/boards"]
  - action: boards.read
    class: read
    resource: Board
    do: ["GET /orgs/{org}/boards/{board}"]
"#;

const RULES: &str = r#"
@id("people-list")
permit (principal is Person, action in [Action::"boards.list", Action::"projects.list",
  Action::"stream_dashboards.list"], resource);

@id("teams-read-own")
permit (principal is Person, action == Action::"boards.read", resource)
when { resource has owner && principal in resource.owner };

@id("one-is-for-all")
permit (principal is Person, action == Action::"boards.read", resource == Board::"X/public");

@id("two-stream-dashboards")
permit (principal is Person, action == Action::"stream_dashboards.read",
  resource == StreamDashboard::"X/7");
"#;

/// Both APIs; nobody reads but by these rules and the bindings.
async fn world() -> World {
    world_with("", None).await
}

/// The same with these settings of the second API, which stands at this address.
async fn world_with(more: &str, url: Option<String>) -> World {
    let ground = ground().await;
    let folder = ground.folder();
    folder
        .write("policies/operations/boards.yaml", BOARDS)
        .unwrap();
    let people = folder.path().join("policies/rules/people.cedar");
    let text = std::fs::read_to_string(&people).unwrap();
    let read = "permit (principal is Person, action in Action::\"read\", resource);";
    assert!(text.contains(read));
    let narrow = "permit (principal is Person, action == Action::\"streams.read\", resource);";
    std::fs::write(&people, text.replace(read, narrow) + RULES).unwrap();
    std::fs::remove_dir_all(folder.path().join("policies/tests")).unwrap();
    std::fs::remove_file(folder.path().join("policies/invariants.yaml")).unwrap();
    let url = url.unwrap_or_else(|| ground.upstream.url());
    let upstream = upstream(&url) + more;
    let ground = ground.with("site:\n", "limits: { drain_timeout: 1s }\nsite:\n");
    let ground = ground.with("upstreams:\n", &upstream);
    ground.serve(program()).await.unwrap()
}

fn upstream(url: &str) -> String {
    format!(
        "upstreams:\n  - name: boards\n    url: {url}\n    operations: boards\n    headers:\n      \
         - {{ name: authorization, value: \"bearer {{key}}\", key_file: secrets/lightstep.key }}\n"
    )
}

const LIST: &str = "{ \"total\": 4, \"boards\": [\n \
    {\"uid\": \"a\", \"tags\": [\"team:payments\"], \"version\": 1.50},\n \
    {\"uid\": \"b\", \"tags\": [\"team:search\"], \"title\": \"secret of search\"},\n \
    {\"uid\": \"public\", \"tags\": []} ,\n \
    {\"uid\": \"c\", \"tags\": [\"x\", \"team:payments\"]}],\n \"next\": \"/boards?page=2\" }\n";

const SEEN_BY_PAYMENTS: &str = "{ \"total\": 4, \"boards\": [\n \
    {\"uid\": \"a\", \"tags\": [\"team:payments\"], \"version\": 1.50},\n \
    {\"uid\": \"public\", \"tags\": []} ,\n \
    {\"uid\": \"c\", \"tags\": [\"x\", \"team:payments\"]}],\n \"next\": \"/boards?page=2\" }\n";

fn says(body: &str) -> Said {
    Said::status(200)
        .field("content-type", "application/json")
        .body(body)
}

fn mira(world: &World) -> String {
    world.person_token("mira@acme.example", &["lightstep-payments"])
}

fn boards(world: &World) -> Call {
    Call::new("GET", format!("{}/api/orgs/X/boards", world.stile.url()))
}

/// How many stayed and how many did not, as the record has it.
async fn counted(world: &World, answer: &Answer) -> (Value, Value) {
    for _ in 0..500 {
        let records = records_of(world, answer.field("stile-decision"));
        if let Some(outcome) = records.iter().find(|one| one.is("outcome")) {
            return (
                outcome.json["kept"].clone(),
                outcome.json["left_out"].clone(),
            );
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("no outcome of {answer:?}");
}

#[tokio::test]
async fn a_team_sees_its_own_and_every_other_byte_stays() {
    let world = world().await;
    let token = mira(&world);
    let said = says(LIST)
        .field("etag", "\"of-all-four\"")
        .field("last-modified", "Mon, 23 Nov 2026 12:00:00 GMT")
        .field("content-digest", "sha-256=:AAAA:")
        .field("accept-ranges", "bytes")
        .field("link", "</boards?page=2>; rel=\"next\"");
    world.upstream.script(Script::Say(said)).await;
    for http2 in [false, true] {
        let before = world.upstream.seen().len();
        let call = boards(&world)
            .token(&token)
            .field("accept-encoding", "gzip, br")
            .field("if-none-match", "\"of-all-four\"")
            .field("if-modified-since", "Mon, 23 Nov 2026 12:00:00 GMT")
            .field("range", "bytes=0-10");
        let answer = ask(&world, if http2 { call.http2() } else { call }).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.text(), SEEN_BY_PAYMENTS);
        assert_eq!(answer.field("link"), "</boards?page=2>; rel=\"next\"");
        for field in ["etag", "last-modified", "content-digest", "accept-ranges"] {
            assert_eq!(answer.field(field), "", "{field} is of the whole list");
        }
        assert_eq!(
            answer.field("content-length"),
            SEEN_BY_PAYMENTS.len().to_string()
        );
        assert_eq!(counted(&world, &answer).await, (json!(3), json!(1)));
        let seen = world.upstream.seen_since(before).remove(0);
        assert_eq!(seen.values("accept-encoding"), ["identity"]);
        for field in ["if-none-match", "if-modified-since", "range"] {
            assert!(seen.values(field).is_empty(), "{field}");
        }
    }
    let nobody = world.person_token("noa@acme.example", &[]);
    let answer = ask(&world, boards(&world).token(&nobody)).await;
    let seen: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(seen["boards"], json!([{"uid": "public", "tags": []}]));
    close(world, &[token, nobody]).await;
}

#[tokio::test]
async fn a_list_that_cannot_be_read_shows_nothing() {
    let world = world().await;
    let token = mira(&world);
    let long = format!(
        "{{\"boards\":[],\"x\":\"secret of search{}\"}}",
        "x".repeat(9 << 20)
    );
    let cases: Vec<(&str, Said)> = vec![
        (
            "of another shape",
            says("{\"items\":[{\"uid\":\"secret of search\"}]}"),
        ),
        ("no JSON", says("secret of search")),
        (
            "an item without an id",
            says("{\"boards\":[{\"title\":\"secret of search\"}]}"),
        ),
        (
            "twice",
            says("{\"boards\":[],\"boards\":[{\"uid\":\"secret of search\"}]}"),
        ),
        (
            "in another case",
            says("{\"boards\":[],\"Boards\":[{\"uid\":\"secret of search\"}]}"),
        ),
        (
            "escaped",
            says("{\"boards\":[],\"\\u0062oards\":[{\"uid\":\"secret of search\"}]}"),
        ),
        (
            "with a mark",
            says("\u{feff}{\"boards\":[{\"uid\":\"secret of search\"}]}"),
        ),
        (
            "encoded",
            says("{\"boards\":[]}").field("content-encoding", "gzip"),
        ),
        (
            "a part",
            Said {
                status: 206,
                ..says("{\"boards\":[]}")
            },
        ),
        ("too large", says(&long)),
        ("empty", says("")),
    ];
    for (what, said) in cases {
        world.upstream.script(Script::Say(said)).await;
        for http2 in [false, true] {
            let call = boards(&world).token(&token);
            let answer = ask(&world, if http2 { call.http2() } else { call }).await;
            assert_eq!(answer.status, 502, "{what}: {}", answer.text());
            assert!(answer.text().contains("upstream_bad_response"), "{what}");
            assert!(
                !answer.text().contains("secret"),
                "{what}: {}",
                answer.text()
            );
        }
    }
    for script in [Script::TruncatedBody, Script::MissingLastChunk] {
        world.upstream.script(script).await;
        let answer = ask(&world, boards(&world).token(&token)).await;
        assert_eq!(answer.status, 502, "{}", answer.text());
    }
    world
        .upstream
        .script(Script::Say(Said {
            status: 404,
            ..says("{\"error\":\"no such org\"}")
        }))
        .await;
    let answer = ask(&world, boards(&world).token(&token)).await;
    assert_eq!(
        (answer.status.as_u16(), answer.text().as_str()),
        (404, "{\"error\":\"no such org\"}")
    );
    close(world, &[token]).await;
}

#[tokio::test]
async fn a_list_of_which_all_may_be_read_goes_by_unread() {
    let world = world().await;
    let token = mira(&world);
    let odd = "this is no list at all";
    let said = says(odd).field("etag", "\"e\"");
    world.upstream.script(Script::Say(said)).await;
    // `streams.read` depends on nothing of a stream here, but whether one may list, on team search.
    let sam = world.person_token("sam@acme.example", &["lightstep-search"]);
    let call = world.api("GET", "X/streams").token(&sam);
    let answer = ask(&world, call.field("if-none-match", "\"e\"")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        (answer.text().as_str(), answer.field("etag")),
        (odd, "\"e\"")
    );
    assert_eq!(counted(&world, &answer).await, (Value::Null, Value::Null));
    close(world, &[token, sam]).await;
}

#[tokio::test]
async fn lightsteps_lists_show_what_may_be_read_by_name_and_by_project() {
    let world = world().await;
    let token = mira(&world);
    let list = r#"{"data":[{"id":"6","type":"dashboard"},{"id":"7"},{"id":"77"}],"links":{}}"#;
    world.upstream.script(Script::Say(says(list))).await;
    let answer = ask(&world, world.api("GET", "X/dashboards").token(&token)).await;
    assert_eq!(answer.text(), r#"{"data":[{"id":"7"}],"links":{}}"#);
    let answer = ask(&world, world.api("GET", "Y/dashboards").token(&token)).await;
    assert_eq!(answer.text(), r#"{"data":[],"links":{}}"#, "X/7 is not Y/7");

    // Team search views project X, by a binding.
    let sam = world.person_token("sam@acme.example", &["lightstep-search"]);
    let list = r#"{"data":[{"id":"W"},{"id":"X"},{"id":"Y"},{"id":"x"},{"id":"X "}]}"#;
    world.upstream.script(Script::Say(says(list))).await;
    let url = format!("{}/public/v0.2/acme/projects", world.stile.url());
    let answer = ask(&world, Call::new("GET", url).token(&sam)).await;
    assert_eq!(answer.text(), r#"{"data":[{"id":"X"}]}"#);
    assert_eq!(counted(&world, &answer).await, (json!(1), json!(4)));
    close(world, &[token, sam]).await;
}

#[tokio::test]
async fn a_declaration_that_leads_nowhere_is_told_at_its_line() {
    for (piece, other, told) in [
        (
            "read: boards.read, items",
            "read: boards.reed, items",
            "no operation is `boards.reed`",
        ),
        ("items: /boards", "items: boards", "`boards` is no place"),
        ("id: /uid", "id: /", "`/` is no place"),
        ("labels: /tags }", "labels: tags }", "`tags` is no place"),
        (
            "    object: { read: boards.read, labels: /board/tags, owner: team }\n",
            "",
            "declares no `object`",
        ),
        ("id: /uid,", "id: /uid, kind: x,", "unknown key `kind`"),
    ] {
        assert!(BOARDS.contains(piece), "{piece}");
        let ground = ground().await;
        let text = BOARDS.replacen(piece, other, 1);
        ground
            .folder()
            .write("policies/operations/boards.yaml", &text)
            .unwrap();
        let upstream = upstream("http://127.0.0.1:1");
        let ground = ground.with("upstreams:\n", &upstream);
        let fault = ground.serve(program()).await.unwrap_err().to_string();
        assert!(fault.contains(told), "{told} in {fault}");
        assert!(fault.contains("boards.yaml:"), "{fault}");
    }
}
