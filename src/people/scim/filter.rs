//! Reads filters, and the paths of changes.
//!
//! In: `userName eq "mira"`, `members[value eq "…"]`. Out: what must be equal, or a [`Problem`].
//!
//! Providers look one resource up by what must be equal; that is what is read here: `eq`, joined by
//! `and`. Names of attributes and operators are compared without regard to case, and may have their
//! schema's URN in front.
//!
//! RFC 7644 3.4.2.2, 3.5.2 (figure 1, figure 7).

use serde_json::Value;

use super::problem::Problem;

/// One thing that must be equal.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Test {
    /// The attribute in lower case: `username`, `members.value`.
    pub(super) attribute: String,
    /// Text, a truth value, a number or null.
    pub(super) value: Value,
}

/// What a change is about.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path {
    /// The attribute in lower case, without its schema where that is a core schema.
    pub(super) attribute: String,
    /// Which of its values.
    pub(super) tests: Option<Vec<Test>>,
    /// What of them, in lower case.
    pub(super) part: Option<String>,
}

/// Everything that must be equal.
pub(super) fn filter(text: &str) -> Result<Vec<Test>, Problem> {
    if text.len() > LONGEST {
        return Err(refuse("it is longer than 2 KiB"));
    }
    let mut tests = Vec::new();
    let mut rest = text.trim();
    loop {
        let (attribute, after) = word(rest);
        let (operator, after) = word(after);
        if attribute.is_empty() || operator.is_empty() {
            return Err(refuse("it is not `attribute eq \"value\"`"));
        }
        if !operator.eq_ignore_ascii_case("eq") {
            return Err(refuse(
                "of the operators only `eq` is read, joined by `and`",
            ));
        }
        let (value, after) = value(after)?;
        tests.push(Test {
            attribute: attribute_of(attribute).ok_or_else(|| refuse("that is no attribute"))?,
            value,
        });
        let (joined, after) = word(after);
        match joined {
            "" => return Ok(tests),
            and if and.eq_ignore_ascii_case("and") => rest = after,
            _ => return Err(refuse("conditions are joined by `and` only")),
        }
    }
}

/// A path.
pub(super) fn path(text: &str) -> Result<Path, Problem> {
    let invalid =
        |why: &str| Problem::bad("invalidPath", format!("the path cannot be read: {why}"));
    if text.len() > LONGEST {
        return Err(invalid("it is longer than 2 KiB"));
    }
    let text = text.trim();
    let (name, tests, part) = match text.split_once('[') {
        None => (text, None, None),
        Some((name, after)) => {
            let (inside, part) = after
                .rsplit_once(']')
                .ok_or_else(|| invalid("`[` is not closed"))?;
            let tests = filter(inside).map_err(|problem| invalid(&problem.detail))?;
            let part = match part {
                "" => None,
                part => Some(
                    part.strip_prefix('.')
                        .ok_or_else(|| invalid("`.` is missing"))?,
                ),
            };
            (name, Some(tests), part)
        }
    };
    let whole = attribute_of(name).ok_or_else(|| invalid("that is no attribute"))?;
    let is_name = |part: &str| attribute_of(part).is_some_and(|read| !read.contains('.'));
    if part.is_some_and(|part| !is_name(part)) {
        return Err(invalid("behind `]` is no attribute"));
    }
    // In a URN there are dots that part nothing.
    let split = match whole.starts_with("urn:") {
        true => None,
        false => whole.split_once('.'),
    };
    let (attribute, inner) = match split {
        Some((attribute, inner)) => (attribute.to_owned(), Some(inner.to_owned())),
        None => (whole, None),
    };
    Ok(Path {
        attribute,
        tests,
        part: part.map(str::to_lowercase).or(inner),
    })
}

/// The next word, and what is behind it.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    text.split_at(end)
}

