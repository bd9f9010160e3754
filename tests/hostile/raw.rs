//! A caller that sends exactly the bytes it is told to, and reads answers to the byte.

use std::io;
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One answer as it came off the wire.
#[derive(Clone, Debug)]
pub(crate) struct RawAnswer {
    pub(crate) status: StatusCode,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the body came to the end that its framing promised.
    pub(crate) whole: bool,
}

impl RawAnswer {
    pub(crate) fn field(&self, name: &str) -> &str {
        let named = |(n, _): &&(String, String)| n.eq_ignore_ascii_case(name);
        self.fields.iter().find(named).map_or("", |(_, v)| v)
    }

    pub(crate) fn reason(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or(Value::Null);
        body["reason"].as_str().unwrap_or("").to_owned()
    }
}

/// Connects to `http://HOST:PORT`.
pub(crate) async fn connect(url: &str) -> TcpStream {
    let stream = TcpStream::connect(authority(url)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// `HOST:PORT` of a URL.
pub(crate) fn authority(url: &str) -> &str {
    url.split("://").nth(1).unwrap_or(url)
}

/// Sends everything at once, reads to the end of the connection or of patience.
pub(crate) async fn exchange(url: &str, bytes: &[u8]) -> Vec<RawAnswer> {
    let mut stream = connect(url).await;
    let _ = stream.write_all(bytes).await;
    answers(&read_for(&mut stream, PATIENCE).await)
}

/// Reads until the other end closes or says nothing for so long.
pub(crate) async fn read_for(stream: &mut TcpStream, silence: Duration) -> Vec<u8> {
    let (mut all, mut piece) = (Vec::new(), vec![0; 16 << 10]);
    loop {
        match tokio::time::timeout(silence, stream.read(&mut piece)).await {
            Ok(Ok(0) | Err(_)) | Err(_) => return all,
            Ok(Ok(size)) => all.extend_from_slice(&piece[..size]),
        }
    }
}

/// Reads one whole answer and leaves the connection open.
pub(crate) async fn one_answer<S>(stream: &mut S) -> io::Result<RawAnswer>
where
    S: AsyncRead + Unpin,
{
    let (mut all, mut piece) = (Vec::new(), vec![0; 16 << 10]);
    loop {
        if let Some((answer, _)) = first(&all)
            && answer.whole
        {
            return Ok(answer);
        }
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut piece)).await;
        match read.map_err(|_| io::Error::other("no answer in time"))?? {
            0 => return Err(io::Error::other("closed before the answer was whole")),
            size => all.extend_from_slice(&piece[..size]),
        }
    }
}

/// Every answer in these bytes.
pub(crate) fn answers(mut bytes: &[u8]) -> Vec<RawAnswer> {
    let mut all = Vec::new();
    while let Some((answer, rest)) = first(bytes) {
        all.push(answer);
        bytes = rest;
    }
    all
}

fn first(bytes: &[u8]) -> Option<(RawAnswer, &[u8])> {
    let end = find(bytes, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let fields: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut answer = RawAnswer {
        status,
        fields,
        body: Vec::new(),
        whole: true,
    };
    let rest = &bytes[end + 4..];
    if answer.status.is_informational() {
        return Some((answer, rest));
    }
    if answer.field("transfer-encoding") == "chunked" {
        let (body, used) = unchunk(rest);
        answer.body = body;
        answer.whole = used.is_some();
        return Some((answer, &rest[used.unwrap_or(rest.len())..]));
    }
    let length = answer.field("content-length").parse().unwrap_or(0);
    answer.whole = rest.len() >= length;
    let size = length.min(rest.len());
    answer.body = rest[..size].to_vec();
    Some((answer, &rest[size..]))
}

/// The joined chunks, and how many bytes they took when the last one came.
fn unchunk(bytes: &[u8]) -> (Vec<u8>, Option<usize>) {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let rest = &bytes[at.min(bytes.len())..];
        let Some(line) = find(rest, b"\r\n") else {
            return (body, None);
        };
        let size = std::str::from_utf8(&rest[..line]).unwrap_or("");
        let Ok(size) = usize::from_str_radix(size.trim(), 16) else {
            return (body, None);
        };
        let from = line + 2;
        if size == 0 {
            return match find(&rest[line..], b"\r\n\r\n") {
                Some(end) => (body, Some(at + line + end + 4)),
                None => (body, None),
            };
        }
        let Some(chunk) = rest.get(from..from + size) else {
            return (body, None);
        };
        body.extend_from_slice(chunk);
        at += from + size + 2;
    }
}

pub(crate) fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len())
        .position(|window| window == needle)
}

const PATIENCE: Duration = Duration::from_secs(10);
