//! Serves the two documents of an issuer, and every way in which that can go wrong.
//!
//! In: connections. Out: one answer each, written byte by byte.
//!
//! Writes HTTP itself instead of using a server library, because half of what it must send no
//! library would send: documents that end too early, lengths that lie, answers that never come.
//!
//! Ends every connection after one answer; keeps nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::{Fault, Shared, State};

/// Serves until it is aborted.
pub(super) async fn serve(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    url: String,
    shared: Arc<Shared>,
) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            return;
        };
        while connections.try_join_next().is_some() {}
        let (acceptor, url, shared) = (acceptor.clone(), url.clone(), shared.clone());
        connections.spawn(async move {
            let Some(acceptor) = acceptor else {
                return answer(stream, url, shared).await;
            };
            // A caller that does not trust us hangs up here.
            if let Ok(stream) = acceptor.accept(stream).await {
                answer(stream, url, shared).await;
            }
        });
    }
}

/// Either kind of connection.
trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Document {
    Discovery,
    Keys,
    Tokens,
    Other,
}

async fn answer(mut stream: impl Stream, url: String, shared: Arc<Shared>) {
    let Some((document, form)) = read(&mut stream).await else {
        return;
    };
    count(&shared, document);
    if document == Document::Tokens
        && let Ok(mut posted) = shared.posted.lock()
    {
        posted.push(form);
    }
    let mut states = shared.state.subscribe();
    if fault_of(&states.borrow_and_update(), document) == Some(Fault::Slow) {
        let mended = states.wait_for(|state| fault_of(state, document) != Some(Fault::Slow));
        if mended.await.is_err() {
            return;
        }
    }
    let state = states.borrow().clone();
    // A caller that hangs up in the middle is no fault of ours.
    let _ = write(&mut stream, &url, &state, document, &shared.poured_bytes).await;
    let _ = stream.shutdown().await;
}

