//! Reads HTTP/1 as bytes and writes HTTP/1 as bytes, well-formed or not.
//!
//! In: a connection. Out: one [`Seen`] per request, and what the [`Script`] says.
//!
//! The reader is simple and literal on purpose: what a stricter one would refuse is recorded.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

use super::Shared;
use super::script::{Answer, Script};
use super::seen::Seen;

/// Serves the connection until either end has enough.
pub(super) async fn serve<S>(stream: S, peer: SocketAddr, shared: Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut stream = BufReader::new(stream);
    while let Ok(true) = exchange(&mut stream, peer, &shared).await {}
    let _ = stream.shutdown().await;
}

/// One request and its answer; whether another may follow.
async fn exchange<S>(
    stream: &mut BufReader<S>,
    peer: SocketAddr,
    shared: &Shared,
) -> io::Result<bool>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if matches!(shared.script(), Script::Silent) {
        return until_gone(stream).await;
    }
    let Some(mut seen) = read_head(stream, peer).await? else {
        return Ok(false);
    };
    match shared.script() {
        Script::EarlyAnswer => {
            shared.remember(seen.clone());
            write(stream, &shared.answer(&seen)).await?;
            stream.shutdown().await?;
            return until_gone(stream).await;
        }
        Script::AnswerAndRead => {
            stream.write_all(CHUNKED).await?;
            stream.flush().await?;
            shared.remember(seen);
            return until_gone(stream).await;
        }
        Script::NeverReadBody => {
            shared.remember(seen);
            return std::future::pending().await;
        }
        _ => {}
    }
    if seen
        .value("expect")
        .is_some_and(|expect| expect.eq_ignore_ascii_case("100-continue"))
    {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let read = read_body(stream, &mut seen).await;
    seen.complete = read.is_ok();
    shared.remember(seen.clone());
    read?;
    answer(stream, &seen, shared).await
}

async fn answer<S>(stream: &mut BufReader<S>, seen: &Seen, shared: &Shared) -> io::Result<bool>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match shared.script() {
        Script::CloseBeforeHead => return Ok(false),
        Script::Raw(bytes) => {
            stream.write_all(&bytes).await?;
            return Ok(false);
        }
        Script::SlowHead(pause) => tokio::time::sleep(pause).await,
        Script::SlowBody { pieces, pause } => {
            stream.write_all(CHUNKED).await?;
            for _ in 0..pieces {
                tokio::time::sleep(pause).await;
                stream.write_all(b"5\r\nslow \r\n").await?;
                stream.flush().await?;
            }
            stream.write_all(b"0\r\n\r\n").await?;
            return Ok(true);
        }
        Script::StallBody => {
            stream.write_all(HUNDRED).await?;
            stream.flush().await?;
            return until_gone(stream).await;
        }
        Script::TruncatedBody => {
            stream.write_all(HUNDRED).await?;
            return Ok(false);
        }
        Script::MissingLastChunk => {
            stream.write_all(CHUNKED).await?;
            stream.write_all(b"5\r\nhello\r\n").await?;
            return Ok(false);
        }
        Script::Interim(count) => {
            for _ in 0..count {
                stream
                    .write_all(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")
                    .await?;
            }
        }
        Script::SwitchProtocols => {
            stream
                .write_all(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: tunnel\r\nconnection: upgrade\r\n\r\n")
                .await?;
            stream.flush().await?;
            return until_gone(stream).await;
        }
        Script::Stream(bytes) => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            let piece = [b's'; 16 << 10];
            let mut left = bytes;
            while left > 0 {
                let length = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
                stream
                    .write_all(piece.get(..length).unwrap_or_default())
                    .await?;
                shared.streamed(length);
                left -= length as u64;
            }
            stream.flush().await?;
            return Ok(true);
        }
        _ => {}
    }
    write(stream, &shared.answer(seen)).await?;
    let close = |value: &String| value.eq_ignore_ascii_case("close");
    Ok(seen.protocol != "http/1.0" && !seen.values("connection").iter().any(close))
}

