//! Asks a running stile about itself, on its admin listener.
//!
//! In: an address and a path. Out: the body of the answer, or why there is none.
//!
//! Plain HTTP, as the admin listener speaks; bounded in time and size; sends nothing but the path.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::trouble::Trouble;
use crate::setup_error::SetupError;

/// Where the admin listener is: as said, or as the settings have it.
pub(super) fn admin_url(said: Option<&str>, settings: SocketAddr) -> Result<Uri, Trouble> {
    let Some(said) = said else {
        if settings.port() == 0 {
            let fault = SetupError::new("the settings let the system choose the admin port");
            return Err(Trouble::input(fault.hint(
                "say --admin http://ADDRESS:PORT; `serve` logs it as `admin listening`",
            )));
        }
        let address = match settings.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        let text = format!("http://{}", SocketAddr::new(address, settings.port()));
        return text.parse().map_err(|_| not_a_url(&text));
    };
    let url: Uri = said.parse().map_err(|_| not_a_url(said))?;
    let plain = url.scheme_str() == Some("http") && url.host().is_some();
    if plain && matches!(url.path(), "" | "/") && url.query().is_none() {
        Ok(url)
    } else {
        Err(not_a_url(said))
    }
}

fn not_a_url(said: &str) -> Trouble {
    let fault = SetupError::new(format!("`{said}` is not the address of an admin listener"));
    Trouble::input(fault.hint("such as http://127.0.0.1:9090"))
}

/// The body of what it answers at this path.
pub(super) async fn ask(admin: &Uri, path: &str) -> Result<Bytes, Trouble> {
    let answer = tokio::time::timeout(PATIENCE, answered(admin, path)).await;
    let why = match answer {
        Ok(Ok(body)) => return Ok(body),
        Ok(Err(why)) => why,
        Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
    };
    let fault = SetupError::new(format!("stile at {admin} cannot be asked: {why}"));
    Err(Trouble::Unknown(fault.hint(
        "is it running, and is that `admin.address`? name another with --admin URL",
    )))
}

async fn answered(admin: &Uri, path: &str) -> Result<Bytes, String> {
    let host = admin.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = admin.port_u16().unwrap_or(80);
    let said = |error: &dyn std::fmt::Display| error.to_string().to_lowercase();
    let stream = TcpStream::connect((host, port))
        .await
        .map_err(|e| said(&e))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| said(&e))?;
    let running = tokio::spawn(connection);
    let request = Request::get(path)
        .header(header::HOST, format!("{host}:{port}"))
        .body(Empty::<Bytes>::new())
        .map_err(|e| said(&e))?;
    let response = sender.send_request(request).await.map_err(|e| said(&e))?;
    if response.status() != StatusCode::OK {
        return Err(format!("it answers {}", response.status()));
    }
    let body = Limited::new(response.into_body(), LARGEST_ANSWER_BYTES);
    let body = body.collect().await.map_err(|e| said(&e))?.to_bytes();
    running.abort();
    Ok(body)
}

const PATIENCE: Duration = Duration::from_secs(5);
const LARGEST_ANSWER_BYTES: usize = 8 << 20;
