//! Finds the one credential of a request.
//!
//! In: the fields and the query of an `Arrival`. Out: a token, unread, with the scheme it came in,
//! or a [`Refusal`].
//!
//! Two fields may carry it: `authorization` (`Bearer` or `DPoP` in any case and one space, or the
//! bare token, as some clients of Lightstep send it) and `lightstep-access-token`. Exactly one of them, exactly
//! once, with exactly one value: where two readers could disagree on which token counts, nobody is
//! believed. That goes for a token beside a cookie or beside `access_token` in the query, too.
//!
//! Never: reads a token from the query or a cookie, or takes another scheme for a token.
//!
//! RFC 6750 2.1 and 2.3; RFC 9449 7.1; RFC 9110 11.4 (schemes are case-insensitive).

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::refusal::{Reason, Refusal};

/// A token as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent<'a> {
    pub(super) token: &'a str,
    pub(super) scheme: Scheme,
}

/// What comes with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// Nothing.
    Bearer,
    /// A proof that the caller has the key that the token is bound to.
    Dpop,
}

/// The token of these fields, not yet looked into.
pub(super) fn find<'a>(headers: &'a HeaderMap, query: Option<&str>) -> Result<Sent<'a>, Refusal> {
    let bearer = only(headers, &AUTHORIZATION)?;
    let lightstep = only(headers, &LIGHTSTEP)?;
    let sent = match (bearer, lightstep) {
        (Some(_), Some(_)) => return Err(several("two fields carry one")),
        (Some(value), None) => authorized(value)?,
        (None, Some(value)) => plain(text(value)?),
        (None, None) if query.is_some_and(names_a_token) => {
            return Err(Refusal::new(Reason::NoCredential).telling(IN_QUERY));
        }
        (None, None) => return Err(Refusal::new(Reason::NoCredential)),
    };
    if sent.token.is_empty() {
        return Err(Refusal::new(Reason::NoCredential));
    }
    if query.is_some_and(names_a_token) {
        return Err(several("the query carries one, too"));
    }
    if headers.contains_key(COOKIE) {
        return Err(several("a cookie came with it"));
    }
    Ok(sent)
}

/// Whether there is anything that could be meant as a credential.
pub(super) fn is_sent(headers: &HeaderMap, query: Option<&str>) -> bool {
    let fields = [AUTHORIZATION, LIGHTSTEP, COOKIE];
    fields.iter().any(|name| headers.contains_key(name)) || query.is_some_and(names_a_token)
}

/// The value of a field that may be there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(several("a field came twice"));
    }
    // A list by commas is the same field twice (RFC 9110 5.3); no token has a comma in it.
    if first.is_some_and(|value| value.as_bytes().contains(&b',')) {
        return Err(several("a field lists two"));
    }
    Ok(first)
}

fn authorized(value: &HeaderValue) -> Result<Sent<'_>, Refusal> {
    let value = text(value)?;
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(plain(token)),
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("dpop") => Ok(Sent {
            token,
            scheme: Scheme::Dpop,
        }),
        Some(_) => Err(Refusal::new(Reason::NoCredential).telling(OTHER_SCHEME)),
        None if OTHER_SCHEMES
            .iter()
            .any(|scheme| value.eq_ignore_ascii_case(scheme)) =>
        {
            Err(Refusal::new(Reason::NoCredential))
        }
        None => Ok(plain(value)),
    }
}

fn plain(token: &str) -> Sent<'_> {
    Sent {
        token,
        scheme: Scheme::Bearer,
    }
}

fn text(value: &HeaderValue) -> Result<&str, Refusal> {
    value
        .to_str()
        .map_err(|_| Refusal::new(Reason::MalformedToken))
}

/// Whether a parameter of the query is `access_token`, however it is spelled.
fn names_a_token(query: &str) -> bool {
    query.split(['&', ';']).any(|parameter| {
        let name = parameter.split('=').next().unwrap_or_default();
        unescaped(name).eq_ignore_ascii_case(b"access_token")
    })
}

fn unescaped(name: &str) -> Vec<u8> {
    let mut bytes = name.bytes();
    let mut read = Vec::with_capacity(name.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            read.push(byte);
            continue;
        }
        let digits = (bytes.next().and_then(hex), bytes.next().and_then(hex));
        let (Some(high), Some(low)) = digits else {
            return read;
        };
        read.push(high << 4 | low);
    }
    read
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

