//! Reads whom a notice is about.
//!
//! In: a subject identifier. Out: the names by which tokens can be told to be of it.
//!
//! | format | read as |
//! | --- | --- |
//! | `iss_sub` | the subject at that issuer |
//! | `opaque` | the subject at the sender; as a complex `session`, that session; as a `group`, that group |
//! | `email` | whoever has that address at the sender: in a verified `email`, or as the subject itself |
//! | `jwt_id` | that token |
//! | `aliases` | each of its identifiers that is one of these |
//! | complex | its `session` and its `user`, or its `user`, or its `group` |
//! | any other | nobody: no token has telephone numbers, `acct:` or DIDs that were verified |
//!
//! Never: a member that its format does not have.
//!
//! RFC 9493 3; OpenID Shared Signals Framework 1.0, 3.

use serde_json::{Map, Value};

use super::{About, malformed};
use crate::identify::What;
use crate::refusal::Refusal;

/// How much of a complex subject an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Its session, where it names one.
    Session,
    /// The person, whichever session is named beside.
    Person,
}

/// Whom a notice is about.
#[derive(Debug)]
pub(super) enum Subject {
    /// At least one name.
    Understood(Vec<About>),
    /// Nobody that a token could be told to be of.
    NotUnderstood,
}

/// Reads it.
///
/// # Errors
///
/// `malformed_token` for what is no subject identifier.
pub(super) fn read(subject: &Value, reach: Reach) -> Result<Subject, Refusal> {
    let members = object(subject)?;
    let about = match members.get("format") {
        None => complex(members, reach)?,
        Some(Value::String(format)) if format == "complex" => complex(members, reach)?,
        Some(_) => simple(members, What::Subject)?,
    };
    Ok(match about.is_empty() {
        true => Subject::NotUnderstood,
        false => Subject::Understood(about),
    })
}

fn complex(members: &Map<String, Value>, reach: Reach) -> Result<Vec<About>, Refusal> {
    let one = |name: &str, what: What| match members.get(name) {
        None => Ok(Vec::new()),
        Some(one) => simple(object(one)?, what),
    };
    let (session, user) = (one("session", What::Session)?, one("user", What::Subject)?);
    let group = one("group", What::Group)?;
    if !members.keys().any(|name| COMPLEX.contains(&name.as_str())) {
        return Err(malformed(
            "a subject has neither `format` nor a member that is known",
        ));
    }
    Ok(match (session.is_empty(), user.is_empty(), reach) {
        (false, _, Reach::Session) => {
            let named = user.into_iter().filter(|one| one.what == What::Subject);
            let beside = named.map(|one| About {
                what: What::Sessionless,
                ..one
            });
            session.into_iter().chain(beside).collect()
        }
        (_, false, _) => user,
        (false, true, Reach::Person) => session,
        (true, true, _) => group,
    })
}

/// A subject of one format; `opaque` is a name of this kind.
fn simple(members: &Map<String, Value>, opaque: What) -> Result<Vec<About>, Refusal> {
    let format = text(members, "format")?;
    let own: &[&str] = match format {
        "iss_sub" => &["iss", "sub"],
        "opaque" => &["id"],
        "email" => &["email"],
        "jwt_id" => &["iss", "jti"],
        "aliases" => &["identifiers"],
        _ => return Ok(Vec::new()),
    };
    let fits = |name: &String| name == "format" || own.contains(&name.as_str());
    if !members.keys().all(fits) {
        let why = format!("a subject of format `{format}` has members of another");
        return Err(malformed(why));
    }
    let about = |what: What, issuer: Option<&str>, value: &str| About {
        what,
        issuer_url: issuer.map(str::to_owned),
        value: value.to_owned(),
    };
    Ok(match format {
        "iss_sub" => {
            let (issuer, subject) = (text(members, "iss")?, text(members, "sub")?);
            // A session is named by no subject, and a group by none either.
            match opaque {
                What::Subject => vec![about(What::Subject, Some(issuer), subject)],
                _ => Vec::new(),
            }
        }
        "opaque" => vec![about(opaque, None, text(members, "id")?)],
        "email" => {
            let address = text(members, "email")?;
            if !address.contains('@') {
                return Err(malformed("`email` is no address"));
            }
            vec![about(What::Email, None, address)]
        }
        "jwt_id" => {
            let (issuer, id) = (text(members, "iss")?, text(members, "jti")?);
            vec![about(What::Token, Some(issuer), id)]
        }
        _ => aliases(members, opaque)?,
    })
}

fn aliases(members: &Map<String, Value>, opaque: What) -> Result<Vec<About>, Refusal> {
    let Some(Value::Array(identifiers)) = members.get("identifiers") else {
        return Err(malformed("`identifiers` is not a list"));
    };
    if identifiers.is_empty() || identifiers.len() > MOST_ALIASES {
        return Err(malformed("`identifiers` has none, or more than 16"));
    }
    let mut all = Vec::new();
    for one in identifiers {
        let members = object(one)?;
        if members
            .get("format")
            .is_some_and(|format| format == "aliases")
        {
            return Err(malformed("`aliases` within `aliases`"));
        }
        all.extend(simple(members, opaque)?);
    }
    Ok(all)
}

fn object(value: &Value) -> Result<&Map<String, Value>, Refusal> {
    let object = value.as_object();
    object.ok_or_else(|| malformed("a subject is not an object"))
}

fn text<'m>(members: &'m Map<String, Value>, name: &str) -> Result<&'m str, Refusal> {
    let text = members.get(name).and_then(Value::as_str);
    // A zero is no part of a name, and no database takes one.
    text.filter(|text| !text.is_empty() && text.len() <= LONGEST_BYTES && !text.contains('\0'))
        .ok_or_else(|| {
            malformed(format!(
                "`{name}` of a subject is not a text of 1 to 1024 bytes"
            ))
        })
}

/// The members of a complex subject (Shared Signals Framework 1.0, 3.2).
const COMPLEX: [&str; 7] = [
    "user",
    "device",
    "session",
    "application",
    "tenant",
    "org_unit",
    "group",
];
const MOST_ALIASES: usize = 16;
const LONGEST_BYTES: usize = 1024;
