//! What we take for a request, others take for the same: llhttp in Node and h11 in Python.
//!
//! Connections are made of spellings of the request line, of fields, of framing and of bodies, one thing
//! or several at a time, with a second request behind. A reader may refuse what we accept; what it reads
//! must be what we read: method, target, body, and where the next request begins.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use tokio::io::AsyncWriteExt;

use super::stand::{Call, Stand, read_to_end};

/// Method, target, body.
type Read = (String, String, String);

#[tokio::test]
async fn nothing_that_we_accept_do_other_readers_frame_otherwise() {
    let connections = connections();
    assert!(connections.len() >= 10_000, "{}", connections.len());
    let Some(node) = read_by("node", "other_reader.mjs", &connections).await else {
        return;
    };
    let h11 = read_by("venv/bin/python", "other_reader.py", &connections)
        .await
        .unwrap();
    let ours = read_by_us(&connections).await;
    let mut accepted = 0;
    let mut by_both = 0;
    let mut otherwise = Vec::new();
    for (at, connection) in connections.iter().enumerate() {
        let we = &ours[at];
        accepted += we.len();
        for (who, other) in [("llhttp", &node[at]), ("h11", &h11[at])] {
            if we.iter().zip(other).any(|(ours, theirs)| ours != theirs) {
                let connection = connection.escape_ascii();
                otherwise.push(format!(
                    "{who} on {connection}\n  we {we:?}\n  it {other:?}"
                ));
            }
        }
        by_both +=
            usize::from(!we.is_empty() && node[at].len() >= we.len() && h11[at].len() >= we.len());
    }
    let count = otherwise.len();
    otherwise.truncate(12);
    assert!(
        otherwise.is_empty(),
        "{count}, such as\n{}",
        otherwise.join("\n")
    );
    println!(
        "{} connections: {accepted} requests accepted, {by_both} connections read whole by all",
        connections.len()
    );
    assert!(
        accepted >= 3_000,
        "the generator makes too little that is good: {accepted}"
    );
    assert!(
        by_both >= 1_500,
        "the others read too little of it: {by_both}"
    );
}

/// What our listener hands on, for each connection.
async fn read_by_us(connections: &[Vec<u8>]) -> Vec<Vec<Read>> {
    let stand = Stand::clear();
    let mut all = Vec::new();
    let mut before = 0;
    for bytes in connections {
        let mut stream = stand.connect().await;
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        read_to_end(&mut stream).await;
        let calls = stand.memory.calls();
        let mut read = Vec::new();
        for call in &calls[before..] {
            match call {
                Call::Received {
                    method,
                    target,
                    body: Ok(body),
                    ..
                } => {
                    read.push((method.clone(), target.clone(), body.clone()));
                }
                _ => break,
            }
        }
        before = calls.len();
        all.push(read);
    }
    all
}

async fn read_by(program: &str, script: &str, connections: &[Vec<u8>]) -> Option<Vec<Vec<Read>>> {
    let mut command = crate::callers::command(program, script)?;
    let lines: Vec<String> = connections
        .iter()
        .map(|bytes| STANDARD.encode(bytes))
        .collect();
    let read = tokio::task::spawn_blocking(move || {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut to = process.stdin.take().unwrap();
        let from = BufReader::new(process.stdout.take().unwrap());
        let writing = std::thread::spawn(move || {
            for line in lines {
                writeln!(to, "{line}").unwrap();
            }
        });
        let read: Vec<Vec<Read>> = from.lines().map(|line| requests(&line.unwrap())).collect();
        writing.join().unwrap();
        process.wait().unwrap();
        read
    });
    let read = read.await.unwrap();
    assert_eq!(read.len(), connections.len(), "{script} ended early");
    Some(read)
}

fn requests(line: &str) -> Vec<Read> {
    let all: Vec<(String, String, String)> =
        serde_json::from_value(serde_json::from_str::<Value>(line).unwrap()).unwrap();
    let decoded = |(method, target, body): Read| {
        let body = STANDARD.decode(body).unwrap();
        // We take a target in absolute form apart (RFC 9112 3.2.2); the host is then that of the target.
        let target = target.trim_start_matches("http://a.example").to_owned();
        (method, target, String::from_utf8_lossy(&body).into_owned())
    };
    all.into_iter().map(decoded).collect()
}

