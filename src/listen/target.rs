//! Reads the request target: where on which host.
//!
//! In: the bytes between method and version, or the `:path` of HTTP/2. Out: its form, or what is
//! wrong with it.
//!
//! Every byte that passes here passes `http::Uri` too, so the parser behind never answers in our
//! place. The alphabet is that of RFC 3986, with the brackets, bars and carets that browsers send
//! raw in a query. Percent signs and dots are the business of `resolve`, which decodes them.
//!
//! Never: a fragment, a backslash, userinfo, a scheme but http and https, `*`.
//!
//! RFC 9112 3.2; RFC 3986 3.3, 3.4.

use super::bytes;
use super::host::Host;

/// A well-formed target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target<'a> {
    /// The authority of a target in absolute form.
    pub(super) authority: Option<&'a [u8]>,
    /// Path and query; empty for an absolute form without path.
    pub(super) path_and_query: &'a [u8],
}

impl<'a> Target<'a> {
    /// Reads origin form and absolute form; the error says what is wrong, for the caller.
    pub(super) fn read(target: &'a [u8]) -> Result<Target<'a>, &'static str> {
        if target.first() == Some(&b'/') {
            check_path_and_query(target)?;
            return Ok(Target {
                authority: None,
                path_and_query: target,
            });
        }
        let after = strip_scheme(target).ok_or("the request target does not begin with a slash")?;
        let end = after.iter().position(|byte| b"/?#".contains(byte));
        let (authority, path_and_query) = match end.and_then(|end| after.split_at_checked(end)) {
            Some(parts) => parts,
            None => (after, [].as_slice()),
        };
        if Host::read(authority).is_none() {
            return Err("the request target names no well-formed host");
        }
        check_path_and_query(path_and_query)?;
        Ok(Target {
            authority: Some(authority),
            path_and_query,
        })
    }
}

/// Checks the alphabet of a path and its query; an empty one passes.
pub(super) fn check_path_and_query(target: &[u8]) -> Result<(), &'static str> {
    let path_ends = bytes::run(target, bytes::PATH);
    let Some(query) = target.get(path_ends..) else {
        return Ok(());
    };
    match query.first() {
        None => Ok(()),
        Some(b'?') if path_ends > 0 && bytes::run(query, bytes::QUERY) == query.len() => Ok(()),
        Some(_) if target.contains(&b'#') => Err("the request target has a fragment"),
        Some(_) => Err("the request target has a byte that must be percent-encoded"),
    }
}

fn strip_scheme(target: &[u8]) -> Option<&[u8]> {
    [b"http://".as_slice(), b"https://"]
        .into_iter()
        .find_map(|scheme| {
            let (head, rest) = target.split_at_checked(scheme.len())?;
            head.eq_ignore_ascii_case(scheme).then_some(rest)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_form_and_absolute_form_are_read() {
        assert_eq!(Target::read(b"/").unwrap().authority, None);
        let target = Target::read(b"HTTP://api.example:80/a?b[]=c|d").unwrap();
        assert_eq!(target.authority, Some(b"api.example:80".as_slice()));
        assert_eq!(target.path_and_query, b"/a?b[]=c|d");
        let target = Target::read(b"https://api.example").unwrap();
        assert_eq!(target.path_and_query, b"");
    }

    #[test]
    fn anything_else_is_refused() {
        for target in [
            "",
            "*",
            "a",
            "?a",
            "#",
            "/#",
            "/a#b",
            "/a?b#c",
            "/a\\b",
            "/a?b\\c",
            "/a\"b",
            "/a?b\"c",
            "/<a>",
            "/a?<b>",
            "/{a}",
            "/a|b",
            "/a^b",
            "/a`b",
            "/[a]",
            "/é",
            "/a?é",
            "/a\tb",
            "/a\0b",
            "/a\x7fb",
            "api.example:443",
            "ftp://api.example/",
            "//",
            "http:/a",
            "http://",
            "http:///a",
            "http://u@api.example/",
            "http://u:p@api.example/",
            "http://api.example?a",
            "http://api.example#a",
            "http://api.example/a#b",
            "http://a:b/",
            "http://[::1/",
        ] {
            let refused = Target::read(target.as_bytes()).is_err();
            // Two slashes are a path: `resolve` refuses its empty segment.
            assert_eq!(refused, target != "//", "{target:?}");
        }
    }

    #[test]
    fn what_passes_here_is_a_uri_to_the_parser_behind() {
        for byte in 0..=255u8 {
            for target in [
                [b"/a".as_slice(), &[byte], b"b"].concat(),
                [b"/a?".as_slice(), &[byte], b"b"].concat(),
                [b"http://h".as_slice(), &[byte], b"b/"].concat(),
            ] {
                if Target::read(&target).is_ok() {
                    http::Uri::try_from(target.as_slice()).expect("a uri");
                }
            }
        }
    }
}
