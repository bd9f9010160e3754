//! Makes an [`Arrival`] of a parsed head, or says why not.
//!
//! In: the head as hyper parsed it, and the facts of its connection. Out: an [`Arrival`], or an
//! [`Unreadable`] and its [`Refusal`].
//!
//! The only two ways to an [`Arrival`] are here. What the gate checks on the raw bytes of HTTP/1 is
//! checked again, because HTTP/2 comes without a gate and hyper may change.
//!
//! Never: a method outside the seven of the catalogue, a target without a leading slash, a host
//! that `:authority`, `host`, target and TLS do not agree on, a field name with an underscore.
//!
//! On HTTP/2 the h2 crate cuts a `#fragment` off before anyone can see it, and resets a stream
//! whose pseudo-fields it cannot parse: such a stream does not come here, its record is made by
//! `recording`.
//!
//! RFC 9110 4.2, 7.2, 7.4, 10.1.1; RFC 9113 8.3.1.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::request::Parts;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, Method, Version, header};

use super::birth::Birth;
use super::front::InFront;
use super::head::{Glimpse, METHODS, MOST_FIELDS};
use super::host::Host;
use super::settings::Limits;
use super::{Arrival, Protocol, TlsFacts, Trace, Unreadable, bytes, hops, target};
use crate::clock::{Clock, Time};
use crate::refusal::{Reason, Refusal};

/// What all requests of one connection share.
#[derive(Clone, Debug)]
pub(super) struct ConnectionFacts {
    /// The other end of the connection, or whom a balancer in front named as that.
    pub(super) peer: SocketAddr,
    pub(super) front: Arc<InFront>,
    pub(super) protocol: Protocol,
    pub(super) tls: Option<Arc<TlsFacts>>,
    pub(super) limits: Limits,
    pub(super) clock: Clock,
}

/// A request that is to be turned away, boxed because it is rare and large.
pub(super) type TurnedAway = Box<(Unreadable, Refusal)>;

impl Arrival {
    /// Checks a head that hyper has parsed.
    pub(super) fn received(parts: Parts, facts: &ConnectionFacts) -> Result<Arrival, TurnedAway> {
        let birth = Birth::now(&facts.clock);
        let sender = hops::sender(&facts.front, facts.peer, &parts.headers);
        let peer = *sender.as_ref().unwrap_or(&facts.peer);
        let checked = sender.and_then(|_| check(&parts, facts));
        let (host, path_and_query) = match checked {
            Ok(checked) => checked,
            Err(refusal) => {
                let unreadable = unreadable(&parts, facts, birth);
                return Err(Box::new((Unreadable { peer, ..unreadable }, refusal)));
            }
        };
        let trace = Trace::of(&parts.headers, birth.trace_id, birth.span_id);
        Ok(Arrival {
            id: birth.id,
            time: birth.time,
            mono_ns: birth.mono_ns,
            peer,
            protocol: facts.protocol,
            tls: facts.tls.clone(),
            method: parts.method,
            path_and_query,
            host,
            headers: parts.headers,
            trace,
            running: None,
        })
    }

    /// An arrival that nobody sent, for `explain` and tests: HTTP/1.1 from 127.0.0.1 in clear
    /// text, to the host of `headers` or else `localhost`.
    pub fn imagined(
        method: &str,
        path_and_query: &str,
        mut headers: HeaderMap,
        time: Time,
    ) -> Result<Arrival, Refusal> {
        let no_operation = |_| Refusal::new(Reason::NoOperation);
        let method = Method::from_bytes(method.as_bytes()).map_err(no_operation)?;
        target::check_path_and_query(path_and_query.as_bytes()).map_err(bad_target)?;
        let uri = PathAndQuery::try_from(path_and_query)
            .map_err(|_| bad_target(Reason::BadTarget.sentence()))?;
        headers
            .entry(header::HOST)
            .or_insert_with(|| header::HeaderValue::from_static("localhost"));
        let (mut parts, ()) = http::Request::new(()).into_parts();
        parts.method = method;
        parts.uri = uri.into();
        parts.headers = headers;
        let facts = ConnectionFacts {
            peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            front: Arc::default(),
            protocol: Protocol::Http1,
            tls: None,
            limits: Limits::default(),
            clock: Clock::fixed(time),
        };
        Arrival::received(parts, &facts).map_err(|turned_away| turned_away.1)
    }

    /// The same request, to be turned away after all.
    pub(super) fn into_unreadable(self) -> Unreadable {
        Unreadable {
            id: self.id,
            time: self.time,
            mono_ns: self.mono_ns,
            peer: self.peer,
            protocol: self.protocol,
            method: Some(self.method.as_str().to_owned()),
            path: Some(self.path_and_query.path().to_owned()),
            host: Some(self.host),
            tls: self.tls,
        }
    }
}

