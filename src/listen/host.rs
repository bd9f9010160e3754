//! Reads the host that a caller names.
//!
//! In: the value of `host` or `:authority`. Out: the name and its port, or nothing.
//!
//! A host has one spelling here: a name of letters, digits, `-`, `.` and `_` without empty labels,
//! an IPv4 address, or an IPv6 address in brackets; then perhaps `:` and a port from 1 to 65535.
//!
//! Never: percent signs, userinfo, a list, a trailing dot, an empty port.
//!
//! RFC 9110 7.2; RFC 3986 3.2.2.

use std::net::Ipv6Addr;

use super::bytes;

/// A host as named, before its letters are lowered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Host<'a> {
    /// Without port; an IPv6 address with its brackets.
    pub(super) name: &'a str,
}

impl<'a> Host<'a> {
    /// Reads the whole of `value`; nothing when any byte of it does not fit.
    pub(super) fn read(value: &'a [u8]) -> Option<Host<'a>> {
        let text = std::str::from_utf8(value).ok()?;
        let (name, port) = match text.strip_prefix('[') {
            Some(after) => {
                let (address, port) = after.split_once(']')?;
                address.parse::<Ipv6Addr>().ok()?;
                (text.get(..address.len() + 2)?, port)
            }
            None => {
                let end = text.find(':').unwrap_or(text.len());
                let (name, port) = text.split_at_checked(end)?;
                is_name(name).then_some((name, port))?
            }
        };
        is_port(port).then_some(Host { name })
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= LONGEST
        && bytes::run(name.as_bytes(), bytes::HOST) == name.len()
        && name.split('.').all(|label| !label.is_empty())
}

fn is_port(port: &str) -> bool {
    match port.strip_prefix(':') {
        None => port.is_empty(),
        Some(digits) => {
            digits.bytes().all(|byte| byte.is_ascii_digit())
                && !digits.starts_with('0')
                && digits.parse::<u16>().is_ok()
        }
    }
}

/// The longest name of the DNS (RFC 1035 2.3.4).
const LONGEST: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_addresses_and_ports_are_read() {
        for (value, name) in [
            ("api.example", "api.example"),
            ("API.example:8443", "API.example"),
            ("stile_1:80", "stile_1"),
            ("127.0.0.1:65535", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("[2001:db8::1]:443", "[2001:db8::1]"),
        ] {
            assert_eq!(Host::read(value.as_bytes()), Some(Host { name }), "{value}");
        }
    }

    #[test]
    fn anything_else_is_not_a_host() {
        for value in [
            "",
            ":",
            ":80",
            "a:",
            "a:0",
            "a:080",
            "a:65536",
            "a:8o",
            "a:+80",
            "a:80:80",
            "a b",
            "a,b",
            "a@b",
            "a/b",
            "a?b",
            "a#b",
            "a\\b",
            "a%2eb",
            ".a",
            "a.",
            "a..b",
            "é",
            "[::1",
            "::1",
            "[]",
            "[::1]80",
            "[::1]:",
            "[::1%25lo]",
            "[fe80::1%lo]",
            "[v1.x]",
            "a[::1]",
        ] {
            assert_eq!(Host::read(value.as_bytes()), None, "{value}");
        }
    }
}
