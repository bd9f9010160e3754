//! An API of which stile's code knows nothing is imported, reviewed and served: a team sees and edits
//! what is its own.

use serde_json::{Value, json};
use stile_kit::{Answer, Call, World};

use super::boards;
use crate::cli::text;
use crate::support::{ask, close, ground, program, records_of};

/// What a person changed in the catalogue after reading its `# review:` lines: owners have another
/// label at alert rules, search shows dashboards, the rest of data sources stays `power`.
const REVIEW: &[(&str, &str)] = &[
    (
        "      read: grafana_alert_rules.read\n      labels: \"/labels\"\n      owner: \"team\"\n",
        "      read: grafana_alert_rules.read\n      labels: \"/labels\"\n      owner: squad\n",
    ),
    (
        "  - action: grafana_search.read\n    class: read\n    resource: GrafanaSearch\n",
        "  - action: grafana_dashboards.search\n    class: read\n    resource: GrafanaDashboard\n    \
         list: { read: grafana_dashboards.read, items: \"\", id: /uid }\n",
    ),
    ("  GrafanaSearch: {}\n", ""),
];

const RULES: &str = r#"
@id("people-list-boards")
permit (principal is Person, action in [Action::"grafana_dashboards.list",
  Action::"grafana_dashboards.search", Action::"grafana_alert_rules.list"], resource);

@id("teams-their-boards")
permit (principal is Person, action in [Action::"grafana_dashboards.read",
  Action::"grafana_dashboards.create", Action::"grafana_dashboards.update",
  Action::"grafana_dashboards.patch", Action::"grafana_alert_rules.read",
  Action::"grafana_alert_rules.create", Action::"grafana_alert_rules.update"], resource)
when { resource has owner && principal in resource.owner };

@id("one-board-is-for-all")
permit (principal is Person, action == Action::"grafana_dashboards.read",
  resource == GrafanaDashboard::"X/made-1");
"#;

