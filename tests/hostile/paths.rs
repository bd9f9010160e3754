//! Every spelling of an allowed path that some server reads as a denied one.

use std::collections::BTreeSet;

use super::{forwarded_as_decided, frames, mira, raw};
use crate::support::{Recorded, close, records, world};

#[tokio::test]
async fn no_spelling_over_http1_reaches_another_teams_dashboard() {
    let world = world().await;
    let token = mira(&world);
    let url = world.stile.url().to_owned();
    let mut targets = spellings();
    let host = raw::authority(&url);
    targets.extend(spellings().iter().step_by(7).flat_map(|path| {
        [
            "http://HOST",
            "http://evil.example",
            "https://a@HOST",
            "http:/",
            "//HOST",
        ]
        .map(|form| format!("{}{path}", form.replace("HOST", host)))
    }));
    assert!(targets.len() >= 500, "{}", targets.len());
    let mut pending = targets.clone();
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (share, url, token) = (
            pending.split_off(pending.len().saturating_sub(targets.len() / 16 + 1)),
            url.clone(),
            token.clone(),
        );
        callers.spawn(async move {
            for target in share {
                let answers = raw::exchange(&url, put(&target, &url, &token).as_bytes()).await;
                for answer in &answers {
                    assert!(answer.status.as_u16() < 500, "{target}: {answer:?}");
                    assert!(answer.whole && !answer.field("stile-decision").is_empty());
                }
                // A raw line end in the target makes a second, headless request: refused as well.
                assert!(!answers.is_empty(), "{target} was not answered");
            }
        });
    }
    while let Some(done) = callers.join_next().await {
        done.unwrap();
    }
    let exact = raw::exchange(&url, put(OWN, &url, &token).as_bytes()).await;
    assert_eq!(exact[0].status, 200, "the exact spelling is allowed");
    only_own(&world);
    forwarded_as_decided(&world);
    close(world, &[token]).await;
}

#[tokio::test]
async fn no_spelling_over_http2_reaches_another_teams_dashboard() {
    let world = world().await;
    let token = mira(&world);
    let url = world.stile.url().to_owned();
    let targets = spellings();
    let (mut answered, mut calls) = (0, tokio::task::JoinSet::new());
    for share in targets.chunks(20) {
        let request = |(n, path): (usize, &String)| {
            let id = 2 * n as u32 + 1;
            frames::request(id, "PUT", path, raw::authority(&url), &token)
        };
        let streams: Vec<Vec<u8>> = share.iter().enumerate().map(request).collect();
        let url = url.clone();
        calls.spawn(async move { frames::exchange(&url, &streams).await.len() });
        if calls.len() >= 8 {
            answered += calls.join_next().await.unwrap().unwrap();
        }
    }
    while let Some(count) = calls.join_next().await {
        answered += count.unwrap();
    }
    let exact = frames::request(1, "PUT", OWN, raw::authority(&url), &token);
    assert_eq!(frames::exchange(&url, &[exact]).await, [1]);
    assert!(
        answered * 10 > targets.len() * 7,
        "{answered} of {}",
        targets.len()
    );
    let recorded = records(&world.stile.journal());
    let decided = |r: &&Recorded| r.is("decision") && r.word("proto") == "h2";
    // Those that were reset without an answer, too.
    assert_eq!(recorded.iter().filter(decided).count(), targets.len() + 1);
    only_own(&world);
    forwarded_as_decided(&world);
    close(world, &[token]).await;
}

/// Whatever an upstream makes of the target, it is the caller's own dashboard.
fn only_own(world: &stile_kit::World) {
    let mut seen = world.upstream.seen();
    seen.retain(|seen| seen.method != "GET"); // looks of stile's own, at whose it is
    assert!(
        seen.iter().any(|s| s.target == OWN),
        "the exact bytes went upstream"
    );
    for seen in seen {
        let path = seen.target.split('?').next().unwrap();
        let mut read = path.to_owned();
        for _ in 0..3 {
            assert_eq!(read, read_as_file(&read), "{}", seen.target);
            read = decoded(&read);
        }
        assert_eq!(read, OWN, "{}", seen.target);
        assert!(
            !seen.mentions("search-latency") || seen.target.contains('?'),
            "{}",
            seen.target
        );
    }
}