/// Every framing beside every body with good lines, and a sample of everything beside everything.
fn connections() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for framing in FRAMINGS {
        for body in BODIES {
            all.push(connection(
                "POST /a HTTP/1.1",
                "host: a.example",
                framing,
                body,
                "\r\n",
            ));
        }
    }
    for start in STARTS {
        for field in FIELDS {
            all.push(connection(
                start,
                field,
                "content-length: 5",
                "hello",
                "\r\n",
            ));
        }
    }
    let mut random = Random(0x5eed);
    // Mostly good, so that what is odd in it is met by readers that go on.
    while all.len() < 10_000 {
        let start = random.mostly(STARTS);
        let fields = [random.mostly(FIELDS), random.mostly(FIELDS)].join("\r\n");
        let (mut framing, mut body) = match random.next() % 2 {
            0 => ("content-length: 5".to_owned(), "hello"),
            _ => ("transfer-encoding: chunked".to_owned(), BODIES[2]),
        };
        match random.next() % 6 {
            0 => body = random.of(BODIES),
            1 => framing = random.of(FRAMINGS).to_owned(),
            2 => framing = [random.of(FRAMINGS), random.of(FRAMINGS)].join("\r\n"),
            _ => {}
        }
        let end = random.mostly(&["\r\n", "\n", "\r"]);
        all.push(connection(start, &fields, &framing, body, end));
    }
    all
}

fn connection(start: &str, fields: &str, framing: &str, body: &str, end: &str) -> Vec<u8> {
    let mut lines = vec![start];
    lines.extend(
        ["host: a.example"]
            .iter()
            .filter(|_| !fields.contains("ost")),
    );
    lines.extend([fields, framing].iter().filter(|line| !line.is_empty()));
    let head = lines.join("\r\n").replace("\r\n", end);
    let next = "GET /next HTTP/1.1\r\nhost: a.example\r\n\r\n";
    format!("{head}{end}{end}{body}{next}").into_bytes()
}

/// Repeatable: a test that fails fails again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// The first of them, four times out of five.
    fn mostly<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        match self.next() % 5 {
            0 => self.of(texts),
            _ => texts[0],
        }
    }

    fn of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        let at = self.next() % texts.len() as u64;
        texts[usize::try_from(at).unwrap()]
    }
}

const STARTS: &[&str] = &[
    "POST /a HTTP/1.1",
    "GET /a?b=c HTTP/1.1",
    "PUT /a%20b HTTP/1.1",
    "POST /a HTTP/1.0",
    "POST  /a HTTP/1.1",
    "POST /a  HTTP/1.1",
    "POST /a HTTP/1.1 ",
    " POST /a HTTP/1.1",
    "POST\t/a HTTP/1.1",
    "POST /a\tHTTP/1.1",
    "post /a HTTP/1.1",
    "P@ST /a HTTP/1.1",
    "POST /a HTTP/1.2",
    "POST /a HTTP/2.0",
    "POST /a http/1.1",
    "POST /a HTTP/1.1\x0b",
    "POST http://a.example/a HTTP/1.1",
    "POST a HTTP/1.1",
    "POST * HTTP/1.1",
    "POST /a#b HTTP/1.1",
    "POST /a\\b HTTP/1.1",
    "POST /\u{e9} HTTP/1.1",
    "POST /a b HTTP/1.1",
    "POST /a",
    "DELETE /a HTTP/1.1",
    "PATCH //a HTTP/1.1",
    "OPTIONS /a HTTP/1.1",
    "\r\nPOST /a HTTP/1.1",
    "\nPOST /a HTTP/1.1",
    "POST /a HTTP/01.1",
    "POST /a HTTP/1.01",
    "PRI * HTTP/2.0",
    "QUERY /a HTTP/1.1",
];

