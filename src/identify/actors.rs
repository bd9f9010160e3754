//! Reads who acts for the subject of a token: the chain in `act`.
//!
//! In: the value of the claim. Out: the actors, nearest first, or nothing.
//!
//! The outermost actor acts now; each `act` inside names who acted before it. A chain is read whole
//! or not at all: one link of the wrong type, or one too many, and there is no chain.
//!
//! RFC 8693 4.1.

use serde_json::Value;

/// Somebody who acts for another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Actor<'a> {
    issuer: Option<&'a str>,
    subject: &'a str,
}

impl Actor<'_> {
    /// Its subject; `issuer#subject` where it is of another issuer than the token, so that nobody
    /// passes for an actor of the token's own.
    pub(super) fn name(&self, issuer: Option<&str>) -> String {
        match self.issuer {
            Some(other) if Some(other) != issuer => format!("{other}#{}", self.subject),
            _ => self.subject.to_owned(),
        }
    }
}

/// The actors, nearest first.
pub(super) fn chain(act: &Value) -> Option<Vec<Actor<'_>>> {
    let mut actors = Vec::new();
    let mut next = Some(act);
    while let Some(act) = next {
        if actors.len() == MOST_ACTORS {
            return None;
        }
        let act = act.as_object()?;
        let issuer = match act.get("iss") {
            None => None,
            Some(issuer) => Some(name(issuer)?),
        };
        actors.push(Actor {
            issuer,
            subject: name(act.get("sub")?)?,
        });
        next = act.get("act");
    }
    Some(actors)
}

fn name(value: &Value) -> Option<&str> {
    let text = value.as_str()?;
    (1..=LONGEST_NAME_BYTES)
        .contains(&text.len())
        .then_some(text)
}

/// A person's agent, its tool, and what that tool calls: longer chains hide more than they say.
const MOST_ACTORS: usize = 4;
/// As long as `sub` may be (OpenID Connect Core 2).
const LONGEST_NAME_BYTES: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn nested(links: usize) -> Value {
        let mut act = json!({ "sub": "1" });
        for link in 2..=links {
            act = json!({ "sub": link.to_string(), "act": act });
        }
        act
    }

    #[test]
    fn the_nearest_actor_comes_first() {
        let act = nested(3);
        let names: Vec<_> = chain(&act).unwrap().iter().map(|a| a.name(None)).collect();
        assert_eq!(names, ["3", "2", "1"]);
    }

    #[test]
    fn a_chain_ends_at_its_last_link() {
        assert_eq!(chain(&nested(MOST_ACTORS)).unwrap().len(), MOST_ACTORS);
        assert!(chain(&nested(MOST_ACTORS + 1)).is_none());
    }

    #[test]
    fn an_actor_of_another_issuer_is_named_with_it() {
        let act = json!({ "iss": "https://a.example", "sub": "x" });
        let actors = chain(&act).unwrap();
        assert_eq!(actors[0].name(Some("https://a.example")), "x");
        assert_eq!(
            actors[0].name(Some("https://b.example")),
            "https://a.example#x"
        );
    }

    #[test]
    fn one_wrong_link_breaks_the_chain() {
        let long = "x".repeat(LONGEST_NAME_BYTES + 1);
        for link in [
            json!(null),
            json!("x"),
            json!([]),
            json!({}),
            json!({ "sub": "" }),
            json!({ "sub": 1 }),
            json!({ "sub": long }),
            json!({ "sub": "x", "iss": 1 }),
            json!({ "sub": "x", "iss": "" }),
            json!({ "sub": "x", "act": null }),
        ] {
            assert!(chain(&link).is_none(), "{link}");
            let inside = json!({ "sub": "y", "act": link });
            assert!(chain(&inside).is_none(), "{inside}");
        }
    }
}
