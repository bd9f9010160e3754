//! Several addresses behind one name, on real sockets: what callers notice when one of them is gone.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::reach::Lookup;

/// One address that serves, until it is dropped.
struct Site {
    served: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Site {
    async fn at(address: &str, port: u16, pause: Duration) -> Site {
        let listener = TcpListener::bind((address, port)).await.unwrap();
        Site::over(listener, pause)
    }

    fn over(listener: TcpListener, pause: Duration) -> Site {
        let served = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&served);
        let task = tokio::spawn(async move {
            // Connections end with the site.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, pause, Arc::clone(&count)));
            }
        });
        Site { served, task }
    }

    fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }

    async fn goes(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

async fn serve(mut stream: TcpStream, pause: Duration, count: Arc<AtomicUsize>) {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut piece).await {
        bytes.extend_from_slice(&piece[..read]);
        if !bytes.ends_with(b"\r\n\r\n") {
            continue;
        }
        bytes.clear();
        count.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(pause).await;
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
        if stream.write_all(answer).await.is_err() {
            return;
        }
    }
}

/// A forwarder in front of a name that leads to these addresses.
async fn bench(
    addresses: &[&'static str],
    port: u16,
    change: impl Fn(&mut UpstreamSettings),
) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(&format!("http://api.localhost:{port}"), folder.path());
    change(&mut settings);
    let addresses: Vec<_> = addresses.iter().map(|one| one.parse().unwrap()).collect();
    let lookup = Lookup::by(move |_| addresses.clone());
    Bench {
        upstreams: Upstreams::build_with(&[settings], &lookup).unwrap(),
        upstream: Upstream::start().await,
        _folder: folder,
    }
}

/// Two sites at one port.
async fn two(pauses: [Duration; 2]) -> (Site, Site, u16) {
    let listener = TcpListener::bind((HERE, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let there = Site::at(THERE, port, pauses[1]).await;
    (Site::over(listener, pauses[0]), there, port)
}

const HERE: &str = "127.0.0.21";
const THERE: &str = "127.0.0.22";
const QUICK: [Duration; 2] = [Duration::ZERO; 2];
const WELL: (&str, &str) = ("none", "complete");

fn aside(bench: &Bench) -> Vec<String> {
    let states = bench.upstreams.states();
    let aside = states[0].addresses.iter().filter(|(_, aside)| *aside);
    aside.map(|(address, _)| address.to_string()).collect()
}

#[tokio::test]
async fn all_addresses_of_a_name_are_used() {
    let (here, there, port) = two(QUICK).await;
    let bench = bench(&[HERE, THERE], port, |_| ()).await;
    for _ in 0..20 {
        assert_eq!(bench.ask().await.ending(), WELL);
    }
    assert_eq!((here.served(), there.served()), (10, 10));
    assert!(aside(&bench).is_empty());
}

#[tokio::test]
async fn one_that_is_gone_is_noticed_by_no_caller_and_found_again() {
    let (here, there, port) = two(QUICK).await;
    let bench = bench(&[HERE, THERE], port, |_| ()).await;
    for _ in 0..4 {
        assert_eq!(bench.ask().await.ending(), WELL);
    }
    there.goes().await;
    for method in [Method::GET, Method::POST].iter().cycle().take(20) {
        let told = bench.ask_with(|ask| ask.method = method.clone()).await;
        assert_eq!(told.ending(), WELL, "{method}");
    }
    assert_eq!(aside(&bench), [THERE]);
    assert_eq!(here.served(), 22);

    let there = Site::at(THERE, port, Duration::ZERO).await;
    for _ in 0..500 {
        assert_eq!(bench.ask().await.ending(), WELL);
        if there.served() > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(there.served() > 0, "it is found again");
    assert!(aside(&bench).is_empty());
}

#[tokio::test]
async fn one_that_does_not_answer_costs_one_request_and_no_more() {
    let (here, there, port) = two([Duration::ZERO, Duration::from_secs(30)]).await;
    let bench = bench(&[HERE, THERE], port, |_| ()).await;
    let mut reasons = Vec::new();
    for _ in 0..10 {
        reasons.push(bench.ask().await.reason());
    }
    let late = reasons
        .iter()
        .filter(|reason| **reason == "upstream_timeout");
    assert_eq!(late.count(), 1, "{reasons:?}");
    assert_eq!((here.served(), there.served()), (9, 1));
    assert_eq!(aside(&bench), [THERE]);
}

#[tokio::test]
async fn the_upstream_rests_only_when_all_its_addresses_are_set_aside() {
    let (here, there, port) = two(QUICK).await;
    let bench = bench(&[HERE, THERE], port, |settings| {
        settings.rest = RestSettings {
            failures: NonZeroU32::new(2),
            pause_ms: 30_000,
        };
    })
    .await;
    there.goes().await;
    for _ in 0..20 {
        assert_eq!(bench.ask().await.ending(), WELL);
    }
    assert!(!bench.upstreams.states()[0].resting);
    here.goes().await;
    let mut reasons = Vec::new();
    for _ in 0..5 {
        reasons.push(bench.ask().await.reason());
    }
    assert_eq!(reasons[4], "upstream_resting", "{reasons:?}");
    assert!(bench.upstreams.states()[0].resting);
}

#[tokio::test]
async fn an_address_that_takes_no_connection_is_tried_before_the_record_says_unreachable() {
    let (here, there, port) = two(QUICK).await;
    here.goes().await;
    there.goes().await;
    let bench = bench(&[HERE, THERE], port, |_| ()).await;
    let told = bench.ask().await;
    assert_eq!(told.ending(), ("upstream_unreachable", "upstream_error"));
    assert_eq!(told.outcome.unwrap().attempts, 2, "both were tried");
    assert_eq!(aside(&bench).len(), 2);
}
