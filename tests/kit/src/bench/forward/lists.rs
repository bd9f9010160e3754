//! What it costs that a reader of a list sees only what is theirs: a list of a thousand items.
//!
//! One stile lets everybody read everything, so that the list passes unread; another one has rules that
//! look at owners. Asked in turn.

use std::io;
use std::time::Instant;

use super::Plan;
use super::caller::{Caller, Way, whole};
use super::figures::{Figure, spread};
use super::sink::Poured;
use crate::bench::ways::pinned_program;
use crate::upstream::{Answer, Script};
use crate::world::{Ground, World};

/// Measures it.
///
/// # Errors
/// When stile does not start, or the list has other items than it should.
pub(super) async fn measure(plan: &Plan) -> io::Result<Vec<Figure>> {
    eprintln!("a list of {ITEMS} items, {TIMES} times each way");
    let mut unread = Listed::of(plan, EVERYBODY_READS).await?;
    let mut cut = Listed::of(plan, TEAMS_READ).await?;
    let (mut unread_ms, mut cut_ms) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        unread_ms.push(unread.ask(ITEMS).await?);
        cut_ms.push(cut.ask(ITEMS.div_ceil(TEAMS.len())).await?);
    }
    let pairs = cut_ms.iter().zip(&unread_ms);
    let (_, added, _) = spread(pairs.map(|(cut, unread)| cut - unread).collect());
    let ((_, unread, _), (_, cut, _)) = (spread(unread_ms), spread(cut_ms));
    let teams = TEAMS.len();
    Ok(vec![Figure::of(
        format!("a list of {ITEMS} items of {teams} teams, cut to those of one: added"),
        format!("{added:.2} ms ({cut:.2} ms, unread {unread:.2} ms)"),
        "<= 5 ms",
        added <= 5.0,
    )])
}

/// A stile with an API whose boards are listed, and somebody who lists them.
#[derive(Debug)]
struct Listed {
    token: String,
    caller: Caller,
    _world: World,
}

impl Listed {
    async fn of(plan: &Plan, rules: &str) -> io::Result<Listed> {
        let ground = Ground::lay(&plan.policies).await?;
        let folder = ground.folder();
        folder.write("policies/operations/boards.yaml", BOARDS)?;
        folder.write("policies/rules/people.cedar", rules)?;
        // They speak of the rules that are gone.
        std::fs::remove_dir_all(folder.path().join("policies/tests"))?;
        std::fs::remove_file(folder.path().join("policies/invariants.yaml"))?;
        let upstream = format!(
            "upstreams:\n  - name: boards\n    url: {}\n    operations: boards\n    headers:\n      \
             - {{ name: authorization, value: \"bearer {{key}}\", key_file: secrets/lightstep.key }}\n",
            ground.upstream.url()
        );
        let program = pinned_program(folder, &plan.stile)?;
        let world = ground
            .with("upstreams:\n", &upstream)
            .serve(&program)
            .await?;
        let says = Answer::status(200).field("content-type", "application/json");
        let says = says.body(list());
        world.upstream.script(Script::Say(says)).await;
        let to = world.stile.url().trim_start_matches("http://").parse();
        let way = Way::default();
        let caller = Caller::of(to.map_err(io::Error::other)?, way, &world.ca).await?;
        Ok(Listed {
            token: world.person_token("mira@acme.example", &["lightstep-payments"]),
            caller,
            _world: world,
        })
    }

    /// How long the list took, in milliseconds; it must have so many items.
    async fn ask(&mut self, items: usize) -> io::Result<f64> {
        let began = Instant::now();
        let nothing = Poured::Zeros(0);
        let answer = self.caller.ask("GET", LIST, &self.token, nothing).await?;
        let body = whole(answer).await?;
        let took = began.elapsed();
        let has = String::from_utf8_lossy(&body).matches("\"uid\"").count();
        match has == items {
            true => Ok(took.as_secs_f64() * 1e3),
            false => Err(io::Error::other(format!("{has} items, not {items}"))),
        }
    }
}

fn list() -> String {
    let boards: Vec<String> = (0..ITEMS)
        .zip(TEAMS.iter().cycle())
        .map(|(number, team)| {
            format!(
                "{{\"uid\":\"board-{number}\",\"tags\":[\"team:{team}\",\"env:production\"],\
                 \"title\":\"Latency of service {number}\",\"version\":{number},\
                 \"panels\":[{{\"type\":\"graph\",\"query\":\"spans latency | p99\"}}]}}"
            )
        })
        .collect();
    format!("{{\"total\":{ITEMS},\"boards\":[{}]}}", boards.join(","))
}

const ITEMS: usize = 1_000;
const TIMES: usize = 200;
/// Those of the shipped directory.
const TEAMS: [&str; 5] = [
    "payments",
    "search",
    "sre-oncall",
    "contractors",
    "auditors",
];
const LIST: &str = "/api/orgs/X/boards";

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

const EVERYBODY_READS: &str = r#"
@id("people-read")
permit (principal is Person, action in Action::"read", resource);
"#;

const TEAMS_READ: &str = r#"
@id("people-list")
permit (principal is Person, action == Action::"boards.list", resource);

@id("teams-read-own")
permit (principal is Person, action == Action::"boards.read", resource)
when { resource has owner && principal in resource.owner };
"#;
