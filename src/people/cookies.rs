//! Reads and writes the two cookies of ours.
//!
//! In: the fields of a request, or what is to be kept in a browser. Out: the one value of a cookie, or
//! the text of `set-cookie`.
//!
//! Both are `__Host-`: for this host alone, by TLS alone, for all paths, so that no neighbour and no
//! subdomain can set them. Scripts cannot read them. A name that comes twice is nobody's.
//!
//! RFC 6265 4.2.1; draft-ietf-httpbis-rfc6265bis 4.1.3.2 (`__Host-`).

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use crate::refusal::{Reason, Refusal};

/// A cookie of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cookie {
    /// Whose session it is.
    Session,
    /// A sign-in that has begun.
    Login,
}

impl Cookie {
    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Cookie::Session => "__Host-stile",
            Cookie::Login => "__Host-stile-login",
        }
    }

    /// Its value in these fields, where there is one.
    ///
    /// # Errors
    ///
    /// `multiple_credentials` where it is there more than once.
    pub(super) fn find(self, headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
        let fields = headers.get_all(COOKIE).iter();
        let pairs = fields
            .filter_map(|field| field.to_str().ok())
            .flat_map(|field| field.split(';'));
        let mut values = pairs.filter_map(|pair| {
            let (name, value) = pair.trim_matches(' ').split_once('=')?;
            (name == self.name()).then_some(value)
        });
        let first = values.next();
        match values.next() {
            None => Ok(first),
            Some(_) => Err(Refusal::new(Reason::MultipleCredentials).telling(
                "a cookie of this site came more than once; remove them and sign in again",
            )),
        }
    }

    /// Puts it into the browser, for so many seconds.
    pub(super) fn set(self, value: &str, lives_s: u64) -> Option<HeaderValue> {
        let text = format!("{}={value}; Max-Age={lives_s}; {ATTRIBUTES}", self.name());
        let mut field = HeaderValue::try_from(text).ok()?;
        field.set_sensitive(true);
        Some(field)
    }

    /// Takes it out of the browser.
    pub(super) fn clear(self) -> Option<HeaderValue> {
        self.set("", 0)
    }
}

/// `Lax`: a link from another site shows the page, a form of another site does nothing.
const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";

#[cfg(test)]
mod tests {
    use super::*;

    fn found(fields: &[&str]) -> Result<Option<String>, Reason> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(COOKIE, HeaderValue::from_str(field).unwrap());
        }
        let found = Cookie::Session.find(&headers);
        found
            .map(|value| value.map(str::to_owned))
            .map_err(|refusal| refusal.reason())
    }

    #[test]
    fn the_one_cookie_of_the_name_is_found_among_others() {
        for field in [
            "__Host-stile=abc",
            "a=b; __Host-stile=abc; c=d",
            "__Host-stile-login=x; __Host-stile=abc",
            ";; =; __Host-stile=abc;",
        ] {
            assert_eq!(found(&[field]), Ok(Some("abc".to_owned())), "{field}");
        }
        assert_eq!(
            found(&["a=b", "__Host-stile=abc"]),
            Ok(Some("abc".to_owned()))
        );
    }

    #[test]
    fn another_spelling_is_another_cookie() {
        for field in [
            "",
            "=;;a",
            "__host-stile=abc",
            "__Host-stile",
            "__Host-stile =abc",
            "x__Host-stile=abc",
            "stile=abc",
            "%5F_Host-stile=abc",
            "\"__Host-stile\"=abc",
        ] {
            assert_eq!(found(&[field]), Ok(None), "{field}");
        }
    }

    #[test]
    fn a_cookie_that_came_twice_is_nobodys() {
        let twice = [
            vec!["__Host-stile=a; __Host-stile=a"],
            vec!["__Host-stile=a", "__Host-stile=b"],
            vec!["__Host-stile=; __Host-stile=b"],
        ];
        for fields in twice {
            assert_eq!(
                found(&fields),
                Err(Reason::MultipleCredentials),
                "{fields:?}"
            );
        }
    }

    #[test]
    fn a_cookie_is_for_this_host_by_tls_and_not_for_scripts() {
        let set = Cookie::Session.set("v", 60).unwrap();
        let set = set.to_str().unwrap();
        for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=60"] {
            assert!(set.contains(attribute), "{set}");
        }
        assert!(!set.contains("Domain"), "{set}");
    }
}
