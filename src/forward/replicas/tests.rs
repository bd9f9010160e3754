//! What a name leads to as time goes by; nothing is dialled here.

use super::*;
use crate::forward::settings::{RestSettings, TlsSettings, UpstreamSettings};
use crate::reach::{Lookup, Reach};

/// Replicas of a name whose addresses the test changes.
struct Named {
    replicas: Replicas,
    leads_to: Arc<Mutex<Vec<&'static str>>>,
    begun: Instant,
}

impl Named {
    fn of(addresses: &[&'static str]) -> Named {
        let leads_to = Arc::new(Mutex::new(addresses.to_vec()));
        let told = Arc::clone(&leads_to);
        let lookup = Lookup::by(move |_| {
            let told = told.lock().unwrap();
            told.iter()
                .map(|address| address.parse().unwrap())
                .collect()
        });
        let resolver = Resolver::new(lookup, Reach::of("api.example", Vec::new()));
        let dialer = Dialer::build(&settings()).unwrap();
        Named {
            replicas: Replicas::new(dialer, "api.example", resolver),
            leads_to,
            begun: Instant::now(),
        }
    }

    fn leads_to(&self, addresses: &[&'static str]) {
        *self.leads_to.lock().unwrap() = addresses.to_vec();
    }

    async fn pick(&self, after_s: u64) -> Result<Arc<Replica>, String> {
        self.replicas
            .pick(self.begun + Duration::from_secs(after_s))
            .await
    }

    async fn address(&self, after_s: u64) -> String {
        self.pick(after_s).await.unwrap().address.to_string()
    }
}

fn settings() -> UpstreamSettings {
    UpstreamSettings {
        name: "api".to_owned(),
        url: "http://api.example".parse().unwrap(),
        headers: Vec::new(),
        pass: Vec::new(),
        addresses: Vec::new(),
        tls: TlsSettings::default(),
        limits: Vec::new(),
        rest: RestSettings {
            failures: None,
            pause_ms: 1_000,
        },
        hold_ms: None,
        scrub_bodies: false,
        connect_ms: 1_000,
        head_ms: 1_000,
        idle_ms: 1_000,
        requests: 8,
        rotate_after_ms: 1_000,
        rotate_strictly: false,
    }
}

#[tokio::test]
async fn a_name_that_moves_is_followed_within_ten_seconds() {
    let named = Named::of(&["192.0.2.1"]);
    assert_eq!(named.address(0).await, "192.0.2.1");
    named.leads_to(&["192.0.2.2"]);
    assert_eq!(named.address(9).await, "192.0.2.1");
    assert_eq!(named.address(10).await, "192.0.2.2");
}

#[tokio::test]
async fn an_address_that_fails_has_the_name_looked_up_at_once() {
    let named = Named::of(&["192.0.2.1"]);
    let failed = named.pick(0).await.unwrap();
    named.leads_to(&["192.0.2.2"]);
    named.replicas.failed(&failed, named.begun);
    assert_eq!(named.address(0).await, "192.0.2.2");
}

#[tokio::test]
async fn an_address_that_stays_keeps_its_connections_and_how_it_fares() {
    let named = Named::of(&["192.0.2.1", "192.0.2.2"]);
    let failed = named.pick(0).await.unwrap();
    let other = named.pick(0).await.unwrap();
    named
        .replicas
        .failed(&failed, named.begun + Duration::from_secs(10));
    named.leads_to(&["192.0.2.3", "192.0.2.2", "192.0.2.1"]);
    let mut picked = Vec::new();
    for _ in 0..6 {
        picked.push(named.pick(10).await.unwrap());
    }
    assert!(
        picked.iter().all(|one| one.address != failed.address),
        "set aside still"
    );
    assert!(
        picked.iter().any(|one| Arc::ptr_eq(one, &other)),
        "the same connections"
    );
}

#[tokio::test]
async fn connections_are_made_anew_after_ten_minutes_and_the_failures_stay() {
    let named = Named::of(&["192.0.2.1"]);
    let first = named.pick(0).await.unwrap();
    let last_s = CONNECTION_AGE.as_secs() - 1;
    assert!(Arc::ptr_eq(&first, &named.pick(last_s).await.unwrap()));
    named.replicas.failed(&first, named.begun + CONNECTION_AGE);
    let renewed = named.pick(CONNECTION_AGE.as_secs()).await.unwrap();
    assert!(!Arc::ptr_eq(&first, &renewed));
    assert_eq!(
        named.replicas.states(),
        [("192.0.2.1".parse().unwrap(), true)]
    );
}

#[tokio::test]
async fn a_name_that_leads_where_nothing_lives_is_not_served_from_memory() {
    for (addresses, words) in [
        (["169.254.169.254"].as_slice(), "link-local"),
        (&["127.0.0.1"], "loopback"),
        (&[], "no address"),
    ] {
        let named = Named::of(&["192.0.2.1"]);
        assert_eq!(named.address(0).await, "192.0.2.1");
        named.leads_to(addresses);
        let why = named.pick(10).await.unwrap_err();
        assert!(why.contains(words), "{why}");
        assert!(named.replicas.states().is_empty());
    }
}

#[tokio::test]
async fn equals_take_turns_and_the_busy_one_is_spared() {
    let named = Named::of(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    let mut seen = std::collections::BTreeMap::new();
    for _ in 0..30 {
        *seen.entry(named.address(0).await).or_insert(0) += 1;
    }
    assert_eq!(seen.into_values().collect::<Vec<_>>(), [10, 10, 10]);
    let busy = named.pick(0).await.unwrap();
    let place = busy.place();
    for _ in 0..30 {
        assert_ne!(named.pick(0).await.unwrap().address, busy.address);
    }
    drop(place);
}
