//! Reads the query of a page as the browser's form wrote it.
//!
//! In: the query of a request. Out: [`Pairs`], decoded once; or a refusal that names the field and says
//! how it is written.
//!
//! Never: a field twice, a field that the page does not have, an escape that is none, a control
//! character, a text that some reader could take for another. A field without a value is not there,
//! but for the scope, where that would be a wider one.
//!
//! WHATWG URL, `application/x-www-form-urlencoded`.

use crate::refusal::{Reason, Refusal};
use crate::resolve::Scope;

/// The fields of a query that have values, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Reads a query.
    ///
    /// # Errors
    ///
    /// `malformed_request`, with the field that is wrong.
    pub fn read(query: Option<&str>) -> Result<Pairs, Refusal> {
        let query = query.unwrap_or_default();
        if query.len() > LONGEST {
            return Err(malformed("it is longer than 4096 bytes"));
        }
        let mut pairs = Pairs::default();
        for written in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = written.split_once('=').unwrap_or((written, ""));
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase()) {
                return Err(malformed("names of its fields are lower case letters"));
            }
            if pairs.0.iter().any(|(known, _)| known == name) {
                return Err(malformed(&format!("`{name}` is there twice")));
            }
            let value = decoded(value).ok_or_else(|| {
                let told = format!("`{name}` is not UTF-8 text, escaped as a browser does it");
                malformed(&told)
            })?;
            pairs.0.push((name.to_owned(), value));
        }
        for wide in SCOPES {
            if pairs
                .0
                .iter()
                .any(|(name, value)| name == wide && value.is_empty())
            {
                let told = format!("`{wide}` has no value: leave it out to ask for everything");
                return Err(malformed(&told));
            }
        }
        pairs.0.retain(|(_, value)| !value.is_empty());
        Ok(pairs)
    }

    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut found = self.0.iter().filter(|(known, _)| known == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// Every field with its value.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        let each = self.0.iter();
        each.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Sees to it that there are no fields but these and those of the scope.
    ///
    /// # Errors
    ///
    /// `malformed_request`, with the fields that there are.
    pub fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        let is_known = |name: &str| known.contains(&name) || SCOPES.contains(&name);
        match self.0.iter().find(|(name, _)| !is_known(name)) {
            None => Ok(()),
            Some((name, _)) => {
                let there: Vec<&str> = SCOPES.iter().chain(known).copied().collect();
                let told = format!("it has no field `{name}`; there are {}", there.join(", "));
                Err(malformed(&told))
            }
        }
    }

    /// Whose records it asks for.
    ///
    /// # Errors
    ///
    /// `malformed_request` when it names two, or one that cannot be.
    pub fn scope(&self) -> Result<Scope<'_>, Refusal> {
        match (self.get("team"), self.get("project")) {
            (None, None) => Ok(Scope::Everything),
            (Some(_), Some(_)) => Err(malformed("it names a `team` or a `project`, not both")),
            (Some(team), None) => Ok(Scope::Team(team)),
            (None, Some(path)) if is_path(path) => Ok(Scope::Project(path)),
            (None, Some(_)) => Err(malformed(
                "`project` is a path as policies spell it: `acme/shop/api`",
            )),
        }
    }
}

/// A path that can be read in one way only, perhaps behind the name of its issuer.
fn is_path(text: &str) -> bool {
    let (issuer, path) = match text.split_once(':') {
        Some((issuer, path)) => (Some(issuer), path),
        None => (None, text),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let part = |part: &str| !matches!(part, "" | "." | "..") && part.chars().all(plain);
    issuer.is_none_or(part) && path.contains('/') && path.split('/').all(part)
}

/// The text behind plus signs and escapes; nothing where it is none.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).ok()?
            }
            plain => plain,
        });
    }
    let text = String::from_utf8(bytes).ok()?;
    (!text.chars().any(char::is_control)).then_some(text)
}

/// The query of a page cannot be read.
pub fn malformed(what: &str) -> Refusal {
    let told = format!("the query of this page cannot be read: {what}");
    Refusal::new(Reason::MalformedRequest).telling(told)
}

const SCOPES: &[&str] = &["team", "project"];

/// Of a query, in bytes.
const LONGEST: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(query: &str) -> Result<String, ()> {
        let pairs = Pairs::read(Some(query)).map_err(drop)?;
        let scope = pairs.scope().map_err(drop)?;
        Ok(scope.id().unwrap_or_else(|| "everything".to_owned()))
    }

    #[test]
    fn a_scope_is_read_as_the_browser_wrote_it() {
        for (query, read) in [
            ("", "everything"),
            ("q=&decision=", "everything"),
            ("team=payments", "team:payments"),
            ("team=%70ayments", "team:payments"),
            ("q=a+b&project=acme%2Fshop%2Fapi", "project:acme/shop/api"),
            ("project=github:acme/shop", "project:github:acme/shop"),
        ] {
            assert_eq!(scope(query), Ok(read.to_owned()), "{query}");
        }
    }

    #[test]
    fn an_odd_scope_is_refused_and_never_a_wider_one() {
        for query in [
            "team=",
            "team",
            "team=%",
            "team=%7",
            "team=%zz",
            "team=%00",
            "team=%ff",
            "team=a&team=a",
            "team=payments&team=search",
            "team=payments&project=acme/shop/api",
            "TEAM=payments",
            "Team=payments",
            "t%65am=payments",
            "=payments",
            "project=",
            "project=acme",
            "project=acme/../other",
            "project=acme//shop",
            "project=/acme/shop",
            "project=acme/*",
            "project=acme/shop%0a",
            "project=a:b:c/d",
            "project=acme/sh op",
        ] {
            assert_eq!(scope(query), Err(()), "{query}");
        }
    }

    #[test]
    fn a_field_that_the_page_has_not_is_told() {
        let pairs = Pairs::read(Some("q=x&sort=up")).unwrap();
        assert!(pairs.only(&["q", "sort"]).is_ok());
        assert!(pairs.only(&["q"]).is_err());
    }
}
