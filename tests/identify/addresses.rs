//! Names that resolve to where keys must not be fetched from.

use super::*;
use std::net::IpAddr;
use stile::clock::Clock;
use stile::identify::Issuers;
use stile::reach::Lookup;
use stile_kit::{Fetches, Issuer};

fn names(host: &'static str, addresses: &[&str]) -> Lookup {
    let addresses: Vec<IpAddr> = addresses.iter().map(|a| a.parse().unwrap()).collect();
    Lookup::by(move |name| match name == host {
        true => addresses.clone(),
        false => Vec::new(),
    })
}

/// The word that a fetch ends in for an issuer at this URL.
async fn word(url: &str, names: &Lookup) -> Option<&'static str> {
    install_crypto();
    let clock = Clock::fixed(Time::from_secs(NOW_S));
    let settings = vec![settings(url, Dialect::Gitlab)];
    let issuers = Issuers::resolving(settings, clock, names).unwrap();
    issuers.refresh().await;
    issuers.states()[0].last_fault
}

#[tokio::test]
async fn a_name_that_resolves_to_a_special_address_is_not_dialled() {
    for address in [
        "169.254.169.254",
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "fe80::1",
        "fd00:ec2::254",
        "64:ff9b::a9fe:a9fe",
    ] {
        let names = names("gitlab.example.com", &[address]);
        assert_eq!(
            word(GITLAB, &names).await,
            Some("forbidden_address"),
            "{address}"
        );
    }
}

#[tokio::test]
async fn an_address_that_is_not_special_is_dialled_beside_one_that_is() {
    // 240.0.0.1 and the link-local one are passed over; the loopback's closed port is dialled.
    let names = names("localhost", &["169.254.169.254", "240.0.0.1", "127.0.0.1"]);
    assert_eq!(
        word("https://localhost:1", &names).await,
        Some("unreachable")
    );
}

#[tokio::test]
async fn an_issuer_on_the_loopback_by_another_name_is_never_asked() {
    let issuer = Issuer::start_tls_as(&["localhost", "gitlab.example.com"], None).await;
    let port = issuer.url().rsplit_once(':').unwrap().1;
    let names = names("gitlab.example.com", &["127.0.0.1"]);
    let url = format!("https://gitlab.example.com:{port}");
    assert_eq!(word(&url, &names).await, Some("forbidden_address"));
    assert_eq!(issuer.fetches(), Fetches::default());
}

#[tokio::test]
async fn a_name_that_resolves_to_nothing_says_so() {
    let names = names("other.example.com", &["198.51.100.7"]);
    assert_eq!(word(GITLAB, &names).await, Some("unknown_name"));
}
