//! The words for dialects in `stile.yaml`.
//!
//! In: the text of `dialect`. Out: a [`Dialect`], or a sentence with the nearest word.
//!
//! Each says itself what it is for, so that the JSON Schema and messages agree.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::tree::shortened;
use crate::setup_error::nearest;

/// How one kind of issuer words its claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Gitlab,
    Github,
    Okta,
    Keycloak,
    Auth0,
    Entra,
    Google,
    Openid,
}

impl Dialect {
    const ALL: [Dialect; 8] = [
        Dialect::Gitlab,
        Dialect::Github,
        Dialect::Okta,
        Dialect::Keycloak,
        Dialect::Auth0,
        Dialect::Entra,
        Dialect::Google,
        Dialect::Openid,
    ];

    /// The word for it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Dialect::Gitlab => "gitlab",
            Dialect::Github => "github",
            Dialect::Okta => "okta",
            Dialect::Keycloak => "keycloak",
            Dialect::Auth0 => "auth0",
            Dialect::Entra => "entra",
            Dialect::Google => "google",
            Dialect::Openid => "openid",
        }
    }

    const fn meaning(self) -> &'static str {
        match self {
            Dialect::Gitlab => "GitLab CI `id_tokens`.",
            Dialect::Github => "GitHub Actions: tokens of jobs.",
            Dialect::Okta => "Okta custom authorization servers: access tokens.",
            Dialect::Keycloak => "Keycloak realms: access tokens.",
            Dialect::Auth0 => "Auth0 tenants: access tokens for an API.",
            Dialect::Entra => "Entra ID tenants: access tokens of version 2.",
            Dialect::Google => "Google accounts: ID tokens.",
            Dialect::Openid => "Any other OpenID provider, by `claims`.",
        }
    }

    /// The word that people may know it by.
    fn by_another_name(text: &str) -> Option<&'static str> {
        let lower = text.to_ascii_lowercase();
        let (_, word) = OTHER_NAMES.iter().find(|(name, _)| *name == lower)?;
        Some(word)
    }
}

impl Serialize for Dialect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for Dialect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Dialect, D::Error> {
        let text = String::deserialize(deserializer)?;
        if let Some(known) = Dialect::ALL.iter().find(|known| known.word() == text) {
            return Ok(*known);
        }
        let words = Dialect::ALL.map(Dialect::word);
        let near =
            Dialect::by_another_name(&text).or_else(|| nearest(&text.to_ascii_lowercase(), words));
        let hint = near.map_or_else(
            || format!("one of `{}`", words.join("`, `")),
            |word| format!("did you mean `{word}`?"),
        );
        Err(D::Error::custom(format!(
            "`{}` is not known here\n{hint}",
            shortened(&text)
        )))
    }
}

impl JsonSchema for Dialect {
    fn schema_name() -> Cow<'static, str> {
        "Dialect".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let all = Dialect::ALL.map(|dialect| {
            serde_json::json!({ "const": dialect.word(), "description": dialect.meaning() })
        });
        json_schema!({
            "description": "How one kind of issuer words its claims.",
            "type": "string",
            "oneOf": all,
        })
    }
}

/// What else they are called, and what the nearest word would not find.
const OTHER_NAMES: [(&str, &str); 8] = [
    ("azure", "entra"),
    ("azuread", "entra"),
    ("microsoft", "entra"),
    ("github-actions", "github"),
    ("gitlab-ci", "gitlab"),
    ("redhat", "keycloak"),
    ("oidc", "openid"),
    ("generic", "openid"),
];
