//! Checks the site, the addresses to listen on, and the admin address.
//!
//! In: `site`, `listen`, `admin` and `limits` as written. Out: their settings.
//!
//! Clear text is for loopback, and for addresses of which somebody wrote down that a proxy in front
//! ends TLS: tokens travel here, so it must not happen by leaving something out.

use std::net::SocketAddr;

use super::url::Parts;
use super::{Checks, elements, limits};
use crate::config::file::{File, Listener};
use crate::config::origin::Place;
use crate::listen::{ListenSettings, ListenerSettings};

mod front;
mod tls;

/// The URL that callers type.
pub(super) fn site(file: &File, root: &Place, checks: &mut Checks) -> Option<String> {
    let site = file.site.required("site", root, &mut checks.faults)?;
    let url = site
        .url
        .required("url", file.site.place(), &mut checks.faults)?;
    let place = site.url.place();
    match Parts::of(url) {
        Err(what) => checks.refuse(place, what, EXAMPLE),
        Ok(parts) if !parts.path.is_empty() => {
            checks.refuse(place, "a site has no path, not even a slash", EXAMPLE);
        }
        Ok(parts) if !parts.secure && !parts.loopback() => {
            checks.refuse(
                place,
                "callers send tokens there, so it must be https",
                EXAMPLE,
            );
        }
        Ok(_) => return Some(url.clone()),
    }
    None
}

/// Where requests come in, and how much of them.
pub(super) fn listen(file: &File, root: &Place, checks: &mut Checks) -> Option<ListenSettings> {
    let limits = limits::limits(file, checks);
    let list = file.listen.required("listen", root, &mut checks.faults)?;
    if list.is_empty() {
        let hint = "write `- address: 127.0.0.1:8443`";
        checks.refuse(file.listen.place(), "no address to listen on", hint);
    }
    let fixed = elements(list).filter_map(|(_, listener)| {
        let address = listener.address.get()?.0;
        (address.port() != 0).then(|| (listener.address.place(), address.to_string()))
    });
    checks.distinct(fixed, "addresses");
    let listeners = elements(list)
        .map(|(place, listener)| one(listener, place, checks))
        .collect::<Vec<_>>();
    Some(ListenSettings {
        listeners: listeners.into_iter().collect::<Option<Vec<_>>>()?,
        limits: limits?,
    })
}

/// Where stile answers about itself.
pub(super) fn admin(file: &File, root: &Place, checks: &mut Checks) -> Option<SocketAddr> {
    let admin = file.admin.required("admin", root, &mut checks.faults)?;
    let address = admin
        .address
        .required("address", file.admin.place(), &mut checks.faults)?
        .0;
    let mut callers = file
        .listen
        .get()
        .into_iter()
        .flatten()
        .filter_map(|listener| listener.get());
    let shared = callers.any(|listener| {
        listener
            .address
            .get()
            .is_some_and(|other| other.0 == address)
    });
    if shared && address.port() != 0 {
        let what = format!("callers are served on `{address}` already");
        checks.refuse(
            admin.address.place(),
            what,
            "give it a port that callers do not reach",
        );
    }
    Some(address)
}

fn one(listener: &Listener, place: &Place, checks: &mut Checks) -> Option<ListenerSettings> {
    let address = listener
        .address
        .required("address", place, &mut checks.faults)
        .map(|a| a.0);
    let front = front::front(listener, checks);
    let clear_text = listener.clear_text.get() == Some(&true);
    let Some(tls) = listener.tls.get() else {
        let address = address?;
        if !address.ip().is_loopback() && !clear_text && !listener.tls.wrong() {
            let what = format!("`{address}` without `tls` would take tokens in clear text");
            let hint = "add `tls`, or `clear_text: true` if a proxy in front ends TLS";
            checks.refuse(listener.address.place(), what, hint);
        }
        return Some(ListenerSettings {
            address,
            tls: None,
            front: front?,
        });
    };
    if clear_text {
        let what = "both `tls` and clear text";
        checks.refuse(listener.clear_text.place(), what, "remove one of the two");
    }
    let tls = tls::tls(tls, listener.tls.place(), checks);
    Some(ListenerSettings {
        address: address?,
        tls: Some(tls?),
        front: front?,
    })
}

const EXAMPLE: &str = "write it as https://stile.example.com";
