//! Finds who sent a request that came through trusted hops.
//!
//! In: the other end of the connection and the fields of a request. Out: the address of the sender,
//! or a [`Refusal`].
//!
//! Each trusted hop writes behind the others whom it heard from. So the list is read from its end, as
//! long as the one that was named is trusted itself; what stands before the first stranger is the
//! stranger's own writing and is not looked at. A place that should name an address and does not
//! refuses the request: nobody knows then where it came from.
//!
//! Of the two fields only the one that was set is read, since a hop that writes the one passes the
//! other on as its caller wrote it. A `forwarded` with a fault anywhere is refused whole: who opens a
//! quotation in it could hide what the hop wrote behind.
//!
//! RFC 7239 4, 5.2, 6 and 8.1.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::{HeaderMap, HeaderName};

use super::front::{HopField, InFront};
use crate::refusal::{Reason, Refusal};

/// Who sent a request, as far as those in front are believed.
pub(super) fn sender(
    front: &InFront,
    connected: SocketAddr,
    fields: &HeaderMap,
) -> Result<SocketAddr, Refusal> {
    if !front.trusts(connected.ip()) {
        return Ok(connected);
    }
    let named = match front.hop_field {
        HopField::XForwardedFor => of_list(fields),
        HopField::Forwarded => of_forwarded(fields).ok_or_else(|| refused(front.hop_field))?,
    };
    let mut nearest = connected;
    for node in named.into_iter().rev() {
        nearest = node
            .and_then(address)
            .ok_or_else(|| refused(front.hop_field))?;
        if !front.trusts(nearest.ip()) {
            break;
        }
    }
    Ok(nearest)
}

fn refused(field: HopField) -> Refusal {
    let told = match field {
        HopField::XForwardedFor => "`x-forwarded-for` of a proxy in front names no address",
        HopField::Forwarded => "`forwarded` of a proxy in front names no address",
    };
    Refusal::new(Reason::MalformedRequest).telling(told)
}

/// Every member of `x-forwarded-for`, the nearest last.
fn of_list(fields: &HeaderMap) -> Vec<Option<&str>> {
    let lines = fields.get_all(X_FORWARDED_FOR).into_iter();
    let members = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    members
        .map(|member| {
            std::str::from_utf8(member)
                .ok()
                .map(|node| node.trim_matches(BLANK))
        })
        .collect()
}

/// The node behind `for` of every member of `forwarded`, the nearest last; nothing after a fault.
fn of_forwarded(fields: &HeaderMap) -> Option<Vec<Option<&str>>> {
    let mut nodes = Vec::new();
    for line in fields.get_all(http::header::FORWARDED) {
        let mut rest = line.to_str().ok()?;
        loop {
            rest = rest.trim_start_matches(BLANK);
            let node;
            (node, rest) = member(rest)?;
            nodes.push(node);
            rest = rest.trim_start_matches(BLANK);
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None if rest.is_empty() => break,
                None => return None,
            }
        }
    }
    Some(nodes)
}

/// Pairs with semicolons between: the node behind `for`, and what follows the member.
fn member(mut rest: &str) -> Option<(Option<&str>, &str)> {
    let mut node = None;
    loop {
        let name;
        (name, rest) = token(rest)?;
        let value;
        (value, rest) = value_of(rest.strip_prefix('=')?)?;
        if name.eq_ignore_ascii_case("for") && node.replace(value).is_some() {
            return None;
        }
        match rest.strip_prefix(';') {
            Some(more) => rest = more,
            None => return Some((node, rest)),
        }
    }
}

fn value_of(text: &str) -> Option<(&str, &str)> {
    match text.strip_prefix('"') {
        None => token(text),
        // No address needs a backslash, and without one a quotation ends at the next mark.
        Some(quoted) => quoted
            .split_once('"')
            .filter(|(value, _)| !value.contains('\\')),
    }
}

/// A token (RFC 9110 5.6.2) and what follows it.
fn token(text: &str) -> Option<(&str, &str)> {
    let is_of_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let end = text.find(|c| !is_of_token(c)).unwrap_or(text.len());
    text.split_at_checked(end)
        .filter(|(token, _)| !token.is_empty())
}

/// An address with or without a port; 0 stands for none.
fn address(node: &str) -> Option<SocketAddr> {
    if let Some(bracketed) = node.strip_prefix('[') {
        let (ip, port) = bracketed.split_once(']')?;
        let ip: Ipv6Addr = ip.parse().ok()?;
        return Some(SocketAddr::new(ip.into(), port_of(port)?));
    }
    if let Ok(ip) = node.parse::<IpAddr>() {
        return Some(SocketAddr::new(ip, 0));
    }
    let (ip, _) = node.split_once(':')?;
    let port = node.get(ip.len()..)?;
    Some(SocketAddr::new(
        IpAddr::V4(ip.parse().ok()?),
        port_of(port)?,
    ))
}

