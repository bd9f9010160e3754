//! Checks how an upstream is known by, and what it is shown.
//!
//! In: the files, the name and the pins of one upstream. Out: the settings of TLS to it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::ServerName;

use crate::config::check::{Checks, elements};
use crate::config::file::Upstream;
use crate::config::tree::shortened;
use crate::forward::TlsSettings;

/// All of it; for an upstream in clear text there is nothing to set.
pub(super) fn tls(upstream: &Upstream, checks: &mut Checks) -> Option<TlsSettings> {
    refuse_for_clear_text(upstream, checks);
    let ca_file = checks.readable_if_set(&upstream.ca_file);
    let certificate = checks.readable_if_set(&upstream.certificate);
    let key = match upstream.key.get() {
        Some(_) => checks.guarded(&upstream.key),
        None => None,
    };
    for (written, other, name) in [
        (&upstream.certificate, &upstream.key, "key"),
        (&upstream.key, &upstream.certificate, "certificate"),
    ] {
        if written.get().is_some() && other.get().is_none() && !other.wrong() {
            let what = format!("there is no `{name}` beside it");
            let hint = "a certificate and its key go together";
            checks.refuse(written.place(), what, hint);
            return None;
        }
    }
    let server_name = upstream.server_name.get();
    if let Some(name) = server_name
        && ServerName::try_from(name.as_str()).is_err()
    {
        let what = format!("`{}` is no name that a certificate has", shortened(name));
        let hint = "write a host name or an address, without scheme and port";
        checks.refuse(upstream.server_name.place(), what, hint);
        return None;
    }
    let pins: Vec<_> = elements(upstream.pins.get()?)
        .map(|(place, text)| {
            let read = pin(text);
            if read.is_none() {
                let what = format!("`{}` is no pin", shortened(text));
                checks.refuse(place, what, HOW_TO_PIN);
            }
            read
        })
        .collect();
    Some(TlsSettings {
        ca_file,
        own: certificate.zip(key),
        server_name: server_name.cloned(),
        pins: pins.into_iter().collect::<Option<_>>()?,
    })
}

/// What is set for TLS and would never be looked at.
fn refuse_for_clear_text(upstream: &Upstream, checks: &mut Checks) {
    let clear = upstream
        .url
        .get()
        .is_some_and(|url| url.starts_with("http://"));
    let set = [
        (
            upstream.certificate.get().is_some(),
            upstream.certificate.place(),
        ),
        (
            upstream.server_name.get().is_some(),
            upstream.server_name.place(),
        ),
        (
            upstream.pins.get().is_some_and(|pins| !pins.is_empty()),
            upstream.pins.place(),
        ),
    ];
    for (_, place) in set.into_iter().filter(|(is_set, _)| clear && *is_set) {
        let what = "the upstream is spoken to in clear text";
        checks.refuse(place, what, "begin its URL with https://, or remove this");
    }
}

/// `sha256/` and 32 bytes in base64 (RFC 7469, 2.1.1 and 2.4).
fn pin(text: &str) -> Option<[u8; 32]> {
    let digest = STANDARD.decode(text.strip_prefix("sha256/")?).ok()?;
    digest.try_into().ok()
}

const HOW_TO_PIN: &str = "write sha256/ and the digest that `openssl x509 -in CERT -noout -pubkey | \
    openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64` prints";
