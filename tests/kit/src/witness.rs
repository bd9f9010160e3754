//! A witness: cosigns checkpoints of logs it knows, when each grew out of the one before.
//!
//! In: `POST /add-checkpoint`. Out: what C2SP tlog-witness says, or whatever fault a test asks for.
//!
//! Written from the specifications alone, with its own reading of notes and proofs, so that what it
//! accepts is not accepted by the code that made it.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A running witness; it ends when it is dropped.
#[derive(Debug)]
pub struct Witness {
    /// Where it listens.
    pub url: String,
    /// The key of its cosignatures.
    pub vkey: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As the specification says.
    Honest,
    /// With this status and nothing else.
    Status(u16),
    /// Not at all.
    Silent,
    /// With a signature that is not one.
    Forged,
}

#[derive(Debug)]
struct Shared {
    name: String,
    key: Ed25519KeyPair,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    manner: Manner,
    /// By origin: the key of the log.
    logs: HashMap<String, Vec<u8>>,
    /// By origin: size and root of the last checkpoint it cosigned.
    seen: HashMap<String, (u64, Vec<u8>)>,
    asked: u64,
    refused: Vec<u16>,
}

impl Witness {
    /// Starts one that knows no log yet.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn start(name: &str) -> io::Result<Witness> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let key = Ed25519KeyPair::generate().map_err(|_| io::Error::other("no key"))?;
        let public = [&[4][..], key.public_key().as_ref()].concat();
        let id = key_id(name, &public);
        let vkey = format!("{name}+{}+{}", hex(&id), STANDARD.encode(&public));
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            key,
            state: Mutex::new(State {
                manner: Manner::Honest,
                logs: HashMap::new(),
                seen: HashMap::new(),
                asked: 0,
                refused: Vec::new(),
            }),
        });
        let task = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Witness {
            url,
            vkey,
            shared,
            task,
        })
    }

    /// From now on it knows the log with this vkey.
    pub fn trust(&self, vkey: &str) {
        let mut parts = vkey.splitn(3, '+');
        let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return;
        };
        let key = STANDARD.decode(key).unwrap_or_default();
        let public = key.get(1..).unwrap_or_default().to_vec();
        self.with(|state| state.logs.insert(name.to_owned(), public));
    }

    /// From now on it answers so.
    pub fn behave(&self, manner: Manner) {
        self.with(|state| state.manner = manner);
    }

    /// How many records it has seen of a log.
    pub fn seen(&self, origin: &str) -> u64 {
        self.with(|state| state.seen.get(origin).map_or(0, |(size, _)| *size))
    }

    /// It believes to have seen this.
    pub fn remember(&self, origin: &str, size: u64, root: &[u8]) {
        self.with(|state| state.seen.insert(origin.to_owned(), (size, root.to_vec())));
    }

    /// How often it was asked.
    pub fn asked(&self) -> u64 {
        self.with(|state| state.asked)
    }

    /// The statuses of what it did not cosign.
    pub fn refused(&self) -> Vec<u16> {
        self.with(|state| state.refused.clone())
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.shared.state.lock().unwrap_or_else(|e| e.into_inner()))
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // Who hangs up in the middle is no fault of ours.
            let _ = answer(stream, &shared).await;
        });
    }
}

async fn answer(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let Some((target, body)) = read(&mut stream).await? else {
        return Ok(());
    };
    let manner = {
        let mut state = shared.state.lock().unwrap_or_else(|e| e.into_inner());
        state.asked += 1;
        state.manner
    };
    let (status, kind, text) = match manner {
        Manner::Silent => {
            let mut byte = [0];
            while stream.read(&mut byte).await? > 0 {}
            return Ok(());
        }
        Manner::Status(status) => (status, "text/plain", String::new()),
        Manner::Honest | Manner::Forged if target != "POST /add-checkpoint" => {
            (404, "text/plain", String::new())
        }
        Manner::Honest | Manner::Forged => shared.add(&body, manner),
    };
    if status != 200 {
        let mut state = shared.state.lock().unwrap_or_else(|e| e.into_inner());
        state.refused.push(status);
    }
    let head = format!(
        "HTTP/1.1 {status} -\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

/// Method and target, and the body.
async fn read(stream: &mut TcpStream) -> io::Result<Option<(String, String)>> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let is_length = name.eq_ignore_ascii_case("content-length");
                is_length.then(|| value.trim().parse::<usize>().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                let target = head.split(' ').take(2).collect::<Vec<_>>().join(" ");
                return Ok(Some((target, body.to_owned())));
            }
        }
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).await?;
        if count == 0 || bytes.len() > 1 << 20 {
            return Ok(None);
        }
        bytes.extend_from_slice(piece.get(..count).unwrap_or_default());
    }
}

