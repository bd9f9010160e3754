//! An issuer that mints: publishes keys over plain HTTP on the loopback and signs tokens with them.
//!
//! In: a port, claims, orders to break. Out: tokens, and answers to whoever fetches the keys.
//!
//! [`Issuer::start_tls`] speaks HTTPS with a certificate of its own authority, for tests of trust.
//!
//! Holds one RSA key (`RS256`, the one [`Issuer::mint`] signs with) and one P-256 key (`ES256`).
//! Every fetch is counted, so that a test can say how often stile may ask. A broken document stays
//! broken until [`Issuer::mend`].
//!
//! Ends with the value: dropping an [`Issuer`] closes its port and its connections.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a kit that breaks should stop its test at once"
)]

pub mod claims;
mod bomb;
mod serve;
mod tls;

pub use tls::Flaw;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::mint::{self, SigningKey};

/// A running issuer.
#[derive(Debug)]
pub struct Issuer {
    url: String,
    authority_pem: Option<String>,
    shared: Arc<Shared>,
    task: AbortHandle,
}

/// What goes wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed without an answer.
    Down,
    /// Nothing is answered until the issuer is mended.
    Slow,
    /// The document comes one byte at a time and would take minutes.
    Dribble,
    /// This status, with a small body.
    Status(u16),
    /// 200 with a page.
    Html,
    /// The connection ends in the middle of the document.
    Truncated,
    /// The document never ends.
    Endless,
    /// A length of many gigabytes is announced.
    HugeLength,
    /// The document says it is compressed.
    Gzip,
    /// The document is a few kilobytes of gzip that unpack to megabytes, announced or not.
    Bomb {
        /// Whether `content-encoding` says so.
        announced: bool,
    },
    /// The document is filled up with spaces to so many bytes, and says so.
    Large(usize),
    /// The head of the answer never ends.
    EndlessHead,
    /// Interim answers (`100`) without end, and no final one.
    Interim,
    /// 302 to this URL.
    Redirect(String),
    /// The discovery document names another issuer (whichever document was broken).
    WrongIssuer,
    /// The discovery document sends for its keys to this URL (whichever document was broken).
    KeysElsewhere(String),
    /// Exactly this text, as JSON.
    Text(String),
}

/// How often each document was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fetches {
    /// `/.well-known/openid-configuration`.
    pub discovery: usize,
    /// `/oauth/discovery/keys`.
    pub keys: usize,
    /// Anything else, the token endpoint included.
    pub other: usize,
}

#[derive(Debug)]
struct Shared {
    state: watch::Sender<State>,
    fetches: Mutex<Fetches>,
    poured_bytes: AtomicU64,
    /// The forms that came to the token endpoint.
    posted: Mutex<Vec<String>>,
}

#[derive(Clone, Debug)]
struct State {
    rsa: SigningKey,
    ec: SigningKey,
    published: Vec<Value>,
    cache_control: String,
    date: Option<String>,
    discovery_fault: Option<Fault>,
    keys_fault: Option<Fault>,
    /// What its token endpoint answers: status and body.
    tokens: (u16, Value),
}

impl Issuer {
    /// Starts one on a free port of the loopback.
    pub async fn start() -> Issuer {
        Issuer::start_at(0).await
    }

    /// Starts one on this port of the loopback; 0 takes a free one.
    pub async fn start_at(port: u16) -> Issuer {
        Issuer::listening(port, "", None).await
    }

    /// Starts one on a free port whose URL has a path, as an Okta authorization server's has.
    pub async fn start_under(path: &str) -> Issuer {
        Issuer::listening(0, path, None).await
    }

    /// Starts one on a free port that speaks HTTPS as `localhost`.
    pub async fn start_tls() -> Issuer {
        Issuer::start_tls_as(&["localhost"], None).await
    }

    /// Starts one on a free port that speaks HTTPS under these names, with a flaw where one is
    /// given. Its URL says `localhost`.
    pub async fn start_tls_as(names: &[&str], flaw: Option<Flaw>) -> Issuer {
        Issuer::listening(0, "", Some(tls::own_authority(names, flaw))).await
    }

    async fn listening(port: u16, path: &str, tls: Option<tls::Tls>) -> Issuer {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let (url, authority_pem, acceptor) = match tls {
            None => (format!("http://{address}{path}"), None, None),
            Some(tls) => {
                let url = format!("https://localhost:{}{path}", address.port());
                (url, Some(tls.authority_pem), tls.acceptor)
            }
        };
        let (rsa, ec) = (SigningKey::rs256(), SigningKey::es256());
        let shared = Arc::new(Shared {
            state: watch::Sender::new(State {
                published: vec![rsa.jwk(), ec.jwk()],
                rsa,
                ec,
                cache_control: CACHE_CONTROL.to_owned(),
                date: None,
                discovery_fault: None,
                keys_fault: None,
                tokens: (400, json!({ "error": "invalid_grant" })),
            }),
            fetches: Mutex::default(),
            poured_bytes: AtomicU64::new(0),
            posted: Mutex::default(),
        });
        let task = tokio::spawn(serve::serve(
            listener,
            acceptor,
            url.clone(),
            shared.clone(),
        ));
        Issuer {
            url,
            authority_pem,
            shared,
            task: task.abort_handle(),
        }
    }