fn several(noted: &str) -> Refusal {
    Refusal::new(Reason::MultipleCredentials).noting(noted)
}

const LIGHTSTEP: HeaderName = HeaderName::from_static("lightstep-access-token");
/// Scheme words that came without anything after them.
const OTHER_SCHEMES: [&str; 6] = ["bearer", "basic", "digest", "negotiate", "dpop", "token"];
const OTHER_SCHEME: &str = "only the schemes `Bearer` and `DPoP` are accepted: put a token into `authorization: Bearer ...`";
const IN_QUERY: &str = "a token in the query is not read: put it into `authorization: Bearer ...`";

#[cfg(test)]
mod tests {
    use super::*;

    fn found(fields: &[(&'static str, &str)], query: Option<&str>) -> Result<String, Reason> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append(*name, value);
        }
        find(&headers, query)
            .map(|sent| sent.token.to_owned())
            .map_err(|refusal| refusal.reason())
    }

    #[test]
    fn a_token_comes_in_its_scheme() {
        for (value, scheme) in [
            ("DPoP a.b.c", Scheme::Dpop),
            ("dpop a.b.c", Scheme::Dpop),
            ("Bearer a.b.c", Scheme::Bearer),
            ("a.b.c", Scheme::Bearer),
        ] {
            let mut headers = HeaderMap::new();
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
            let token = "a.b.c";
            assert_eq!(find(&headers, None).unwrap(), Sent { token, scheme });
        }
    }

    #[test]
    fn one_token_is_found_in_each_place() {
        for fields in [
            ("authorization", "Bearer a.b.c"),
            ("authorization", "bearer a.b.c"),
            ("authorization", "BEARER a.b.c"),
            ("authorization", "a.b.c"),
            ("lightstep-access-token", "a.b.c"),
        ] {
            assert_eq!(
                found(&[fields], Some("x=1&y")),
                Ok("a.b.c".to_owned()),
                "{fields:?}"
            );
        }
    }

    #[test]
    fn a_cookie_or_another_scheme_is_no_credential() {
        for fields in [
            &[][..],
            &[("cookie", "token=a.b.c")],
            &[("authorization", "")],
            &[("authorization", "Bearer")],
            &[("authorization", "Bearer ")],
            &[("authorization", "Basic YTpi")],
            &[("authorization", "DPoP")],
            &[("authorization", "DPoP ")],
            &[("authorization", "Token a.b.c")],
            &[("proxy-authorization", "Bearer a.b.c")],
            &[("x-api-key", "a.b.c")],
            &[("x-id-token", "a.b.c")],
        ] {
            assert_eq!(found(fields, None), Err(Reason::NoCredential), "{fields:?}");
        }
        assert_eq!(
            found(&[], Some("access_token=a.b.c")),
            Err(Reason::NoCredential)
        );
    }

    #[test]
    fn two_places_for_a_token_are_refused_even_when_they_agree() {
        let bearer = ("authorization", "Bearer a.b.c");
        for fields in [
            &[bearer, bearer][..],
            &[bearer, ("authorization", "Bearer d.e.f")],
            &[bearer, ("lightstep-access-token", "a.b.c")],
            &[bearer, ("cookie", "a=b")],
            &[("authorization", "Bearer a.b.c, Bearer d.e.f")],
            &[("authorization", "Bearer a.b.c,d.e.f")],
            &[("lightstep-access-token", "a.b.c,d.e.f")],
            &[
                ("lightstep-access-token", "a"),
                ("lightstep-access-token", "a"),
            ],
        ] {
            assert_eq!(
                found(fields, None),
                Err(Reason::MultipleCredentials),
                "{fields:?}"
            );
        }
        for query in [
            "access_token=x",
            "a=b&access_token=",
            "access_token",
            "ACCESS_TOKEN=x",
            "access%5ftoken=x",
            "%61ccess_token=x",
            "a=b;access_token=x",
        ] {
            let found = found(&[bearer], Some(query));
            assert_eq!(found, Err(Reason::MultipleCredentials), "{query}");
        }
    }

    #[test]
    fn a_value_that_is_no_text_is_malformed() {
        let found = found(&[("authorization", "Bearer \u{e9}.b.c")], None);
        assert_eq!(found, Err(Reason::MalformedToken));
    }
}