/// As a careless server climbs: backslashes, parameters, dots, empty segments.
fn read_as_file(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let path = path.replace('\\', "/");
    for segment in path
        .split('/')
        .map(|s| s.split([';', '\0']).next().unwrap())
    {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            other => kept.push(other),
        }
    }
    format!("/{}", kept.join("/"))
}

fn decoded(text: &str) -> String {
    let (mut out, bytes, mut at) = (Vec::new(), text.as_bytes(), 0);
    while at < bytes.len() {
        let digits = bytes
            .get(at + 1..at + 3)
            .and_then(|d| std::str::from_utf8(d).ok());
        match digits.and_then(|d| u8::from_str_radix(d, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn put(target: &str, url: &str, token: &str) -> String {
    let host = raw::authority(url);
    format!(
        "PUT {target} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: 2\r\n\r\n{{}}"
    )
}

/// Distinct spellings: connectors x climbs, letters x encodings, ends, and each slash of the path.
fn spellings() -> Vec<String> {
    let mut all = BTreeSet::new();
    for up in UPS {
        for separator in SEPARATORS {
            all.insert(format!("{BASE}/{MINE}{separator}{up}{separator}{THEIRS}"));
        }
        all.insert(format!("{BASE}/{up}/metric_dashboards/{THEIRS}"));
        all.insert(format!("{BASE}/{THEIRS}/{up}/{MINE}"));
        all.insert(format!("/{up}{BASE}/{THEIRS}"));
    }
    for (at, letter) in THEIRS.char_indices() {
        let (before, after) = (&THEIRS[..at], &THEIRS[at + 1..]);
        let code = letter as u32;
        for spelled in [
            format!("%{code:02x}"),
            format!("%{code:02X}"),
            format!("%25{code:02x}"),
            format!("%2525{code:02x}"),
            format!("%u{code:04x}"),
            format!("%{code:01x}"),
            format!("%c1%{:02x}", code & 0x3f | 0x80),
            letter.to_ascii_uppercase().to_string(),
            format!("{letter}%00"),
            format!("{letter}%e2%80%8b"),
        ] {
            all.insert(format!("{BASE}/{before}{spelled}{after}"));
        }
    }
    for end in ENDS {
        all.insert(format!("{BASE}/{THEIRS}{end}"));
        all.insert(format!("{BASE}/{THEIRS}{end}{MINE}"));
        all.insert(format!("{BASE}/{MINE}{end}{THEIRS}"));
        all.insert(format!("{BASE}/{MINE}{end}/../{THEIRS}"));
    }
    for id in [MINE, THEIRS] {
        let path = format!("{BASE}/{id}");
        for (at, _) in path.match_indices('/') {
            for slash in SLASHES {
                all.insert(format!("{}{slash}{}", &path[..at], &path[at + 1..]));
            }
        }
    }
    // What is left must not be what is allowed.
    all.remove(OWN);
    all.into_iter().collect()
}

const BASE: &str = "/public/v0.2/acme/projects/X/metric_dashboards";
const MINE: &str = "checkout-latency";
const THEIRS: &str = "search-latency";
const OWN: &str = "/public/v0.2/acme/projects/X/metric_dashboards/checkout-latency";

const UPS: [&str; 17] = [
    "..",
    "%2e%2e",
    "%2E%2E",
    ".%2e",
    "%2e.",
    "..;",
    "..;x=1",
    "%2e%2e;",
    "..%3b",
    "%252e%252e",
    "..%00",
    "..%20",
    "..%09",
    "%c0%ae%c0%ae",
    "%ef%bc%8e%ef%bc%8e",
    "%u002e%u002e",
    "...",
];
const SEPARATORS: [&str; 14] = [
    "/",
    "%2f",
    "%2F",
    "%5c",
    "\\",
    "//",
    "/./",
    "%252f",
    "%255c",
    "%c0%af",
    "%e2%88%95",
    ";/",
    "%2f/",
    "%00/",
];
const ENDS: [&str; 25] = [
    "/",
    "//",
    "/.",
    "/./",
    ";",
    ";x",
    ";/",
    "%00",
    "%20",
    "%09",
    ".",
    "..",
    "%2e",
    "?",
    "#",
    "%23",
    "%3f",
    "\\",
    "%5c",
    ".json",
    "%0a",
    "%0d%0a",
    "%e2%80%8b",
    "%ff",
    "%",
];
const SLASHES: [&str; 9] = [
    "//", "/./", "/%2e/", "%2f", "\\", "/x/../", "/;/", "/..;/", "/%20/",
];
