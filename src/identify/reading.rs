//! Reads the claims of one token by the table of its dialect.
//!
//! In: verified claims and a table. Out: texts, lists and truths, or a [`Refusal`].
//!
//! First the marks, which tell this kind of token from others of the same issuer; then the form of
//! every claim that is there. A claim of the wrong form is never taken for an absent one, a number
//! never for a text. A dialect can read only what its table has, in the form that it has there.
//!
//! Never: a claim that its table does not have.

use serde_json::{Map, Value};

use super::actors;
use super::claim_table::{ClaimLine, Form};
use super::claims::{Claims, malformed};
use crate::refusal::{Reason, Refusal};

/// Claims that fit the table of a dialect.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    claims: &'a Claims,
    table: &'static [ClaimLine],
    /// Which claims the names in braces stand for.
    named: &'a [(&'static str, &'a str)],
}

impl<'a> Reading<'a> {
    /// Holds claims against a table. `other_kind` tells the bearer of a token of another kind what
    /// to send instead.
    pub(super) fn of(
        claims: &'a Claims,
        table: &'static [ClaimLine],
        named: &'a [(&'static str, &'a str)],
        other_kind: &'static str,
    ) -> Result<Reading<'a>, Refusal> {
        let reading = Reading {
            claims,
            table,
            named,
        };
        for line in table {
            let there = claims.get(reading.name(line.claim)).is_some();
            let unlike = match line.form {
                Form::Mark => !there,
                Form::Never => there,
                _ => false,
            };
            if unlike {
                let noted = format!("claim `{}` tells another kind of token", line.claim);
                let refusal = Refusal::new(Reason::WrongType).telling(other_kind);
                return Err(refusal.noting(noted));
            }
        }
        for line in table {
            let name = reading.name(line.claim);
            if !fits(line.form, claims.get(name)) {
                let wanted = wanted(line.form);
                return Err(malformed(format!("claim `{name}` is not {wanted}")));
            }
        }
        Ok(reading)
    }

    /// A text that must be there.
    pub(super) fn text(&self, claim: &'static str) -> Result<String, Refusal> {
        let value = self.value(claim, &[Form::Text, Form::Mark])?;
        let text = value.and_then(Value::as_str);
        text.map(str::to_owned)
            .ok_or_else(|| malformed(format!("claim `{claim}` is missing")))
    }

    /// A text, where there is one.
    pub(super) fn maybe(&self, claim: &'static str) -> Result<Option<String>, Refusal> {
        let value = self.value(claim, &[Form::MaybeText, Form::NullableText])?;
        let text = value.and_then(Value::as_str);
        Ok(text.filter(|text| !text.is_empty()).map(str::to_owned))
    }

    /// Whether the issuer says yes in its exact way; no when it says nothing.
    pub(super) fn is_true(&self, claim: &'static str) -> Result<bool, Refusal> {
        let value = self.value(claim, &[Form::Truth, Form::Flag])?;
        Ok(match value {
            Some(Value::Bool(yes)) => *yes,
            Some(Value::String(text)) => text == "true",
            _ => false,
        })
    }

    /// A list of texts; absent is empty.
    pub(super) fn texts(&self, claim: &'static str) -> Result<Vec<String>, Refusal> {
        Ok(owned(self.value(claim, &[Form::Texts])?))
    }

    /// The keys of an object; absent is none.
    pub(super) fn object(
        &self,
        claim: &'static str,
    ) -> Result<Option<&'a Map<String, Value>>, Refusal> {
        Ok(self
            .value(claim, &[Form::Object])?
            .and_then(Value::as_object))
    }

    /// What the token may be used for: the words of `scope` and `scp`, each once and in order.
    ///
    /// Issuers write one, the other, or both alike (RFC 8693 4.2, RFC 9068 2.2.3).
    pub(super) fn scopes(&self) -> Result<Vec<String>, Refusal> {
        let mut lists = Vec::new();
        for claim in ["scope", "scp"] {
            if self.table.iter().any(|line| line.claim == claim)
                && let Some(value) = self.value(claim, &[Form::Words])?
            {
                lists.push(words(value));
            }
        }
        let mut scopes = Vec::new();
        for word in lists.iter().flatten() {
            if !scopes.contains(word) {
                scopes.push(word.clone());
            }
        }
        let whole = |list: &Vec<String>| scopes.iter().all(|word| list.contains(word));
        match lists.iter().all(whole) {
            true => Ok(scopes),
            false => Err(malformed("claims `scope` and `scp` differ")),
        }
    }

    /// Who acts now, and for whom that one acts, nearest first; nobody when the subject itself does.
    pub(super) fn actors(&self) -> Result<Vec<String>, Refusal> {
        let act = self.value("act", &[Form::Actors])?;
        let Some(chain) = act.map_or(Some(Vec::new()), actors::chain) else {
            return Err(malformed("claim `act` is no chain of actors"));
        };
        let issuer = self.claims.get("iss").and_then(Value::as_str);
        Ok(chain.iter().map(|actor| actor.name(issuer)).collect())
    }

    /// The roles in `{"roles": [...]}`.
    pub(super) fn roles(&self, claim: &'static str) -> Result<Vec<String>, Refusal> {
        let value = self.value(claim, &[Form::Roles])?;
        Ok(owned(value.and_then(|value| value.get("roles"))))
    }

    /// The roles at one client in `{"client": {"roles": [...]}}`.
    pub(super) fn roles_at(
        &self,
        claim: &'static str,
        client: &str,
    ) -> Result<Vec<String>, Refusal> {
        let value = self.value(claim, &[Form::RolesByClient])?;
        let at = value.and_then(|value| value.get(client)?.get("roles"));
        Ok(owned(at))
    }

    fn value(&self, claim: &'static str, forms: &[Form]) -> Result<Option<&'a Value>, Refusal> {
        let line = self.table.iter().find(|line| line.claim == claim);
        match line.filter(|line| forms.contains(&line.form)) {
            Some(_) => Ok(self.claims.get(self.name(claim))),
            None => Err(malformed(format!("claim `{claim}` is in no table"))),
        }
    }

    fn name(&self, claim: &'static str) -> &'a str {
        let named = self.named.iter().find(|(brace, _)| *brace == claim);
        named.map_or(claim, |(_, name)| name)
    }
}

/// Whether a value has a form. `None` is absent.
fn fits(form: Form, value: Option<&Value>) -> bool {
    let Some(value) = value else {
        return !matches!(form, Form::Text | Form::Mark);
    };
    match form {
        Form::Text | Form::Mark => value.as_str().is_some_and(|text| !text.is_empty()),
        Form::MaybeText | Form::Truth => value.is_string(),
        Form::NullableText => value.is_string() || value.is_null(),
        Form::Flag => value.is_boolean(),
        Form::Number => value.is_u64(),
        Form::Texts => is_texts(value),
        Form::Words => is_words(value),
        Form::Actors => actors::chain(value).is_some(),
        Form::Object => value.is_object(),
        Form::Objects => value
            .as_array()
            .is_some_and(|all| all.iter().all(Value::is_object)),
        Form::Roles => has_roles(value),
        Form::RolesByClient => value
            .as_object()
            .is_some_and(|clients| clients.values().all(has_roles)),
        Form::Never => false,
    }
}

fn wanted(form: Form) -> &'static str {
    match form {
        Form::Text | Form::Mark => "a text that says something",
        Form::MaybeText | Form::Truth => "a text",
        Form::NullableText => "a text or null",
        Form::Flag => "true or false",
        Form::Number => "a whole number from 0",
        Form::Texts => "a list of texts",
        Form::Words => "words in a text or a list",
        Form::Actors => "a short chain of objects, each with a `sub`",
        Form::Object => "an object",
        Form::Objects => "a list of objects",
        Form::Roles => "an object with a list of texts in `roles`",
        Form::RolesByClient => "an object of objects with `roles`",
        Form::Never => "absent",
    }
}

fn is_texts(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|all| all.iter().all(Value::is_string))
}

fn has_roles(value: &Value) -> bool {
    value
        .as_object()
        .is_some_and(|object| object.get("roles").is_none_or(is_texts))
}

/// A word in a list with a space in it would be two words in a text, so it is none.
fn is_words(value: &Value) -> bool {
    let word = |one: &Value| {
        one.as_str()
            .is_some_and(|word| !word.is_empty() && !word.contains(char::is_whitespace))
    };
    match value {
        Value::String(text) => text.chars().all(|c| c == ' ' || !c.is_whitespace()),
        Value::Array(all) => all.iter().all(word),
        _ => false,
    }
}

fn words(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => {
            let words = text.split(' ').filter(|word| !word.is_empty());
            words.map(str::to_owned).collect()
        }
        _ => owned(Some(value)),
    }
}

fn owned(list: Option<&Value>) -> Vec<String> {
    let all = list.and_then(Value::as_array);
    let texts = all.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}
