//! Takes a URL apart and says what a setting may not contain.
//!
//! In: the text of a URL. Out: its [`Parts`], or a sentence about what is wrong with it.
//!
//! Never: normalises. What is compared byte by byte later is used as it was written.
//!
//! RFC 3986, section 3.

use std::net::IpAddr;
use std::num::NonZeroU16;

/// The parts of an `http` or `https` URL that settings look at.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parts<'t> {
    pub(super) secure: bool,
    /// The host, lower case, without port and brackets.
    pub(super) host: String,
    /// The path as written; empty when there is none.
    pub(super) path: &'t str,
}

impl Parts<'_> {
    /// Takes the URL apart.
    pub(super) fn of(text: &str) -> Result<Parts<'_>, &'static str> {
        if text.contains('#') {
            return Err("a URL here has no fragment");
        }
        if text.contains('?') {
            return Err("a URL here has no query");
        }
        let uri: http::Uri = text.parse().map_err(|_| "not a URL")?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err("a URL here begins with https://"),
        };
        let authority = uri.authority().ok_or("a URL here names a host")?;
        if authority.as_str().contains('@') {
            return Err("a URL here has no user name and no password");
        }
        let after_host = authority
            .as_str()
            .strip_prefix(authority.host())
            .unwrap_or("");
        let digits = after_host
            .strip_prefix(':')
            .filter(|port| !port.contains('+'));
        let port = digits.map(str::parse::<NonZeroU16>);
        if !after_host.is_empty() && !matches!(port, Some(Ok(_))) {
            return Err("a URL here has a port from 1 to 65535, or none");
        }
        let host = authority
            .host()
            .trim_matches(['[', ']'])
            .to_ascii_lowercase();
        if host.is_empty() {
            return Err("a URL here names a host");
        }
        let rest = text.split_once("://").map_or("", |(_, rest)| rest);
        let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("");
        Ok(Parts { secure, host, path })
    }

    /// Whether only this machine can be meant.
    pub(super) fn loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => self.host == "localhost",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_as_written() {
        let parts = Parts::of("https://API.example.com:8443/oauth2/x").unwrap();
        assert!(parts.secure && !parts.loopback());
        assert_eq!(
            (parts.host.as_str(), parts.path),
            ("api.example.com", "/oauth2/x")
        );
        assert_eq!(Parts::of("https://a").unwrap().path, "");
        assert_eq!(Parts::of("https://a/").unwrap().path, "/");
    }

    #[test]
    fn loopback_is_this_machine_only() {
        for text in [
            "http://localhost:1",
            "http://127.0.0.1",
            "http://127.8.8.8:2",
            "http://[::1]:3",
        ] {
            assert!(Parts::of(text).unwrap().loopback(), "{text}");
        }
        for text in [
            "http://localhost.example.com",
            "http://127.0.0.1.nip.io",
            "http://10.0.0.1",
            "http://[::2]",
        ] {
            assert!(!Parts::of(text).unwrap().loopback(), "{text}");
        }
    }

    #[test]
    fn what_is_no_plain_url_is_refused() {
        for text in [
            "",
            "a",
            "//a",
            "/a",
            "ftp://a",
            "https://",
            "https:///x",
            "https://u:p@a",
            "https://a?x",
            "https://a/#y",
            "https://a b",
            "https://a:",
            "https://a:0",
            "https://a:+5",
            "https://a:99999",
            "https://ä",
        ] {
            assert!(Parts::of(text).is_err(), "{text}");
        }
    }
}
