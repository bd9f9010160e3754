//! Says what class a request is of, or that it cannot be told.
//!
//! In: method, path and position of a request, and what its answer hands out. Out: a [`Class`], and why
//! where a reader should look.
//!
//! Never: a class that is weaker than what the request may do. What cannot be told is `power`.

use super::naming::{Named, Position};
use super::requests::Request;
use super::words::words;
use crate::resolve::Class;

/// A class, and why it is no plain one.
pub(super) fn class(
    request: &Request<'_>,
    named: &Named,
    secret: Option<&str>,
) -> (Class, Option<String>) {
    let literals = request
        .path
        .split('/')
        .filter(|segment| !segment.starts_with('{'));
    let literals: Vec<Vec<String>> = literals.map(words).collect();
    let speaks_of = |list: &[&str]| {
        let whole = literals.iter().map(|words| words.join(""));
        let single = literals.iter().flatten().cloned();
        whole
            .chain(single)
            .find(|word| list.contains(&word.as_str()) || is_one_of(word, list))
    };
    let power = |why: String| (Class::Power, Some(why));
    if let Some(word) = speaks_of(SECRETS) {
        return power(format!("its path speaks of `{word}`"));
    }
    let reads = matches!(request.method, "GET" | "HEAD" | "OPTIONS");
    if let Some(word) = speaks_of(RIGHTS).filter(|_| !reads) {
        return power(format!("its path speaks of `{word}`"));
    }
    if let Some(secret) = secret {
        return power(format!("its answer has `{}`", shown(secret)));
    }
    if reads {
        return match speaks_of(DEEDS) {
            Some(word) => power(format!("it is a {}, and says `{word}`", request.method)),
            None => (Class::Read, None),
        };
    }
    if named.is_scope {
        return power("it makes or changes what others lie in".to_owned());
    }
    match (request.method, named.position) {
        ("DELETE", _) => (Class::Delete, None),
        ("PUT" | "PATCH", Position::Item) | ("POST", Position::Collection) => (Class::Write, None),
        ("POST", _) => power("what this POST does cannot be told".to_owned()),
        _ => power("what this changes cannot be told".to_owned()),
    }
}

/// The name of a property, as a comment may have it.
fn shown(name: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || "_-. ".contains(*c);
    name.chars().filter(plain).take(60).collect()
}

fn is_one_of(word: &str, list: &[&str]) -> bool {
    word.strip_suffix('s')
        .is_some_and(|one| list.contains(&one))
}

/// What hands out or takes secrets, or speaks for somebody else.
const SECRETS: &[&str] = &[
    "token",
    "secret",
    "credential",
    "password",
    "passwd",
    "apikey",
    "accesskey",
    "privatekey",
    "key",
    "certificate",
    "kubeconfig",
    "impersonate",
    "impersonation",
    "login",
    "logout",
    "signin",
    "signup",
    "session",
    "auth",
    "oauth",
    "oauth2",
    "oidc",
    "sso",
    "saml",
    "scim",
    "ldap",
    "proxy",
];

/// What says who may do what, and whose something is.
const RIGHTS: &[&str] = &[
    "admin",
    "user",
    "member",
    "membership",
    "role",
    "permission",
    "policy",
    "policies",
    "rbac",
    "acl",
    "access",
    "accesscontrol",
    "invite",
    "invitation",
    "serviceaccount",
    "team",
    "grant",
    "label",
    "tag",
    "owner",
    "ownership",
    "share",
    "sharing",
    "transfer",
    "licence",
    "license",
    "licensing",
    "billing",
];

/// What a GET should not do, and some do.
const DEEDS: &[&str] = &[
    "delete",
    "remove",
    "reset",
    "restart",
    "run",
    "execute",
    "trigger",
    "start",
    "stop",
    "enable",
    "disable",
    "activate",
    "confirm",
    "approve",
    "revoke",
    "rotate",
    "callback",
    "unsubscribe",
];
