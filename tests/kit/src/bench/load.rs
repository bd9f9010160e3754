//! A closed loop of requests over connections that stay open.
//!
//! In: an address, requests ready to send, connections, seconds. Out: how many answers came with
//! status 200 and how long each took.
//!
//! Written on the bare socket: what the load costs must not hide what the proxy costs. Anything but
//! status 200 ends the measurement with an error, so that no table shows fast refusals.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a load saw.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Whole answers.
    pub answers: u64,
    /// Microseconds of each, sorted.
    pub latencies_us: Vec<u32>,
    /// From the first request to the last answer.
    pub lasted: Duration,
}

impl Seen {
    /// Answers per second.
    pub fn per_second(&self) -> f64 {
        self.answers as f64 / self.lasted.as_secs_f64()
    }

    /// The latency that this share of answers stayed under, in microseconds.
    pub fn quantile_us(&self, share: f64) -> u32 {
        let at = ((self.latencies_us.len() as f64) * share) as usize;
        let last = self.latencies_us.len().saturating_sub(1);
        self.latencies_us.get(at.min(last)).copied().unwrap_or(0)
    }
}

/// Loads an address for so long over so many connections, taking the requests in turn.
///
/// # Errors
/// When an answer is not 200 or a connection breaks.
pub async fn load(
    address: &str,
    requests: Arc<Vec<Vec<u8>>>,
    connections: usize,
    lasts: Duration,
) -> io::Result<Seen> {
    let began = Instant::now();
    let until = began + lasts;
    let mut callers = Vec::new();
    for number in 0..connections {
        let (address, requests) = (address.to_owned(), Arc::clone(&requests));
        callers.push(tokio::spawn(call(
            address,
            requests,
            number,
            connections,
            until,
        )));
    }
    let mut seen = Seen::default();
    for caller in callers {
        let latencies = caller.await.map_err(io::Error::other)??;
        seen.answers += latencies.len() as u64;
        seen.latencies_us.extend(latencies);
    }
    seen.lasted = began.elapsed();
    seen.latencies_us.sort_unstable();
    Ok(seen)
}

async fn call(
    address: String,
    requests: Arc<Vec<Vec<u8>>>,
    first: usize,
    step: usize,
    until: Instant,
) -> io::Result<Vec<u32>> {
    let mut stream = TcpStream::connect(&address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 16 * 1024];
    let mut latencies = Vec::with_capacity(100_000);
    let mut next = first;
    while Instant::now() < until {
        let Some(request) = requests.get(next % requests.len().max(1)) else {
            break;
        };
        next += step;
        let asked = Instant::now();
        stream.write_all(request).await?;
        one_answer(&mut stream, &mut buffer).await?;
        latencies.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    Ok(latencies)
}

/// Reads one answer to its end into a buffer that it must fit in.
///
/// # Errors
/// When it is not 200 or the connection breaks.
pub(super) async fn one_answer(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut [u8],
) -> io::Result<()> {
    let mut filled = 0;
    loop {
        let free = buffer.get_mut(filled..).unwrap_or_default();
        let read = stream.read(free).await?;
        if read == 0 {
            return Err(io::Error::other("the connection was closed"));
        }
        filled += read;
        let text = buffer.get(..filled).unwrap_or_default();
        let Some(end) = find(text, b"\r\n\r\n") else {
            continue;
        };
        let head = text.get(..end).unwrap_or_default();
        if !head.starts_with(b"HTTP/1.1 200") {
            return Err(io::Error::other(String::from_utf8_lossy(text).into_owned()));
        }
        if filled >= end + 4 + length(head)? {
            return Ok(());
        }
    }
}

fn length(head: &[u8]) -> io::Result<usize> {
    let lower = head.to_ascii_lowercase();
    let at = find(&lower, b"content-length: ").ok_or_else(|| io::Error::other("no length"))?;
    let digits: String = lower
        .iter()
        .skip(at + b"content-length: ".len())
        .take_while(|b| b.is_ascii_digit())
        .map(|b| char::from(*b))
        .collect();
    digits.parse().map_err(io::Error::other)
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
