//! Where each item of a list is a project of its own, it is read as what lies in that project, whatever
//! the API calls it.

use serde_json::json;
use stile_kit::upstream::Script;
use stile_kit::{Call, World};

use super::{counted, says, upstream};
use crate::support::{ask, close, ground, program};

/// An API whose projects are called organisations.
const ORGS: &str = r#"
speaks: problem
base: /api
resources:
  Org: { id: org, project: org }
operations:
  - action: orgs.list
    class: read
    resource: Org
    list: { read: orgs.read, items: /orgs, id: /name }
    do: ["GET /orgs"]
  - action: orgs.read
    class: read
    resource: Org
    do: ["GET /orgs/{org}"]
"#;

const RULES: &str = r#"
@id("people-list-orgs")
permit (principal is Person, action == Action::"orgs.list", resource);

@id("people-read-in-x")
permit (principal is Person, action == Action::"orgs.read", resource in Project::"X");
"#;

async fn world() -> World {
    let ground = ground().await;
    let folder = ground.folder();
    folder
        .write("policies/operations/boards.yaml", ORGS)
        .unwrap();
    let people = folder.path().join("policies/rules/people.cedar");
    let text = std::fs::read_to_string(&people).unwrap();
    let read = "permit (principal is Person, action in Action::\"read\", resource);";
    assert!(text.contains(read));
    let narrow = "permit (principal is Person, action == Action::\"streams.read\", resource);";
    std::fs::write(&people, text.replace(read, narrow) + RULES).unwrap();
    std::fs::remove_dir_all(folder.path().join("policies/tests")).unwrap();
    std::fs::remove_file(folder.path().join("policies/invariants.yaml")).unwrap();
    let upstream = upstream(&ground.upstream.url());
    let ground = ground.with("upstreams:\n", &upstream);
    ground.serve(program()).await.unwrap()
}

#[tokio::test]
async fn organisations_are_listed_as_far_as_each_may_be_read() {
    let world = world().await;
    let noa = world.person_token("noa@acme.example", &[]);
    world.upstream.script(Script::Say(says("{}"))).await;
    let one = |org: &str| Call::new("GET", format!("{}/api/orgs/{org}", world.stile.url()));
    for (org, status) in [("X", 200), ("Y", 403), ("W", 403), ("nobody-knows", 403)] {
        let answer = ask(&world, one(org).token(&noa)).await;
        assert_eq!(answer.status, status, "{org}: {}", answer.text());
    }
    let list = r#"{"orgs":[{"name":"W"},{"name":"X"},{"name":"nobody-knows"},{"name":"Y"}]}"#;
    world.upstream.script(Script::Say(says(list))).await;
    let call = Call::new("GET", format!("{}/api/orgs", world.stile.url()));
    let answer = ask(&world, call.token(&noa)).await;
    assert_eq!(answer.text(), r#"{"orgs":[{"name":"X"}]}"#);
    assert_eq!(counted(&world, &answer).await, (json!(1), json!(3)));
    close(world, &[noa]).await;
}