/// The program that serves what the command made and a person reviewed.
async fn world() -> World {
    let ground = ground().await;
    let folder = ground.folder();
    let output = std::process::Command::new(program())
        .args(["operations", "import"])
        .arg(boards())
        .args(["--upstream", "boards", "--prefix", "grafana"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let mut catalogue = text(&output.stdout);
    for (made, reviewed) in REVIEW {
        assert!(catalogue.contains(made), "{made} is not in {catalogue}");
        catalogue = catalogue.replacen(made, reviewed, 1);
    }
    let file = "policies/operations/boards.yaml";
    folder.write(file, &catalogue).unwrap();
    let people = folder.path().join("policies/rules/people.cedar");
    let rules = std::fs::read_to_string(&people).unwrap();
    let read = "permit (principal is Person, action in Action::\"read\", resource);";
    assert!(rules.contains(read));
    let narrow = "permit (principal is Person, action == Action::\"streams.read\", resource);";
    std::fs::write(&people, rules.replace(read, narrow) + RULES).unwrap();
    std::fs::remove_dir_all(folder.path().join("policies/tests")).unwrap();
    std::fs::remove_file(folder.path().join("policies/invariants.yaml")).unwrap();
    let upstream = format!(
        "upstreams:\n  - name: boards\n    url: {}\n    operations: boards\n    headers:\n      \
         - {{ name: authorization, value: \"Bearer {{key}}\", key_file: secrets/lightstep.key }}\n",
        ground.upstream.url()
    );
    let ground = ground.with("upstreams:\n", &upstream);
    ground.serve(program()).await.unwrap()
}

const DASHBOARDS: &str = "apis/dashboard.grafana.app/v1beta1/namespaces/X/dashboards";
const RULES_PATH: &str = "api/v1/provisioning/alert-rules";

fn call(world: &World, method: &str, path: &str) -> Call {
    Call::new(method, format!("{}/{path}", world.stile.url()))
}

fn mira(world: &World) -> String {
    world.person_token("mira@acme.example", &["lightstep-payments"])
}

fn dashboard(labels: Value, title: &str) -> String {
    json!({"kind": "Dashboard", "metadata": {"generateName": "d-", "labels": labels},
           "spec": {"title": title}})
    .to_string()
}

fn of(team: &str) -> Value {
    json!({ "team": team })
}

/// Puts something straight into the upstream, around stile, and says which id it got.
async fn made(world: &World, path: &str, body: String) -> String {
    let key = stile_kit::upstream::API_KEY;
    let call = Call::new("POST", format!("{}/{path}", world.upstream.url())).token(key);
    let answer = call.body("application/json", body).send().await.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text());
    let said = answer.json();
    let id = said["uid"].as_str().or(said["metadata"]["name"].as_str());
    id.unwrap().to_owned()
}

/// What was asked of the upstream since, but for reads.
fn changes(world: &World, since: usize) -> Vec<String> {
    let seen = world.upstream.seen_since(since);
    let changes = seen.iter().filter(|seen| seen.method != "GET");
    changes
        .map(|seen| format!("{} {}", seen.method, seen.target))
        .collect()
}

fn titles(answer: &Answer, list: &Value, title: &str) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let all = list.as_array().unwrap().iter();
    all.map(|one| one.pointer(title).unwrap().as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_team_lists_only_what_is_its_own_or_for_all() {
    let world = world().await;
    let token = mira(&world);
    for (team, title) in [
        ("search", "for all"),
        ("payments", "own"),
        ("search", "theirs"),
    ] {
        made(&world, DASHBOARDS, dashboard(of(team), title)).await;
        let rule = json!({"title": title, "labels": {"squad": team, "team": "payments"}});
        made(&world, RULES_PATH, rule.to_string()).await;
    }
    let answer = ask(&world, call(&world, "GET", DASHBOARDS).token(&token)).await;
    let list = answer.json();
    assert_eq!(
        titles(&answer, &list["items"], "/spec/title"),
        ["for all", "own"]
    );
    assert_eq!(list["kind"], "List", "what is beside the list stays");
    let answer = ask(&world, call(&world, "GET", RULES_PATH).token(&token)).await;
    assert_eq!(titles(&answer, &answer.json(), "/title"), ["own"]);
    let search = call(&world, "GET", "api/search?query=o").token(&token);
    let answer = ask(&world, search).await;
    // A hit names no namespace and shows no label, so it is nobody's until the directory says so.
    assert_eq!(titles(&answer, &answer.json(), "/title"), [""; 0]);
    let nobody = world.person_token("noa@acme.example", &[]);
    let answer = ask(&world, call(&world, "GET", RULES_PATH).token(&nobody)).await;
    assert_eq!(answer.text(), "[]");
    close(world, &[token, nobody]).await;
}

#[tokio::test]
async fn a_team_creates_and_edits_its_own_and_gives_nothing_away() {
    let world = world().await;
    let token = mira(&world);
    for (labels, status) in [
        (of("payments"), 201),
        (of("search"), 403),
        (json!({}), 403),
        (json!({"Team": "payments"}), 400),
    ] {
        let create = call(&world, "POST", DASHBOARDS).token(&token);
        let create = create.body("application/json", dashboard(labels.clone(), "new"));
        let answer = ask(&world, create).await;
        assert_eq!(answer.status, status, "{labels}: {}", answer.text());
    }
    let own = made(&world, DASHBOARDS, dashboard(of("payments"), "own")).await;
    let path = format!("{DASHBOARDS}/{own}");
    let merge = "application/merge-patch+json";
    let moved = json!({"metadata": {"annotations": {"grafana.app/folder": "f"}}}).to_string();
    for (method, media, body, status) in [
        (
            "PUT",
            "application/json",
            dashboard(of("payments"), "n"),
            200,
        ),
        (
            "PATCH",
            merge,
            json!({"spec": {"title": "n"}}).to_string(),
            200,
        ),
        ("PATCH", merge, moved, 200),
        ("PUT", "application/json", dashboard(of("search"), "n"), 403),
        ("PUT", "application/json", dashboard(json!({}), "n"), 403),
        (
            "PATCH",
            merge,
            json!({"metadata": {"labels": of("search")}}).to_string(),
            403,
        ),
        (
            "PATCH",
            merge,
            json!({"metadata": {"labels": null}}).to_string(),
            403,
        ),
        (
            "PATCH",
            merge,
            json!({"metadata": {"labels": {"team": null}}}).to_string(),
            400,
        ),
        ("PATCH", merge, json!({"metadata": null}).to_string(), 400),
        ("PATCH", "application/json-patch+json", "[]".to_owned(), 400),
        (
            "PATCH",
            "application/apply-patch+yaml",
            "metadata: {}".to_owned(),
            400,
        ),
        ("DELETE", "application/json", String::new(), 403),
    ] {
        let before = world.upstream.seen().len();
        let change = call(&world, method, &path).token(&token);
        let answer = ask(&world, change.body(media, body.clone())).await;
        assert_eq!(answer.status, status, "{method} {body}: {}", answer.text());
        let passed = changes(&world, before).len();
        assert_eq!(passed, usize::from(status == 200), "{method} {body}");
    }
    close(world, &[token]).await;
}

#[tokio::test]
async fn no_spelling_edits_moves_or_relabels_what_is_another_teams() {
    let world = world().await;
    let token = mira(&world);
    let theirs = made(&world, DASHBOARDS, dashboard(of("search"), "theirs")).await;
    let own = made(&world, DASHBOARDS, dashboard(of("payments"), "own")).await;
    let before = world.upstream.seen().len();
    let mine = dashboard(of("payments"), "taken");
    let with = |from: &str, to: &str| {
        assert!(mine.contains(from), "{mine} has no {from}");
        mine.replacen(from, to, 1)
    };
    let named = format!("\"metadata\":{{\"name\":\"{theirs}\",");
    let bodies = [
        mine.clone(),
        with("\"labels\":", "\"\\u006cabels\":"),
        with("\"labels\":", "\"labels\":{},\"labels\":"),
        with("\"labels\":", "\"LABELS\":"),
        with("\"metadata\":", "\"metadata\":{},\"metadata\":"),
        with(
            "\"metadata\":{",
            "\"metadata\":{\"annotations\":{\"grafana.app/folder\":\"mine\"},",
        ),
        with("\"metadata\":{", &named),
        format!("\u{feff}{mine}"),
        "{}".to_owned(),
    ];
    let once: String = theirs.bytes().map(|b| format!("%{b:02x}")).collect();
    let ids = [
        theirs.clone(),
        once.clone(),
        once.replace('%', "%25"),
        format!("{theirs}/"),
        format!("{theirs};x=y"),
        format!("{theirs}?name={own}"),
        format!("{own}/../{theirs}"),
        format!("{own}%2f..%2f{theirs}"),
        format!("{theirs}%00"),
    ];
    let mut sent = 0;
    for id in &ids {
        for body in &bodies {
            for method in ["PUT", "PATCH", "DELETE", "POST"] {
                for http2 in [false, true] {
                    let change = call(&world, method, &format!("{DASHBOARDS}/{id}"));
                    let change = change.token(&token).body("application/json", body.clone());
                    let change = if http2 { change.http2() } else { change };
                    let Ok(answer) = change.send().await else {
                        continue; // what this client cannot spell
                    };
                    let status = answer.status.as_u16();
                    assert!(
                        (400..500).contains(&status),
                        "{method} {id} {body}: {status}"
                    );
                    sent += 1;
                }
            }
        }
    }
    assert!(sent > 400, "{sent}");
    // Their name in a body for what is one's own, and in one that creates.
    for (method, path) in [
        ("PUT", format!("{DASHBOARDS}/{own}")),
        ("POST", DASHBOARDS.to_owned()),
    ] {
        let change = call(&world, method, &path).token(&token);
        let change = change.body("application/json", with("\"metadata\":{", &named));
        let answer = ask(&world, change).await;
        assert_eq!(answer.json()["reason"], "unclear_body", "{method}");
        let records = records_of(&world, answer.field("stile-decision"));
        assert_eq!(records[0].word("reason"), "unclear_body");
    }
    assert_eq!(changes(&world, before), [""; 0]);
    close(world, &[token]).await;
}

#[tokio::test]
async fn an_alert_rule_is_its_squads_by_the_label_that_was_reviewed() {
    let world = world().await;
    let token = mira(&world);
    let rule = |squad: &str| json!({"title": "r", "labels": {"squad": squad}}).to_string();
    let own = made(&world, RULES_PATH, rule("payments")).await;
    let theirs = made(&world, RULES_PATH, rule("search")).await;
    for (id, squad, status) in [
        (&own, "payments", 200),
        (&own, "search", 403),
        (&theirs, "payments", 403),
        (&theirs, "search", 403),
    ] {
        let change = call(&world, "PUT", &format!("{RULES_PATH}/{id}")).token(&token);
        let answer = ask(&world, change.body("application/json", rule(squad))).await;
        assert_eq!(answer.status, status, "{id} {squad}: {}", answer.text());
    }
    for path in [
        "api/datasources",
        "api/org/users",
        "api/serviceaccounts/1/tokens",
    ] {
        let answer = ask(&world, call(&world, "GET", path).token(&token)).await;
        assert_eq!(answer.status, 403, "{path}: {}", answer.text());
    }
    close(world, &[token]).await;
}