fn value(text: &str) -> Result<(Value, &str), Problem> {
    let text = text.trim_start();
    let end = match text.starts_with('"') {
        true => end_of_text(text).ok_or_else(|| refuse("the text in it is not closed"))?,
        false => text.find(char::is_whitespace).unwrap_or(text.len()),
    };
    let (written, after) = text.split_at(end);
    let lower = written.to_ascii_lowercase();
    let written = match lower.as_str() {
        "true" | "false" | "null" => lower.as_str(),
        _ => written,
    };
    let value: Value =
        serde_json::from_str(written).map_err(|_| refuse("its value is no JSON value"))?;
    match value.is_array() || value.is_object() {
        true => Err(refuse("its value is no single value")),
        false => Ok((value, after)),
    }
}

/// Behind the closing quotation mark.
fn end_of_text(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// The attribute in lower case without the URN of a core schema; `None` when it is none.
pub(super) fn attribute_of(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let core = CORE.iter().find_map(|urn| lower.strip_prefix(urn));
    let name = core.unwrap_or(&lower);
    let is_urn = name.starts_with("urn:");
    let fits = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$' | '.') || (is_urn && c == ':')
    };
    let parts = !name.split(['.', ':']).any(str::is_empty);
    (!name.is_empty() && parts && name.chars().all(fits)).then(|| name.to_owned())
}

fn refuse(why: &str) -> Problem {
    Problem::bad("invalidFilter", format!("the filter cannot be read: {why}"))
}

const CORE: &[&str] = &[
    "urn:ietf:params:scim:schemas:core:2.0:user:",
    "urn:ietf:params:scim:schemas:core:2.0:group:",
];
const LONGEST: usize = 2048;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_providers_ask_is_read() {
        for (text, attribute, value) in [
            (
                r#"userName eq "mira@acme.example""#,
                "username",
                json!("mira@acme.example"),
            ),
            (r#" USERNAME  Eq  "a b" "#, "username", json!("a b")),
            (r#"externalId eq "a\"b\\""#, "externalid", json!("a\"b\\")),
            ("active eq True", "active", json!(true)),
            (
                r#"urn:ietf:params:scim:schemas:core:2.0:User:userName eq "x""#,
                "username",
                json!("x"),
            ),
        ] {
            let attribute = attribute.to_owned();
            assert_eq!(filter(text).unwrap(), [Test { attribute, value }], "{text}");
        }
        let both = filter(r#"id eq "1" and members.value eq "2""#).unwrap();
        assert_eq!(both[1].attribute, "members.value");
    }

    #[test]
    fn what_is_not_read_is_told() {
        for text in [
            "",
            "userName",
            "userName eq",
            "userName eq mira",
            r#"userName eq "mira"#,
            r#"userName eq "mira\"#,
            r#"userName sw "m""#,
            "userName pr",
            r#"not (userName eq "m")"#,
            r#"userName eq "m" or userName eq "n""#,
            r#"userName eq "m" and"#,
            r#"userName eq ["m"]"#,
            r#"user name eq "m""#,
            r#"user..name eq "m""#,
            "\0 eq 1",
        ] {
            let problem = filter(text).unwrap_err();
            assert_eq!(problem.word, Some("invalidFilter"), "{text}");
        }
    }

    #[test]
    fn paths_of_providers_are_read() {
        let read = |text: &str| path(text).unwrap();
        assert_eq!(read("displayName").attribute, "displayname");
        let member = read(r#"members[value eq "a]b"]"#);
        assert_eq!(member.attribute, "members");
        assert_eq!(member.tests.unwrap()[0].value, "a]b");
        let work = read(r#"emails[type eq "work"].value"#);
        assert_eq!(
            (work.attribute.as_str(), work.part.as_deref()),
            ("emails", Some("value"))
        );
        let name = read("name.givenName");
        assert_eq!(
            (name.attribute.as_str(), name.part.as_deref()),
            ("name", Some("givenname"))
        );
        let far = read("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department");
        assert!(far.attribute.starts_with("urn:"));
        for text in [
            "",
            "a b",
            "members[",
            "members[value]",
            "a[b eq 1]c",
            "a[b eq 1].",
            "ä",
            ".",
        ] {
            let problem = path(text).unwrap_err();
            assert_eq!(problem.word, Some("invalidPath"), "{text}");
        }
    }
}
