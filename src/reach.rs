//! Which addresses a configured host may lead to.
//!
//! In: a host as the operator wrote it, the networks it must stay within, and what a name service
//! says. Out: the addresses that may be dialled, looked up anew for each connection.
//!
//! Whoever answers for a name decides where our key goes, so an answer is not believed blindly.
//! What no API lives at is never dialled: link-local addresses and the other well-known address of
//! cloud metadata, the unspecified, multicast and broadcast ones. The loopback is dialled only for a
//! host that says loopback itself. An IPv4 address inside an IPv6 one counts as what it is.
//!
//! RFC 3056 (6to4); RFC 3927; RFC 4291 2.5.5; RFC 5735; RFC 6052 2.1; RFC 6761 6.3 (`localhost`).

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;
use ipnet::IpNet;
use tower_service::Service;

/// Where one host may lead.
#[derive(Clone, Debug)]
pub struct Reach {
    to_loopback: bool,
    within: Arc<[IpNet]>,
}

/// A name service: names in, addresses out.
#[derive(Clone)]
pub struct Lookup(Arc<dyn Fn(String) -> Found + Send + Sync>);

/// Finds the addresses of a name that may be dialled.
#[derive(Clone, Debug)]
pub(crate) struct Resolver {
    lookup: Lookup,
    reach: Reach,
}

type Found = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

impl Reach {
    /// For a host as it stands in a URL; `within` these networks, or anywhere when there is none.
    pub fn of(host: &str, within: Vec<IpNet>) -> Reach {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let to_loopback = match bare.parse::<IpAddr>() {
            Ok(address) => address.to_canonical().is_loopback(),
            Err(_) => host == "localhost" || host.ends_with(".localhost"),
        };
        Reach {
            to_loopback,
            within: within.into(),
        }
    }

    /// Whether this address may be dialled.
    ///
    /// # Errors
    ///
    /// In words, why it is refused.
    pub fn check(&self, address: IpAddr) -> Result<(), &'static str> {
        let address = plain(address);
        if address.is_loopback() && !self.to_loopback {
            return Err("a loopback address for a host that does not say so");
        }
        if let Some(why) = nowhere(address) {
            return Err(why);
        }
        let within = self.within.is_empty() || self.within.iter().any(|net| net.contains(&address));
        within
            .then_some(())
            .ok_or("an address outside the networks that are set")
    }
}

impl Lookup {
    /// The machine's own.
    pub fn machine() -> Lookup {
        Lookup(Arc::new(|name| {
            Box::pin(async move {
                let found = tokio::net::lookup_host((name, 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            })
        }))
    }

    /// One that answers by this function; a name it knows nothing of has no address.
    pub fn by(answer: impl Fn(&str) -> Vec<IpAddr> + Send + Sync + 'static) -> Lookup {
        Lookup(Arc::new(move |name| {
            let found = answer(&name);
            Box::pin(async move { Ok(found) })
        }))
    }
}

impl Lookup {
    /// The addresses of a host, which may be an address itself; none for a name that is not known.
    pub(crate) async fn addresses(&self, host: &str) -> Vec<IpAddr> {
        match host.parse() {
            Ok(address) => vec![address],
            Err(_) => (self.0)(host.to_owned()).await.unwrap_or_default(),
        }
    }
}

impl Resolver {
    pub(crate) fn new(lookup: Lookup, reach: Reach) -> Resolver {
        Resolver { lookup, reach }
    }
}

/// Why a name leads nowhere.
#[derive(Debug)]
pub(crate) enum Nowhere {
    /// The name service gave no answer.
    Unanswered(io::Error),
    /// None of its addresses may be dialled.
    Refused(String),
}

impl Nowhere {
    /// Whether the name service failed, rather than said something that is not believed.
    pub(crate) fn is_of_service(&self) -> bool {
        matches!(self, Nowhere::Unanswered(_))
    }
}

impl fmt::Display for Nowhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Nowhere::Unanswered(error) => write!(f, "{error}"),
            Nowhere::Refused(why) => f.write_str(why),
        }
    }
}

impl Resolver {
    /// The addresses of a host that may be dialled; the host may be an address itself.
    ///
    /// # Errors
    ///
    /// When the name service gives no answer, or only addresses that are refused.
    pub(crate) async fn admitted(&self, host: &str) -> Result<Vec<IpAddr>, Nowhere> {
        let found = match host.parse() {
            Ok(address) => vec![address],
            Err(_) => (self.lookup.0)(host.to_owned())
                .await
                .map_err(Nowhere::Unanswered)?,
        };
        let mut refused = None;
        let mut admitted = Vec::new();
        for address in found {
            match self.reach.check(address) {
                Ok(()) => admitted.push(address),
                Err(why) => refused = Some(format!("the name leads to {address}: {why}")),
            }
        }
        match refused {
            // One refused answer among good ones is left out: another may serve.
            Some(why) if admitted.is_empty() => Err(Nowhere::Refused(why)),
            _ => Ok(admitted),
        }
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolver = self.clone();
        Box::pin(async move {
            let admitted = resolver.admitted(name.as_str()).await;
            let admitted = admitted.map_err(|nowhere| match nowhere {
                Nowhere::Unanswered(error) => error,
                Nowhere::Refused(why) => io::Error::other(why),
            })?;
            let dialled = admitted.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(dialled.collect::<Vec<_>>().into_iter())
        })
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lookup")
    }
}