const FIELDS: &[&str] = &[
    "accept: */*",
    "accept:*/*",
    "accept: \t */* \t",
    "accept:",
    "x: 1\r\nx: 2",
    "accept : */*",
    " accept: */*",
    "\taccept: */*",
    "accept\t: */*",
    "acc ept: */*",
    "accept",
    ": x",
    "x: a\r\n b",
    "x: a\r\n\tb",
    "x: a\x00b",
    "x: a\x0bb",
    "x: a\x7fb",
    "x: \u{e9}",
    "x\u{e9}: a",
    "x: a\nb: c",
    "x: a\rb: c",
    "x: a\n",
    "host: a.example\r\nhost: b.example",
    "Host : a.example",
    "x(y): a",
    "x\"y: a",
    "connection: keep-alive",
    "connection: close",
    "expect: 100-continue",
    "te: trailers",
    "x: ",
    "x: a,b",
    "X-\u{212a}: a",
    "upgrade: h2c\r\nconnection: upgrade",
    "trailer: x",
];

const FRAMINGS: &[&str] = &[
    "",
    "content-length: 5",
    "Content-Length:5",
    "content-length: 0",
    "content-length: +5",
    "content-length: 05",
    "content-length: 5 ",
    "content-length: 5,5",
    "content-length: 5, 6",
    "content-length: 0x5",
    "content-length: 5\r\ncontent-length: 5",
    "content-length: 5\r\ncontent-length: 6",
    "content-length: -1",
    "content-length: 5\u{0}",
    "content-length:",
    "content-length: \t5",
    "content-length: 18446744073709551621",
    "content-length: 5;",
    "content-length: 5.0",
    "content_length: 5",
    "content-length : 5",
    "transfer-encoding: chunked",
    "Transfer-Encoding:chunked",
    "transfer-encoding: Chunked",
    "transfer-encoding: chunked, chunked",
    "transfer-encoding: identity",
    "transfer-encoding: gzip, chunked",
    "transfer-encoding: chunked, gzip",
    "transfer-encoding: xchunked",
    "transfer-encoding: \"chunked\"",
    "transfer-encoding: chunked;q=1",
    "transfer-encoding:\x0bchunked",
    "transfer-encoding: chunked ",
    "transfer-encoding: chun\r\n ked",
    "transfer-encoding : chunked",
    "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
    "transfer_encoding: chunked",
    "transfer-encoding: chunked\r\ncontent-length: 5",
    "content-length: 5\r\ntransfer-encoding: chunked",
    "transfer-encoding:\r\n chunked",
    "transfer-encoding: ,chunked",
    "transfer-encoding: chunked,",
];

const BODIES: &[&str] = &[
    "",
    "hello",
    "5\r\nhello\r\n0\r\n\r\n",
    "5\r\nhello\r\n00\r\n\r\n",
    "05\r\nhello\r\n0\r\n\r\n",
    "5 \r\nhello\r\n0\r\n\r\n",
    " 5\r\nhello\r\n0\r\n\r\n",
    "5;a=b\r\nhello\r\n0\r\n\r\n",
    "5;a=\"b\"\r\nhello\r\n0\r\n\r\n",
    "5;\r\nhello\r\n0\r\n\r\n",
    "5\nhello\n0\n\n",
    "5\r\nhello\n0\r\n\r\n",
    "5\r\nhello0\r\n\r\n",
    "5\r\nhello\r\n0\r\nx: y\r\n\r\n",
    "5\r\nhello\r\n0\r\nx : y\r\n\r\n",
    "5\r\nhello\r\n0\r\ncontent-length: 9\r\n\r\n",
    "0x5\r\nhello\r\n0\r\n\r\n",
    "+5\r\nhello\r\n0\r\n\r\n",
    "-5\r\nhello\r\n0\r\n\r\n",
    "5\r\nhello\r\n0\r\n",
    "5\r\nhell",
    "5;a\nb\r\nhello\r\n0\r\n\r\n",
    "5;\u{0}\r\nhello\r\n0\r\n\r\n",
    "A\r\nhellohello\r\n0\r\n\r\n",
    "a\r\nhellohello\r\n0\r\n\r\n",
    "FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
    "5\r\rhello\r\n0\r\n\r\n",
    "\r\n5\r\nhello\r\n0\r\n\r\n",
    "0\r\n\r\n",
    "5\r\nhello\r\n0\r\n\n",
    "5\r\nhello\r\n0;x\r\n\r\n",
    "5_0\r\nhello\r\n0\r\n\r\n",
];
