//! Journals and queries by generator, from a seed.

use serde_json::{Map, Value, json};
use stile::clock::Time;
use stile::index::{Condition, Field, Pattern, Query};
use stile::record::frame::Kind;

use super::NOW;

/// A sequence of numbers that a seed decides (xorshift64*).
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

const ACTIONS: &[&str] = &[
    "streams.create",
    "streams.delete",
    "dashboards.delete",
    "dashboards.read",
];
const GROUPS: &[&str] = &["payments", "search", "sre admins", "acme/\"odd\""];
const PROJECTS: &[&str] = &["acme/shop/api", "acme/shop/web", "acme/tools", "solo"];
const RULES: &[&str] = &["ci-create-in-X", "payments-edit", "no-fork"];
const ISSUERS: &[&str] = &[
    "https://gitlab.example.com",
    "https://acme.okta.com/oauth2/default",
];

/// Records whose members come from small pools, so that queries meet; times mostly ascend.
pub(crate) fn records(dice: &mut Dice, origin: &str, count: usize) -> Vec<(Kind, String)> {
    let mut made = Vec::new();
    let mut owed: Vec<String> = Vec::new();
    let mut time = NOW.as_ms() - 40 * 86_400_000;
    for _ in 0..count {
        time += dice.below(20_000_000);
        let said = time - dice.below(3) * 5_000_000;
        if !owed.is_empty() && dice.below(3) > 0 {
            let at = usize::try_from(dice.below(owed.len() as u64)).unwrap();
            made.push((
                Kind::Outcome,
                outcome(dice, origin, said, &owed.swap_remove(at)),
            ));
        } else if dice.below(12) == 0 {
            let event = dice.pick(&["config.reload", "clock.step"]);
            let line = json!({"event": event, "kind": "event", "log": origin, "time": said});
            made.push((Kind::Event, line.to_string()));
        } else {
            let id = format!("0192f0c0-0000-7000-8000-{:012x}", dice.below(1 << 40));
            let (line, allowed) = decision(dice, origin, said, &id);
            made.push((Kind::Decision, line));
            if allowed {
                owed.push(id);
            }
        }
    }
    made
}

fn outcome(dice: &mut Dice, origin: &str, time: u64, of: &str) -> String {
    let mut line = json!({
        "end": dice.pick(&["complete", "client_abort", "unknown"]),
        "kind": "outcome", "log": origin, "ref": of, "time": time,
    });
    if dice.below(4) > 0 {
        line["status"] = dice.pick(&[200, 201, 404, 500, 503]).into();
    }
    if dice.below(9) == 0 {
        line["reason"] = "upstream_timeout".into();
    }
    line.to_string()
}

fn decision(dice: &mut Dice, origin: &str, time: u64, id: &str) -> (String, bool) {
    let verdict = dice.pick(&["allow", "allow", "allow", "deny", "refuse"]);
    let mut line = Map::new();
    let mut put = |name: &str, value: Value| line.insert(name.to_owned(), value);
    put("decision", verdict.into());
    put("id", id.into());
    put("kind", "decision".into());
    put("log", origin.into());
    put("time", time.into());
    put("method", dice.pick(&["GET", "POST"]).into());
    put("path", format!("/p/{}", dice.below(7)).into());
    if verdict != "allow" {
        put(
            "reason",
            dice.pick(&["policy_denied", "no_credential"]).into(),
        );
    }
    if dice.below(8) > 0 {
        put("op", dice.pick(ACTIONS).into());
        put(
            "resource",
            json!(["Dashboard", Value::Null, dice.pick(&["X", "Y"])]),
        );
        put("policies", json!([dice.pick(RULES), dice.pick(RULES)]));
        put("issuer", dice.pick(ISSUERS).into());
        match dice.below(3) {
            0 => {
                put("subject_kind", "person".into());
                put(
                    "subject_name",
                    dice.pick(&["mira@acme", "joe", "x".repeat(700).as_str()])
                        .into(),
                );
                put("groups", json!([dice.pick(GROUPS), dice.pick(GROUPS)]));
            }
            1 => {
                put("subject_kind", "agent".into());
                put("subject", "claude".into());
                put("actors", json!(["claude", "mcp"]));
            }
            _ => {
                put("subject_kind", "job".into());
                let environment = dice
                    .pick(&[Value::Null.to_string().as_str(), "production"])
                    .to_owned();
                put(
                    "claims",
                    json!({
                        "project_path": dice.pick(PROJECTS), "ref": dice.pick(&["main", "feat/x"]),
                        "environment": environment, "pipeline_id": dice.below(5).to_string(),
                    }),
                );
            }
        }
    }
    (Value::Object(line).to_string(), verdict == "allow")
}

/// A query whose values are likely to occur; every shape of condition, four levels deep.
pub(crate) fn query(dice: &mut Dice) -> Query {
    match dice.below(20) {
        0 => Query::default(),
        _ => Query::of(condition(dice, 3)),
    }
}

fn condition(dice: &mut Dice, depth: u64) -> Condition {
    let some = |dice: &mut Dice| {
        (0..2 + dice.below(2))
            .map(|_| condition(dice, depth - 1))
            .collect::<Vec<_>>()
    };
    match dice.below(if depth == 0 { 7 } else { 12 }) {
        0 => Condition::Since(Time::from_ms(NOW.as_ms() - dice.below(40 * 86_400_000))),
        1 => Condition::Until(Time::from_ms(NOW.as_ms() - dice.below(40 * 86_400_000))),
        2 => within(dice),
        3..7 => is(dice),
        7 | 8 => Condition::all(some(dice)),
        9 | 10 => Condition::any(some(dice)),
        _ => Condition::opposite(condition(dice, depth - 1)),
    }
}

fn within(dice: &mut Dice) -> Condition {
    match dice.below(3) {
        0 => Condition::Within(
            Field::Status,
            dice.pick(&[0, 200, 404]),
            dice.pick(&[404, 499, u64::MAX]),
        ),
        1 => Condition::is(Field::Status, "500"),
        _ => {
            let from = dice.below(300);
            Condition::Within(Field::Seq, from, from + dice.below(300))
        }
    }
}

fn is(dice: &mut Dice) -> Condition {
    let (field, values): (Field, &[&str]) = match dice.below(12) {
        0 | 1 => (Field::Action, ACTIONS),
        2 => (
            Field::Group,
            &[
                "payments",
                "sre admins",
                "acme/shop",
                "acme",
                "acme/\"odd\"",
            ],
        ),
        3 => (Field::Project, PROJECTS),
        4 => (Field::Rule, RULES),
        5 => (Field::Decision, &["allow", "deny", "refuse", "public"]),
        6 => (Field::Person, &["mira@acme", "joe", "xxx"]),
        7 => (
            Field::Reason,
            &["policy_denied", "no_credential", "upstream_timeout"],
        ),
        8 => (Field::Path, &["/p/1", "/p/2", "/q"]),
        9 => (Field::Where, &["X", "Z"]),
        10 => (Field::Record, &["event", "request"]),
        _ => (Field::Environment, &["production", "null"]),
    };
    let value = dice.pick(values);
    let mut pattern = Pattern::exactly(value);
    match dice.below(6) {
        0 => pattern = Pattern::any(),
        1 => {
            pattern = Pattern::exactly(&value[..1]);
            pattern.push_star();
        }
        2 => {
            pattern = Pattern::any();
            pattern.push_text(&value[1..]);
        }
        _ => {}
    }
    Condition::Is(field, pattern)
}