/// The address meant by one that has an IPv4 address inside.
fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = address.to_canonical() else {
        return address.to_canonical();
    };
    match six.octets() {
        // NAT64, then 6to4, then `::a.b.c.d`, which `::` and `::1` are not.
        [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d]
        | [0x20, 0x02, a, b, c, d, ..] => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] if (a, b) != (0, 0) => {
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        _ => IpAddr::V6(six),
    }
}

fn nowhere(address: IpAddr) -> Option<&'static str> {
    let link_local = match address {
        IpAddr::V4(four) => four.is_link_local() || METADATA_V4.contains(&four),
        // `fec0::/10` is what site-local was before RFC 3879.
        IpAddr::V6(six) => {
            six.is_unicast_link_local() || six.segments()[0] & 0xffc0 == 0xfec0 || six == METADATA
        }
    };
    if link_local {
        return Some("a link-local address, where clouds keep the secrets of the machine");
    }
    // Reserved ones (RFC 1112 4) with the broadcast address among them.
    let nobodys = matches!(address, IpAddr::V4(four) if matches!(four.octets()[0], 0 | 240..));
    if address.is_unspecified() || address.is_multicast() || nobodys {
        return Some("an address that is nobody's own");
    }
    None
}

/// Where other clouds keep theirs, or what hands it out.
const METADATA_V4: [Ipv4Addr; 2] = [
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
];
/// The instance metadata of a large cloud over IPv6; unlike its IPv4 address it is not link-local.
const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str, within: &[&str], address: &str) -> Result<(), &'static str> {
        let within = within.iter().map(|net| net.parse().unwrap()).collect();
        Reach::of(host, within).check(address.parse().unwrap())
    }

    #[test]
    fn a_public_or_private_address_may_be_dialled() {
        for address in [
            "192.0.2.7",
            "10.1.2.3",
            "2001:db8::7",
            "fd12::1",
            "100.64.0.1",
            "::ffff:192.0.2.7",
        ] {
            assert_eq!(check("api.example.com", &[], address), Ok(()), "{address}");
        }
    }

    #[test]
    fn what_no_api_lives_at_may_not_however_it_is_written() {
        for address in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "fe80::1",
            "fd00:ec2::254",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "::ffff:0.0.0.0",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "240.0.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "fec0::1",
            "2002:a9fe:a9fe::1",
            "::169.254.169.254",
            "2002:7f00:1::",
            "127.0.0.1",
            "127.8.8.8",
            "::1",
            "::ffff:127.0.0.1",
        ] {
            assert!(check("api.example.com", &[], address).is_err(), "{address}");
        }
    }

    #[test]
    fn the_loopback_is_for_hosts_that_say_so() {
        for host in [
            "localhost",
            "api.localhost",
            "127.0.0.1",
            "[::1]",
            "127.0.0.2",
        ] {
            assert_eq!(check(host, &[], "127.0.0.1"), Ok(()), "{host}");
            assert!(check(host, &[], "169.254.169.254").is_err(), "{host}");
        }
        for host in ["localhost.example.com", "notlocalhost", "10.0.0.1"] {
            assert!(check(host, &[], "127.0.0.1").is_err(), "{host}");
        }
    }

    #[test]
    fn networks_that_are_set_bound_all_others() {
        let within = ["10.0.0.0/8", "2001:db8::/32"];
        for address in ["10.200.0.1", "::ffff:10.0.0.1", "2001:db8:1::1"] {
            assert_eq!(
                check("api.example.com", &within, address),
                Ok(()),
                "{address}"
            );
        }
        for address in ["11.0.0.1", "192.0.2.7", "2001:db9::1"] {
            assert!(
                check("api.example.com", &within, address).is_err(),
                "{address}"
            );
        }
        // A network does not make good what is never dialled.
        assert!(check("api.example.com", &["169.254.0.0/16"], "169.254.169.254").is_err());
    }

    #[tokio::test]
    async fn refused_addresses_are_left_out_and_none_left_is_a_fault() {
        let lookup = Lookup::by(|name| match name {
            "mixed.example" => vec!["169.254.1.1".parse().unwrap(), "192.0.2.1".parse().unwrap()],
            "bad.example" => vec!["127.0.0.1".parse().unwrap()],
            _ => Vec::new(),
        });
        let ask = |name: &str| {
            let reach = Reach::of(name, Vec::new());
            Resolver::new(lookup.clone(), reach).call(name.parse().unwrap())
        };
        let mixed: Vec<_> = ask("mixed.example").await.unwrap().collect();
        assert_eq!(mixed, ["192.0.2.1:0".parse().unwrap()]);
        let fault = ask("bad.example").await.unwrap_err().to_string();
        assert_eq!(
            fault,
            "the name leads to 127.0.0.1: a loopback address for a host that does not say so"
        );
        assert_eq!(ask("none.example").await.unwrap().count(), 0);
    }
}