impl Unreadable {
    /// A head that the gate refused.
    pub(super) fn glimpsed(glimpse: Glimpse, facts: &ConnectionFacts) -> Unreadable {
        let birth = Birth::now(&facts.clock);
        Unreadable {
            id: birth.id,
            time: birth.time,
            mono_ns: birth.mono_ns,
            peer: facts.peer,
            protocol: facts.protocol,
            tls: facts.tls.clone(),
            method: glimpse.method,
            path: glimpse.path,
            host: glimpse.host.map(|host| host.to_ascii_lowercase()),
        }
    }
}

/// Out: the host in lower case with its port, and the target in origin form.
fn check(parts: &Parts, facts: &ConnectionFacts) -> Result<(String, PathAndQuery), Refusal> {
    if !METHODS.contains(&parts.method.as_str().as_bytes()) {
        return Err(Refusal::new(Reason::NoOperation));
    }
    let path_and_query = origin_form(parts, &facts.limits)?;
    let host = one_host(parts)?;
    agree_with_tls(&host, facts)?;
    check_fields(parts, &facts.limits)?;
    Ok((host, path_and_query))
}

fn origin_form(parts: &Parts, limits: &Limits) -> Result<PathAndQuery, Refusal> {
    if let Some(scheme) = parts.uri.scheme_str()
        && scheme != "http"
        && scheme != "https"
    {
        return Err(bad_target("the scheme of the request is not http or https"));
    }
    let Some(target) = parts.uri.path_and_query() else {
        return Err(bad_target("the request has no target"));
    };
    if target.as_str().len() > limits.target_bytes {
        return Err(Refusal::new(Reason::UriTooLong));
    }
    if !target.as_str().starts_with('/') {
        let told = "the request target does not begin with a slash";
        return Err(bad_target(told));
    }
    target::check_path_and_query(target.as_str().as_bytes()).map_err(bad_target)?;
    Ok(target.clone())
}

/// The one host that `:authority`, absolute target and `host` name.
fn one_host(parts: &Parts) -> Result<String, Refusal> {
    let mut fields = parts.headers.get_all(header::HOST).iter();
    let field = fields.next().map(header::HeaderValue::as_bytes);
    if fields.next().is_some() {
        return Err(bad_host("the request names its host twice"));
    }
    let authority = parts.uri.authority().map(Authority::as_str);
    if let Some(authority) = authority
        && authority.contains('@')
    {
        return Err(bad_target("the request target names a user"));
    }
    let named = match (authority.map(str::as_bytes), field) {
        (None, None) => return Err(bad_host("the request names no host")),
        (Some(named), None) | (None, Some(named)) => named,
        (Some(authority), Some(field)) if authority.eq_ignore_ascii_case(field) => field,
        (Some(_), Some(_)) if parts.version == Version::HTTP_2 => {
            return Err(bad_host("`host` and `:authority` differ"));
        }
        (Some(_), Some(_)) => {
            let refusal = Refusal::new(Reason::Misdirected);
            return Err(refusal.telling("the request target names another host than `host`"));
        }
    };
    let refused = || bad_host("the host is not a well-formed name");
    Host::read(named).ok_or_else(refused)?;
    let host = std::str::from_utf8(named).map_err(|_| refused())?;
    Ok(host.to_ascii_lowercase())
}

/// One name per request: that of the certificate the caller asked for (RFC 9110 7.4).
fn agree_with_tls(host: &str, facts: &ConnectionFacts) -> Result<(), Refusal> {
    let sni = facts.tls.as_ref().and_then(|tls| tls.sni.as_deref());
    let name = Host::read(host.as_bytes()).map(|host| host.name);
    match (sni, name) {
        (Some(sni), Some(name)) if !sni.eq_ignore_ascii_case(name) => {
            let refusal = Refusal::new(Reason::Misdirected);
            Err(refusal.telling("the request names another host than its TLS connection"))
        }
        _ => Ok(()),
    }
}

fn check_fields(parts: &Parts, limits: &Limits) -> Result<(), Refusal> {
    let fields = &parts.headers;
    if fields.len() > MOST_FIELDS {
        return Err(Refusal::new(Reason::HeaderTooLarge));
    }
    let mut size = parts.uri.path().len() + parts.uri.query().map_or(0, str::len);
    for (name, value) in fields {
        let name = name.as_str().as_bytes();
        if bytes::run(name, bytes::NAME) != name.len() {
            let told = "a field name has other than letters, digits and `-`";
            return Err(Refusal::new(Reason::MalformedRequest).telling(told));
        }
        size += name.len() + value.len() + 4;
    }
    if size > limits.head_bytes {
        return Err(Refusal::new(Reason::HeaderTooLarge));
    }
    let only_continue =
        |value: &header::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"100-continue");
    if !fields.get_all(header::EXPECT).iter().all(only_continue) {
        let told = "`expect` asks for something else than `100-continue`";
        return Err(Refusal::new(Reason::MalformedRequest).telling(told));
    }
    Ok(())
}