async fn write<S>(stream: &mut BufReader<S>, answer: &Answer) -> io::Result<()>
where
    S: AsyncWrite + AsyncRead + Unpin,
{
    let mut out = format!("HTTP/1.1 {} Word\r\n", answer.status).into_bytes();
    for (name, value) in &answer.fields {
        out.extend(format!("{name}: {value}\r\n").bytes());
    }
    if answer.trailers.is_empty() {
        if answer.status != 204 && answer.status != 304 {
            out.extend(format!("content-length: {}\r\n", answer.body.len()).bytes());
        }
        out.extend(b"\r\n");
        out.extend(&answer.body);
    } else {
        out.extend(
            format!(
                "transfer-encoding: chunked\r\n\r\n{:x}\r\n",
                answer.body.len()
            )
            .bytes(),
        );
        out.extend(&answer.body);
        if !answer.body.is_empty() {
            out.extend(b"\r\n0\r\n");
        }
        for (name, value) in &answer.trailers {
            out.extend(format!("{name}: {value}\r\n").bytes());
        }
        out.extend(b"\r\n");
    }
    stream.write_all(&out).await?;
    stream.flush().await
}

async fn read_head<S>(stream: &mut BufReader<S>, peer: SocketAddr) -> io::Result<Option<Seen>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Some(first) = line(stream).await? else {
        return Ok(None);
    };
    let mut words = first.splitn(3, |byte| *byte == b' ').map(text);
    let mut seen = Seen {
        method: words.next().unwrap_or_default(),
        target: words.next().unwrap_or_default(),
        protocol: words.next().unwrap_or_default().to_ascii_lowercase(),
        authority: None,
        fields: fields(stream).await?,
        trailers: Vec::new(),
        body: Vec::new(),
        body_bytes: 0,
        complete: false,
        peer,
    };
    seen.authority = seen.value("host");
    Ok(Some(seen))
}

async fn read_body<S>(stream: &mut BufReader<S>, seen: &mut Seen) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let chunked = seen
        .values("transfer-encoding")
        .iter()
        .any(|coding| coding.to_ascii_lowercase().contains("chunked"));
    if !chunked {
        let length = seen.values("content-length");
        let length = length.first().and_then(|value| value.parse().ok());
        return read_bytes(stream, seen, length.unwrap_or(0)).await;
    }
    loop {
        let Some(size) = line(stream).await? else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let size = text(size.split(|byte| *byte == b';').next().unwrap_or_default());
        let size = u64::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
        if size == 0 {
            seen.trailers = fields(stream).await?;
            return Ok(());
        }
        read_bytes(stream, seen, size).await?;
        line(stream).await?;
    }
}

async fn read_bytes<S>(stream: &mut BufReader<S>, seen: &mut Seen, length: u64) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut left = length;
    let mut piece = [0; 16 << 10];
    while left > 0 {
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
        let read = stream
            .read(piece.get_mut(..room).unwrap_or_default())
            .await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        seen.add_body(piece.get(..read).unwrap_or_default());
        left -= read as u64;
    }
    Ok(())
}

async fn fields<S>(stream: &mut BufReader<S>) -> io::Result<Vec<(String, Vec<u8>)>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut fields = Vec::new();
    loop {
        let Some(line) = line(stream).await? else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        if line.is_empty() {
            return Ok(fields);
        }
        let mut halves = line.splitn(2, |byte| *byte == b':');
        let name = text(halves.next().unwrap_or_default());
        let value = halves.next().unwrap_or_default().trim_ascii().to_vec();
        fields.push((name, value));
    }
}

/// A line without its end; `None` at the end of the connection.
async fn line<S>(stream: &mut BufReader<S>) -> io::Result<Option<Vec<u8>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut line = Vec::new();
    if stream.read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    while matches!(line.last(), Some(b'\r' | b'\n')) {
        line.pop();
    }
    Ok(Some(line))
}

/// Reads and forgets until the other end closes.
async fn until_gone<S>(stream: &mut BufReader<S>) -> io::Result<bool>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut piece = [0; 1 << 10];
    while stream.read(&mut piece).await? > 0 {}
    Ok(false)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
const HUNDRED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n0123456789";
