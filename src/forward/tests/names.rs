//! Where the name of an upstream leads: looked up again when an address fails, and not believed blindly.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use super::*;
use crate::reach::Lookup;
use stile_kit::upstream::Script;

/// An upstream by a name whose address the test changes.
struct Named {
    bench: Bench,
    address: Arc<Mutex<&'static str>>,
}

async fn named(host: &str, change: impl Fn(&mut UpstreamSettings)) -> Named {
    let upstream = Upstream::start().await;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://{host}:{}", upstream.address().port());
    let mut settings = settings(&url, folder.path());
    change(&mut settings);
    let address = Arc::new(Mutex::new("127.0.0.1"));
    let told = Arc::clone(&address);
    let lookup = Lookup::by(move |_| vec![told.lock().unwrap().parse::<IpAddr>().unwrap()]);
    let bench = Bench {
        upstreams: Upstreams::build_with(&[settings], &lookup).unwrap(),
        upstream,
        _folder: folder,
    };
    Named { bench, address }
}

impl Named {
    async fn leads_to(&self, address: &'static str) -> Told {
        // The address at hand fails, so that the name is looked up again.
        self.bench.upstream.script(Script::CloseBeforeHead).await;
        self.bench.ask().await;
        self.bench.upstream.script(Script::Well).await;
        *self.address.lock().unwrap() = address;
        self.bench.ask().await
    }
}

const UNREACHABLE: (&str, &str) = ("upstream_unreachable", "upstream_error");

#[tokio::test]
async fn a_name_that_leads_home_is_served() {
    let named = named("api.localhost", |_| ()).await;
    assert_eq!(named.bench.ask().await.ending(), ("none", "complete"));
}

#[tokio::test]
async fn a_new_address_is_dialled_as_soon_as_the_old_one_failed() {
    let named = named("api.localhost", |_| ()).await;
    assert_eq!(named.bench.ask().await.ending(), ("none", "complete"));
    // Nobody listens there: had the old address been kept, it would answer.
    assert_eq!(named.leads_to("127.0.0.9").await.ending(), UNREACHABLE);
    assert_eq!(
        named.leads_to("127.0.0.1").await.ending(),
        ("none", "complete")
    );
}

#[tokio::test]
async fn a_name_that_leads_where_no_api_lives_is_not_followed() {
    let inside = |settings: &mut UpstreamSettings| {
        settings.addresses = vec!["127.0.0.0/29".parse().unwrap()];
    };
    let table = [
        (named("api.example", |_| ()).await, "127.0.0.1", "loopback"),
        (
            named("api.localhost", |_| ()).await,
            "169.254.169.254",
            "link-local",
        ),
        (
            named("api.localhost", |_| ()).await,
            "::ffff:169.254.169.254",
            "link-local",
        ),
        (
            named("api.localhost", |_| ()).await,
            "0.0.0.0",
            "nobody's own",
        ),
        (
            named("api.localhost", inside).await,
            "127.0.0.9",
            "outside the networks",
        ),
    ];
    for (named, address, words) in table {
        let before = named.bench.upstream.connections();
        *named.address.lock().unwrap() = address;
        let told = named.bench.ask().await;
        assert_eq!(told.ending(), UNREACHABLE, "{address}");
        let noted = told.refusal.as_ref().and_then(Refusal::noted).unwrap();
        assert!(noted.contains(words), "{address}: {noted}");
        assert_eq!(named.bench.upstream.connections(), before, "{address}");
    }
}
