//! Reads one server certificate with its key.
//!
//! In: two PEM files, and the time. Out: a pair that handshakes can use, with the names it is for,
//! or a [`SetupError`] that names the file.
//!
//! Never: a key that everybody may read or that is another's, a certificate that is not valid now.
//!
//! RFC 5280 4.1.2.5, 4.2.1.6; RFC 6125 6.4.4.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use webpki::EndEntityCert;

use super::settings::PairFiles;
use super::staple::Staple;
use super::validity::Validity;
use crate::clock::Time;
use crate::setup_error::SetupError;

/// A certificate to show, with what it is for.
#[derive(Debug)]
pub(super) struct Certificate {
    pub(super) shown: Arc<Shown>,
    /// Host names, lower case; the first label may be `*`. The common name is none of them.
    pub(super) names: Vec<String>,
}

/// What a caller is shown.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) plain: Arc<CertifiedKey>,
    stapled: Option<(Arc<CertifiedKey>, Time)>,
}

impl Shown {
    /// With what its issuer says of it, for as long as that is good.
    pub(super) fn at(&self, now: Time) -> Arc<CertifiedKey> {
        let stapled = self.stapled.as_ref().filter(|(_, ends)| *ends > now);
        Arc::clone(stapled.map_or(&self.plain, |(key, _)| key))
    }
}

/// When the server's own certificate ends.
///
/// # Errors
/// As for [`TlsSwitch::load`](super::TlsSwitch::load): a certificate that is not valid now has a
/// fault instead.
pub fn certificate_ends(files: &PairFiles, now: Time) -> Result<Time, SetupError> {
    let chain = read_chain(&files.certificate, now)?;
    let validity = chain.first().and_then(|leaf| Validity::of(leaf));
    validity
        .map(|validity| validity.ends)
        .ok_or_else(|| unreadable(&files.certificate, "certificate", &pem::Error::NoItemsFound))
}

/// Reads and checks one pair.
pub(super) fn read(files: &PairFiles, now: Time) -> Result<Certificate, SetupError> {
    let chain = read_chain(&files.certificate, now)?;
    let names = chain.first().map_or_else(Vec::new, names);
    let staple = match (&files.staple, chain.first()) {
        (Some(file), Some(leaf)) => Some(Staple::read(file, leaf, now)?),
        _ => None,
    };
    let key = read_key(&files.key)?;
    let key = any_supported_type(&key).map_err(|error| not_a_pair(files, &error))?;
    let pair = CertifiedKey::new(chain, key);
    match pair.keys_match() {
        // Some kinds of key do not tell their public half; none that can be read here.
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
        Err(error) => return Err(not_a_pair(files, &error)),
    }
    let stapled = staple.map(|staple| {
        let mut stapled = pair.clone();
        stapled.ocsp = Some(staple.der);
        (Arc::new(stapled), staple.ends)
    });
    let plain = Arc::new(pair);
    Ok(Certificate {
        shown: Arc::new(Shown { plain, stapled }),
        names,
    })
}

fn names(leaf: &CertificateDer<'_>) -> Vec<String> {
    EndEntityCert::try_from(leaf).map_or_else(
        |_| Vec::new(),
        |leaf| {
            leaf.valid_dns_names()
                .map(str::to_ascii_lowercase)
                .collect()
        },
    )
}

fn read_chain(file: &Path, now: Time) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(file, "certificate", &error))?;
    let Some(leaf) = chain.first() else {
        return Err(unreadable(file, "certificate", &pem::Error::NoItemsFound));
    };
    match Validity::of(leaf) {
        None => Err(
            SetupError::in_file(file, "the first certificate is not X.509")
                .hint("the file must hold the chain in PEM, the server's own certificate first"),
        ),
        Some(validity) if now >= validity.ends => Err(SetupError::in_file(
            file,
            format!(
                "the certificate expired {} days ago",
                days(now.ms_since(validity.ends))
            ),
        )
        .hint("renew it; the next reload takes the new one")),
        Some(validity) if now < validity.begins => Err(SetupError::in_file(
            file,
            "the certificate is not valid yet",
        )
        .hint("check the clock of this machine, or when the certificate was made")),
        Some(_) => Ok(chain),
    }
}

fn read_key(file: &Path) -> Result<PrivateKeyDer<'static>, SetupError> {
    let mode = std::fs::metadata(file).map(|about| about.permissions().mode());
    if let Ok(mode) = mode
        && mode & EVERYBODY_READS != 0
    {
        let fault = format!(
            "everybody may read the private key (mode {:04o})",
            mode & 0o7777
        );
        let hint = format!("chmod 640 {}", file.display());
        return Err(SetupError::in_file(file, fault).hint(hint));
    }
    PrivateKeyDer::from_pem_file(file).map_err(|error| unreadable(file, "private key", &error))
}

/// The fault of a PEM file.
pub(super) fn unreadable(file: &Path, what: &str, error: &pem::Error) -> SetupError {
    match error {
        pem::Error::Io(error) => SetupError::in_file(file, format!("cannot be read: {error}"))
            .hint("check the path, and that stile may read it"),
        pem::Error::NoItemsFound => SetupError::in_file(file, format!("holds no {what} in PEM"))
            .hint("certificate and key may be exchanged, or the file is in DER"),
        error => SetupError::in_file(file, format!("holds no well-formed PEM: {error}")),
    }
}

fn not_a_pair(files: &PairFiles, error: &rustls::Error) -> SetupError {
    match error {
        rustls::Error::InconsistentKeys(_) => {
            let certificate = files.certificate.display();
            let fault = format!("the private key does not belong to `{certificate}`");
            SetupError::in_file(&files.key, fault)
                .hint("the server's own certificate must be the first in its file")
        }
        error => SetupError::in_file(&files.key, format!("cannot be used for TLS: {error}"))
            .hint("RSA of 2048 bits and more, P-256, P-384 and Ed25519 keys work"),
    }
}

fn days(ms: u64) -> u64 {
    ms / 86_400_000
}

const EVERYBODY_READS: u32 = 0o004;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_staple_is_shown_until_it_is_too_old() {
        let key = rcgen::KeyPair::generate().unwrap();
        let wanted = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        let chain = vec![wanted.self_signed(&key).unwrap().der().clone()];
        let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let plain = CertifiedKey::new(chain, any_supported_type(&private).unwrap());
        let mut stapled = plain.clone();
        stapled.ocsp = Some(vec![7]);
        let ends = Time::from_secs(1_795_434_000);
        let shown = Shown {
            plain: Arc::new(plain),
            stapled: Some((Arc::new(stapled), ends)),
        };
        let before = Time::from_ms(ends.as_ms() - 1);
        assert_eq!(shown.at(before).ocsp, Some(vec![7]));
        assert_eq!(shown.at(ends).ocsp, None);
    }
}