fn unreadable(parts: &Parts, facts: &ConnectionFacts, birth: Birth) -> Unreadable {
    let field = parts.headers.get(header::HOST);
    let authority = parts.uri.authority().map(|named| named.as_str().to_owned());
    let host = authority.or_else(|| Some(field?.to_str().ok()?.to_owned()));
    Unreadable {
        id: birth.id,
        time: birth.time,
        mono_ns: birth.mono_ns,
        peer: facts.peer,
        protocol: facts.protocol,
        tls: facts.tls.clone(),
        method: Some(parts.method.as_str().chars().take(32).collect()),
        path: Some(parts.uri.path().chars().take(1024).collect()),
        host: host.map(|host| {
            nameless(&host)
                .to_ascii_lowercase()
                .chars()
                .take(255)
                .collect()
        }),
    }
}

/// The host without the user that stands before it, and whose password may, too.
fn nameless(host: &str) -> &str {
    host.rsplit_once('@').map_or(host, |(_, host)| host)
}

fn bad_target(told: &'static str) -> Refusal {
    Refusal::new(Reason::BadTarget).telling(told)
}

fn bad_host(told: &'static str) -> Refusal {
    Refusal::new(Reason::BadHost).telling(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imagine(method: &str, target: &str, fields: &[(&str, &str)]) -> Result<Arrival, Reason> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name = header::HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, value.parse().unwrap());
        }
        Arrival::imagined(method, target, headers, Time::from_secs(1_700_000_000))
            .map_err(|refusal| refusal.reason())
    }

    #[test]
    fn an_imagined_arrival_has_what_a_real_one_has() {
        let arrival = imagine("GET", "/a/b?c=d", &[("host", "API.example:80")]).unwrap();
        assert_eq!((arrival.path(), arrival.query()), ("/a/b", Some("c=d")));
        assert_eq!(arrival.host(), "api.example:80");
        assert_eq!(arrival.id().get_version_num(), 7);
        let (secs, _) = arrival.id().get_timestamp().unwrap().to_unix();
        assert_eq!(secs, 1_700_000_000);
        let other = imagine("GET", "/a/b?c=d", &[]).unwrap();
        assert_ne!(arrival.id(), other.id());
        assert_ne!(arrival.trace().trace_id, other.trace().trace_id);
        assert_eq!(other.host(), "localhost");
    }

    #[test]
    fn one_change_to_a_good_arrival_refuses_it() {
        for (method, target, fields, reason) in [
            ("get", "/", vec![], Reason::NoOperation),
            ("TRACE", "/", vec![], Reason::NoOperation),
            ("CONNECT", "/", vec![], Reason::NoOperation),
            ("PURGE", "/", vec![], Reason::NoOperation),
            ("G T", "/", vec![], Reason::NoOperation),
            ("OPTIONS", "*", vec![], Reason::BadTarget),
            ("GET", "", vec![], Reason::BadTarget),
            ("GET", "a", vec![], Reason::BadTarget),
            ("GET", "/a#b", vec![], Reason::BadTarget),
            ("GET", "/ä", vec![], Reason::BadTarget),
            (
                "GET",
                "/",
                vec![("host", "a"), ("host", "a")],
                Reason::BadHost,
            ),
            ("GET", "/", vec![("host", "a,b")], Reason::BadHost),
            ("GET", "/", vec![("host", "")], Reason::BadHost),
            (
                "GET",
                "/",
                vec![("expect", "magic")],
                Reason::MalformedRequest,
            ),
            ("GET", "/", vec![("x_y", "z")], Reason::MalformedRequest),
            ("GET", "/", vec![("x.y", "z")], Reason::MalformedRequest),
        ] {
            let refused = imagine(method, target, &fields).err();
            assert_eq!(refused, Some(reason), "{method} {target} {fields:?}");
        }
        let long = format!("/{}", "a".repeat(8192));
        assert_eq!(imagine("GET", &long, &[]).err(), Some(Reason::UriTooLong));
        let many = vec![("x", "y"); 101];
        assert_eq!(
            imagine("GET", "/", &many).err(),
            Some(Reason::HeaderTooLarge)
        );
        let wide = "v".repeat(32 * 1024);
        let one = [("x", wide.as_str())];
        assert_eq!(
            imagine("GET", "/", &one).err(),
            Some(Reason::HeaderTooLarge)
        );
    }
}