fn port_of(text: &str) -> Option<u16> {
    if text.is_empty() {
        return Some(0);
    }
    let digits = text.strip_prefix(':')?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const BLANK: [char; 2] = [' ', '\t'];

#[cfg(test)]
mod tests {
    use super::*;

    fn front(hop_field: HopField) -> InFront {
        InFront {
            trusted_hops: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
            hop_field,
            ..InFront::default()
        }
    }

    fn told(field: HopField, connected: &str, lines: &[&str]) -> Option<String> {
        let mut fields = HeaderMap::new();
        let name = match field {
            HopField::XForwardedFor => X_FORWARDED_FOR,
            HopField::Forwarded => http::header::FORWARDED,
        };
        for line in lines {
            fields.append(
                &name,
                http::HeaderValue::from_bytes(line.as_bytes()).unwrap(),
            );
        }
        // What the other field says changes nothing.
        for other in [X_FORWARDED_FOR, http::header::FORWARDED] {
            if other != name {
                fields.append(other, http::HeaderValue::from_static("for=9.9.9.9"));
            }
        }
        let connected = connected.parse().unwrap();
        sender(&front(field), connected, &fields)
            .ok()
            .map(|peer| peer.to_string())
    }

    const HOP: &str = "10.0.0.1:999";

    #[test]
    fn the_nearest_stranger_sent_it_and_what_stands_before_is_not_looked_at() {
        for (lines, sender) in [
            (&["192.0.2.7"][..], "192.0.2.7:0"),
            (&["192.0.2.7:4660"], "192.0.2.7:4660"),
            (&["9.9.9.9, 192.0.2.7"], "192.0.2.7:0"),
            (&["9.9.9.9,192.0.2.7,10.1.1.1"], "192.0.2.7:0"),
            (&["192.0.2.7", "10.1.1.1"], "192.0.2.7:0"),
            (&["junk, \u{e4}, , 192.0.2.7"], "192.0.2.7:0"),
            (&["10.3.3.3, 10.2.2.2"], "10.3.3.3:0"),
            (&["2001:db8::7"], "[2001:db8::7]:0"),
            (&["[2001:db8::7]:4660 \t"], "[2001:db8::7]:4660"),
            (&["192.0.2.7, ::ffff:10.2.2.2"], "192.0.2.7:0"),
            (&["192.0.2.7, fd00::1"], "192.0.2.7:0"),
            (&[], HOP),
        ] {
            let told = told(HopField::XForwardedFor, HOP, lines);
            assert_eq!(told.as_deref(), Some(sender), "{lines:?}");
        }
    }

    #[test]
    fn a_place_that_names_no_address_refuses() {
        for line in [
            "",
            "unknown",
            "_hidden",
            "192.0.2",
            "192.0.2.7:",
            "192.0.2.7:x",
            "192.0.2.7:+1",
            "192.0.2.7:65536",
            "192.0.2.7,",
            "[192.0.2.7]",
            "[2001:db8::7",
            "2001:db8::7]",
            "[2001:db8::7]80",
            "192.0.2.7 192.0.2.8",
            "\"192.0.2.7\"",
            "192.0.2.07",
            "host.example",
            "192.0.2.7, 10.2.2.2, unknown",
            "unknown, 10.2.2.2",
            "for=192.0.2.7",
            "fe80::1%eth0",
        ] {
            assert_eq!(told(HopField::XForwardedFor, HOP, &[line]), None, "{line}");
            let stranger = "192.0.2.9:5";
            let own = told(HopField::XForwardedFor, stranger, &[line]);
            assert_eq!(own.as_deref(), Some(stranger), "{line}");
        }
    }

    #[test]
    fn forwarded_is_read_whole_or_refused() {
        for (lines, sender) in [
            (&["for=192.0.2.7"][..], "192.0.2.7:0"),
            (
                &["For=\"192.0.2.7:4660\";proto=https;by=10.0.0.1"],
                "192.0.2.7:4660",
            ),
            (
                &["for=9.9.9.9, proto=http;for=\"[2001:db8::7]:4660\""],
                "[2001:db8::7]:4660",
            ),
            (
                &["for=unknown,for=192.0.2.7 ,\tfor=10.2.2.2"],
                "192.0.2.7:0",
            ),
            (
                &["for=192.0.2.7;host=\"a;b,c\"", "for=10.2.2.2"],
                "192.0.2.7:0",
            ),
            (&[], HOP),
        ] {
            let told = told(HopField::Forwarded, HOP, lines);
            assert_eq!(told.as_deref(), Some(sender), "{lines:?}");
        }
        for line in [
            "",
            "192.0.2.7",
            "for",
            "for=",
            "for=unknown",
            "for=_x",
            "proto=https",
            "for=192.0.2.7;",
            "for=192.0.2.7;for=10.2.2.2",
            "for = 192.0.2.7",
            "for=192.0.2.7; proto=http",
            "for=[2001:db8::7]",
            "for=2001:db8::7",
            "for=\"192.0.2.7",
            "for=\"9.9.9.9, for=192.0.2.7",
            "for=\"9.9.9.9\"x, for=192.0.2.7",
            "for=\"\\192.0.2.7\"",
            "for=192.0.2.7,",
            ",for=192.0.2.7",
            "\u{e4}, for=192.0.2.7",
            "for=\"x, for=10.2.2.2, for=\"[2001:db8::7]\"",
        ] {
            assert_eq!(told(HopField::Forwarded, HOP, &[line]), None, "{line}");
        }
    }
}
