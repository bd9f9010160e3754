//! Says which machines stand in front, and what is believed of each.
//!
//! In: networks, as set. Out: whether an address lies in one of them.
//!
//! Two kinds, apart from one another. A balancer that passes connections on says before the first
//! byte whose they are; a proxy that passes requests on says it in a field of each. Nobody else is
//! believed: who is not listed cannot name another address than its own.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// The machines in front of one listener.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InFront {
    /// Their connections begin with a PROXY header of version 2.
    pub proxy_protocol: Vec<IpNet>,
    /// They say in a field of each request who sent it.
    pub trusted_hops: Vec<IpNet>,
    /// That field.
    pub hop_field: HopField,
}

/// The field in which trusted hops say who sent a request; the other one is not looked at.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Deserialize,
    serde::Serialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum HopField {
    /// `x-forwarded-for`: addresses, the nearest last.
    #[default]
    XForwardedFor,
    /// `forwarded` (RFC 7239): the addresses behind `for`, the nearest last.
    Forwarded,
}

impl InFront {
    /// Whether connections from there begin with a PROXY header.
    pub(super) fn announces(&self, connected: SocketAddr) -> bool {
        lies_in(&self.proxy_protocol, connected.ip())
    }

    /// Whether what the field says of whom it heard from is believed.
    pub(super) fn trusts(&self, hop: IpAddr) -> bool {
        lies_in(&self.trusted_hops, hop)
    }
}

/// An IPv4 address may come as one of IPv6 (RFC 4291 2.5.5.2); it is the same machine.
fn lies_in(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}
