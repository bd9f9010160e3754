//! A caller who means harm, against the real program: alias x encoding x protocol.

pub(crate) mod frames;
pub(crate) mod raw;

mod answers;
mod callers;
mod credentials;
mod floods;
pub(crate) mod framing;
mod many;
mod paths;
mod silence;
pub(crate) mod slow;
mod tokens;
mod upstream_frames;

use std::collections::HashMap;

use stile_kit::upstream::API_KEY;
use stile_kit::{Answer, Call, World};

use crate::support::{Recorded, records};

/// What stands behind every test here: what reached the upstream was decided so, byte for byte, and
/// carries our key once and no other.
fn forwarded_as_decided(world: &World) {
    let decided: HashMap<String, Recorded> = records(&world.stile.journal())
        .into_iter()
        .filter(|r| r.is("decision"))
        .map(|r| (r.word("id").to_owned(), r))
        .collect();
    for seen in world.upstream.seen() {
        let id = seen.value("stile-decision").expect("one decision");
        let record = decided.get(&id).expect("a decision that is in the journal");
        if seen.method == "GET" && !record.json["inputs"]["seen"].is_null() {
            continue; // a look of stile's own for this decision
        }
        assert_eq!(record.word("decision"), "allow", "{record:?}");
        assert_eq!(record.word("method"), seen.method);
        assert_eq!(
            Some(record.word("path")),
            seen.target.split('?').next(),
            "another path was forwarded than was decided"
        );
        if seen.target.starts_with("/public/") {
            assert_eq!(seen.values("authorization"), [format!("bearer {API_KEY}")]);
            assert_eq!(seen.values("x-lightstep-org"), ["acme"]);
        }
    }
}

/// A person of the payments team, who may edit its dashboards and no others.
fn mira(world: &World) -> String {
    world.person_token("mira@acme.example", &["lightstep-payments"])
}

/// A stream that a job may create, with a name that can be found again.
fn creates(world: &World, token: &str, name: &str) -> Call {
    let body = serde_json::json!({"data": {"type": "stream",
        "attributes": {"name": name, "query": "service IN (\"checkout\")"}}});
    let call = world.api("POST", "X/streams").token(token);
    call.body("application/vnd.api+json", body.to_string())
}

/// Asks the operator's page.
async fn page(world: &World, path: &str) -> Answer {
    let call = Call::new("GET", format!("{}{path}", world.stile.admin));
    call.send().await.unwrap()
}

/// Whether these bytes have one that a terminal or a line reader would obey.
fn has_control(text: &str) -> bool {
    let obeyed = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.contains(obeyed)
}
