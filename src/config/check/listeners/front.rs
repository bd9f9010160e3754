//! Checks who stands in front of one listener.
//!
//! In: `proxy_protocol`, `trusted_hops` and `hop_field` as written. Out: the machines that may say
//! for whom they speak.
//!
//! Never: everybody. Who is believed can be anybody, so that must be few.

use ipnet::IpNet;

use crate::config::check::{Checks, elements};
use crate::config::file::Listener;
use crate::config::located::Located;
use crate::listen::{HopField, InFront};

/// All of them.
pub(super) fn front(listener: &Listener, checks: &mut Checks) -> Option<InFront> {
    let proxy_protocol = few(&listener.proxy_protocol, checks);
    let trusted_hops = few(&listener.trusted_hops, checks);
    let none = listener.trusted_hops.get().is_some_and(Vec::is_empty);
    let other = listener.hop_field.get() != Some(&HopField::default());
    if other && none && !listener.hop_field.wrong() {
        let what = "no hop is trusted, so no field of one is read";
        let hint = "add `trusted_hops`, or remove this";
        checks.refuse(listener.hop_field.place(), what, hint);
    }
    Some(InFront {
        proxy_protocol: proxy_protocol?,
        trusted_hops: trusted_hops?,
        hop_field: *listener.hop_field.get()?,
    })
}

fn few(list: &Located<Vec<Located<String>>>, checks: &mut Checks) -> Option<Vec<IpNet>> {
    let networks = checks.networks(list)?;
    for ((place, text), network) in elements(list.get()?).zip(&networks) {
        if network.prefix_len() == 0 {
            let what = format!("`{text}` is everybody, who could then be anybody");
            checks.refuse(place, what, "list the machines in front, and no others");
        }
    }
    Some(networks)
}