    /// Its exact URL, without a slash at the end: what tokens say in `iss`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The certificate (PEM) to trust it by, where it speaks HTTPS.
    pub fn authority_pem(&self) -> Option<&str> {
        self.authority_pem.as_deref()
    }

    /// A token for the claims, signed `RS256` by the current RSA key.
    pub fn mint(&self, claims: &Map<String, Value>) -> String {
        mint::mint(claims, &self.rsa())
    }

    /// A token for the claims, signed `ES256` by the current P-256 key.
    pub fn mint_es256(&self, claims: &Map<String, Value>) -> String {
        mint::mint(claims, &self.ec())
    }

    /// A token with this header, whatever it says, signed by this key, published or not.
    pub fn mint_with(
        &self,
        header: &Map<String, Value>,
        claims: &Map<String, Value>,
        key: &SigningKey,
    ) -> String {
        mint::mint_with(header, claims, key)
    }

    /// Answers so whoever asks its token endpoint for tokens.
    pub fn answer_tokens(&self, status: u16, body: Value) {
        self.shared
            .state
            .send_modify(|state| state.tokens = (status, body));
    }

    /// The forms that came to its token endpoint, in order.
    pub fn posted(&self) -> Vec<String> {
        self.shared.posted.lock().unwrap().clone()
    }

    /// The current RSA key.
    pub fn rsa(&self) -> SigningKey {
        self.shared.state.borrow().rsa.clone()
    }

    /// The current P-256 key.
    pub fn ec(&self) -> SigningKey {
        self.shared.state.borrow().ec.clone()
    }

    /// Takes new keys into use; the old ones are gone at once, as at GitLab.
    pub fn rotate(&self) {
        self.rotated(false);
    }

    /// Takes new keys into use and keeps the old ones published, as Okta does.
    pub fn rotate_keeping_old(&self) {
        self.rotated(true);
    }

    /// Signs with this RSA key from now on and publishes it in place of the current one.
    pub fn replace_rsa(&self, key: SigningKey) {
        self.shared.state.send_modify(|state| {
            state
                .published
                .retain(|jwk| jwk.get("kid") != Some(&json!(state.rsa.kid)));
            state.published.push(key.jwk());
            state.rsa = key;
        });
    }

    /// Publishes one more key, whatever it is.
    pub fn publish(&self, jwk: Value) {
        self.shared
            .state
            .send_modify(|state| state.published.push(jwk));
    }

    /// The key set as it is published.
    pub fn key_set(&self) -> Value {
        json!({ "keys": self.shared.state.borrow().published })
    }

    /// Sends this `cache-control` with the keys instead of GitLab's one day.
    pub fn set_cache_control(&self, cache_control: &str) {
        self.shared
            .state
            .send_modify(|state| state.cache_control = cache_control.to_owned());
    }

    /// Says that it is this time, in `date`, with every document.
    pub fn set_date(&self, date: &str) {
        self.shared
            .state
            .send_modify(|state| state.date = Some(date.to_owned()));
    }

    /// Breaks the key set until [`Issuer::mend`].
    pub fn break_keys(&self, fault: Fault) {
        self.shared.state.send_modify(|state| match fault {
            Fault::WrongIssuer | Fault::KeysElsewhere(_) => state.discovery_fault = Some(fault),
            _ => state.keys_fault = Some(fault),
        });
    }

    /// Breaks the discovery document until [`Issuer::mend`].
    pub fn break_discovery(&self, fault: Fault) {
        self.shared
            .state
            .send_modify(|state| state.discovery_fault = Some(fault));
    }

    /// Serves both documents as they should be; answers that were held back go out now.
    pub fn mend(&self) {
        self.shared.state.send_modify(|state| {
            state.discovery_fault = None;
            state.keys_fault = None;
        });
    }

    /// How often each document was asked for so far.
    pub fn fetches(&self) -> Fetches {
        *self.shared.fetches.lock().unwrap()
    }

    /// How many bytes of answers without end somebody took before hanging up.
    pub fn poured_bytes(&self) -> u64 {
        self.shared.poured_bytes.load(Ordering::Relaxed)
    }

    fn rotated(&self, keep_old: bool) {
        self.shared.state.send_modify(|state| {
            state.rsa = SigningKey::rs256_unlike(&state.rsa);
            state.ec = SigningKey::es256();
            if !keep_old {
                state.published.clear();
            }
            state.published.push(state.rsa.jwk());
            state.published.push(state.ec.jwk());
        });
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// As GitLab sends it.
const CACHE_CONTROL: &str = "max-age=86400, public, must-revalidate, no-transform";