type Said = (u16, &'static str, String);

impl Shared {
    fn add(&self, body: &str, manner: Manner) -> Said {
        self.judge(body, manner).unwrap_or_else(|said| said)
    }

    fn judge(&self, body: &str, manner: Manner) -> Result<Said, Said> {
        let plain = |status| (status, "text/plain", String::new());
        let bad = || plain(400);
        let (head, note) = body.split_once("\n\n").ok_or_else(bad)?;
        let (text, signatures) = note.split_once("\n\n").ok_or_else(bad)?;
        let text = format!("{text}\n");
        let mut lines = head.lines();
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old: u64 = old.and_then(|n| n.parse().ok()).ok_or_else(bad)?;
        let proof: Vec<Vec<u8>> = lines
            .map(|line| STANDARD.decode(line))
            .collect::<Result<_, _>>()
            .map_err(|_| bad())?;
        let mut said = text.lines();
        let origin = said.next().ok_or_else(bad)?;
        let size: u64 = said.next().and_then(|n| n.parse().ok()).ok_or_else(bad)?;
        let root = said.next().and_then(|root| STANDARD.decode(root).ok());
        let root = root.ok_or_else(bad)?;
        let mut state = self.state.lock().unwrap_or_else(|e| e.into_inner());
        let public = state.logs.get(origin).cloned().ok_or(plain(404))?;
        if !is_signed(origin, &public, &text, signatures) {
            return Err(plain(403));
        }
        if old > size {
            return Err(bad());
        }
        let (seen, seen_root) = state.seen.get(origin).cloned().unwrap_or_default();
        if old != seen {
            return Err((409, "text/x.tlog.size", format!("{seen}\n")));
        }
        if old == size && seen_root != root {
            return Err((409, "text/x.tlog.size", format!("{seen}\n")));
        }
        if !grew((old, &seen_root), (size, &root), &proof) {
            return Err(plain(422));
        }
        state.seen.insert(origin.to_owned(), (size, root));
        Ok((200, "text/plain", self.cosign(&text, manner)))
    }

    fn cosign(&self, text: &str, manner: Manner) -> String {
        #[allow(
            clippy::disallowed_methods,
            reason = "a witness is another machine with a clock of its own"
        )]
        let now = std::time::SystemTime::now();
        let time = now
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        let time = time.as_secs();
        let message = format!("cosignature/v1\ntime {time}\n{text}");
        let mut signature = self.key.sign(message.as_bytes()).as_ref().to_vec();
        if manner == Manner::Forged {
            signature.reverse();
        }
        let public = [&[4][..], self.key.public_key().as_ref()].concat();
        let id = key_id(&self.name, &public);
        let coded = STANDARD.encode([&id[..], &time.to_be_bytes(), &signature].concat());
        format!("\u{2014} {} {coded}\n", self.name)
    }
}

fn is_signed(origin: &str, public: &[u8], text: &str, signatures: &str) -> bool {
    let typed = [&[1][..], public].concat();
    let id = key_id(origin, &typed);
    signatures.lines().any(|line| {
        let coded = line.strip_prefix(&format!("\u{2014} {origin} "));
        let bytes = coded.and_then(|coded| STANDARD.decode(coded).ok());
        bytes.is_some_and(|bytes| {
            bytes.starts_with(&id)
                && UnparsedPublicKey::new(&ED25519, public)
                    .verify(text.as_bytes(), bytes.get(4..).unwrap_or_default())
                    .is_ok()
        })
    })
}

/// By the definition of the proof (RFC 6962 2.1.2), read backwards.
fn grew(old: (u64, &[u8]), new: (u64, &[u8]), proof: &[Vec<u8>]) -> bool {
    if old.0 == 0 {
        return proof.is_empty();
    }
    let mut left = proof.iter();
    let roots = roots(old.0, new.0, true, old.1, &mut left);
    let fits = roots.is_some_and(|(was, is)| was == old.1 && is == new.1);
    fits && left.next().is_none()
}

fn roots(
    old: u64,
    new: u64,
    is_known: bool,
    old_root: &[u8],
    proof: &mut std::slice::Iter<'_, Vec<u8>>,
) -> Option<(Vec<u8>, Vec<u8>)> {
    if old == new {
        let root = match is_known {
            true => old_root.to_vec(),
            false => proof.next()?.clone(),
        };
        return Some((root.clone(), root));
    }
    let half = new.next_power_of_two() / 2;
    if old <= half {
        let (was, is) = roots(old, half, is_known, old_root, proof)?;
        return Some((was, node(&is, proof.next()?)));
    }
    let (was, is) = roots(old - half, new - half, false, old_root, proof)?;
    let left = proof.next()?;
    Some((node(left, &was), node(left, &is)))
}

fn node(left: &[u8], right: &[u8]) -> Vec<u8> {
    let whole = [&[1][..], left, right].concat();
    digest(&SHA256, &whole).as_ref().to_vec()
}

fn key_id(name: &str, typed: &[u8]) -> [u8; 4] {
    let hash = digest(&SHA256, &[name.as_bytes(), b"\n", typed].concat());
    let mut id = [0; 4];
    for (to, from) in id.iter_mut().zip(hash.as_ref()) {
        *to = *from;
    }
    id
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