async fn write(
    stream: &mut impl Stream,
    url: &str,
    state: &State,
    document: Document,
    poured: &AtomicU64,
) -> std::io::Result<()> {
    let body = match document {
        Document::Discovery => discovery(url, state),
        Document::Keys => json!({ "keys": state.published }).to_string(),
        Document::Tokens => {
            let (status, body) = &state.tokens;
            let media_type = "application/json";
            return plain(stream, *status, media_type, "", &body.to_string()).await;
        }
        Document::Other => return plain(stream, 404, "text/plain", "", "no such document").await,
    };
    let mut caching = format!("cache-control: {}\r\n", state.cache_control);
    if let Some(date) = &state.date {
        caching.push_str(&format!("date: {date}\r\n"));
    }
    match fault_of(state, document) {
        None | Some(Fault::Slow | Fault::WrongIssuer | Fault::KeysElsewhere(_)) => {
            plain(stream, 200, "application/json", &caching, &body).await
        }
        Some(Fault::Down) => Ok(()),
        Some(Fault::Status(status)) => plain(stream, status, "text/plain", "", "broken").await,
        Some(Fault::Html) => plain(stream, 200, "text/html", "", "<!doctype html><p>sign in").await,
        Some(Fault::Text(text)) => plain(stream, 200, "application/json", &caching, &text).await,
        Some(Fault::Redirect(to)) => {
            let location = format!("location: {to}\r\n");
            plain(stream, 302, "text/plain", &location, "").await
        }
        Some(Fault::Gzip) => {
            let encoding = "content-encoding: gzip\r\n";
            plain(stream, 200, "application/json", encoding, &body).await
        }
        Some(Fault::Bomb { announced }) => {
            let encoding = if announced {
                "content-encoding: gzip\r\n"
            } else {
                ""
            };
            let packed = BOMB.get_or_init(|| super::bomb::bomb(16 << 20));
            head(
                stream,
                200,
                "application/json",
                encoding,
                Some(packed.len()),
            )
            .await?;
            stream.write_all(packed).await
        }
        Some(Fault::Large(bytes)) => {
            let body = body.clone() + &" ".repeat(bytes.saturating_sub(body.len()));
            plain(stream, 200, "application/json", &caching, &body).await
        }
        Some(Fault::EndlessHead) => {
            stream.write_all(b"HTTP/1.1 200 -\r\n").await?;
            pour(stream, b"x-more: and more\r\n", poured).await
        }
        Some(Fault::Interim) => loop {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
            tokio::time::sleep(Duration::from_millis(1)).await;
        },
        Some(Fault::Truncated) => {
            let (half, _) = body.split_at(body.len() / 2);
            head(stream, 200, "application/json", "", Some(body.len())).await?;
            stream.write_all(half.as_bytes()).await
        }
        Some(Fault::HugeLength) => {
            head(stream, 200, "application/json", "", Some(1 << 40)).await?;
            stream.write_all(body.as_bytes()).await?;
            hold(stream).await
        }
        Some(Fault::Endless) => {
            head(stream, 200, "application/json", "", None).await?;
            pour(stream, &[b' '; 8192], poured).await
        }
        Some(Fault::Dribble) => {
            head(stream, 200, "application/json", "", Some(body.len())).await?;
            for byte in body.as_bytes() {
                stream.write_all(&[*byte]).await?;
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
            Ok(())
        }
    }
}

fn discovery(url: &str, state: &State) -> String {
    let issuer = match &state.discovery_fault {
        Some(Fault::WrongIssuer) => "https://another-issuer.example",
        _ => url,
    };
    let keys = match &state.discovery_fault {
        Some(Fault::KeysElsewhere(elsewhere)) => elsewhere.clone(),
        _ => format!("{url}/oauth/discovery/keys"),
    };
    json!({
        "issuer": issuer,
        "jwks_uri": keys,
        "authorization_endpoint": format!("{url}/oauth/authorize"),
        "token_endpoint": format!("{url}/oauth/token"),
        "userinfo_endpoint": format!("{url}/oauth/userinfo"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "scopes_supported": ["openid", "profile", "email", "groups"],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat"],
    })
    .to_string()
}

async fn plain(
    stream: &mut impl Stream,
    status: u16,
    media_type: &str,
    more: &str,
    body: &str,
) -> std::io::Result<()> {
    head(stream, status, media_type, more, Some(body.len())).await?;
    stream.write_all(body.as_bytes()).await
}

async fn head(
    stream: &mut impl Stream,
    status: u16,
    media_type: &str,
    more: &str,
    length: Option<usize>,
) -> std::io::Result<()> {
    let length = length.map_or(String::new(), |n| format!("content-length: {n}\r\n"));
    let head = format!(
        "HTTP/1.1 {status} -\r\ncontent-type: {media_type}\r\n{more}{length}connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await
}

/// Writes the same again and again until the other end hangs up.
async fn pour(stream: &mut impl Stream, piece: &[u8], poured: &AtomicU64) -> std::io::Result<()> {
    loop {
        stream.write_all(piece).await?;
        poured.fetch_add(piece.len() as u64, Ordering::Relaxed);
    }
}

/// Keeps a connection open until the other end gives up.
async fn hold(stream: &mut impl Stream) -> std::io::Result<()> {
    let mut byte = [0];
    while stream.read(&mut byte).await? > 0 {}
    Ok(())
}

/// Which document is asked for, and the form that came with the question.
async fn read(stream: &mut impl Stream) -> Option<(Document, String)> {
    let mut head = Vec::new();
    while !is_whole(&head) {
        let mut piece = [0; 1024];
        let read = stream.read(&mut piece).await.ok()?;
        // A caller that begins a TLS handshake (22) here is told off as a web server would.
        let tls = head.is_empty() && piece.first() == Some(&22);
        if read == 0 || tls || head.len() > 16 * 1024 {
            return None;
        }
        head.extend_from_slice(piece.get(..read)?);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let (head, form) = text.split_once("\r\n\r\n")?;
    // The issuer's URL may have a path before these.
    let document = match head.split(' ').nth(1)? {
        target if target.ends_with("/.well-known/openid-configuration") => Document::Discovery,
        target if target.ends_with("/oauth/discovery/keys") => Document::Keys,
        target if target.ends_with("/oauth/token") => Document::Tokens,
        _ => Document::Other,
    };
    Some((document, form.to_owned()))
}

/// Whether a request is here, body and all.
fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let head = head.to_ascii_lowercase();
    let length = head
        .split("\r\n")
        .find_map(|line| line.strip_prefix("content-length:"));
    let length = length.and_then(|length| length.trim().parse().ok());
    body.len() >= length.unwrap_or(0)
}

fn fault_of(state: &State, document: Document) -> Option<Fault> {
    match document {
        Document::Discovery => state.discovery_fault.clone(),
        Document::Keys => state.keys_fault.clone(),
        Document::Tokens | Document::Other => None,
    }
}

fn count(shared: &Shared, document: Document) {
    if let Ok(mut fetches) = shared.fetches.lock() {
        match document {
            Document::Discovery => fetches.discovery += 1,
            Document::Keys => fetches.keys += 1,
            Document::Tokens | Document::Other => fetches.other += 1,
        }
    }
}

/// Made once: it takes a moment.
static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
