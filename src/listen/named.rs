//! Chooses the certificate of a handshake by the name that the caller asks for.
//!
//! In: certificates, in the order they were set; a name (SNI), or none. Out: the certificate to show,
//! or none, which ends the handshake.
//!
//! A name that is written out goes before one with a `*`, and of several certificates for one name
//! the first whose key the caller can check is shown. A caller without a name, such as a health check
//! by address, gets the first certificate.
//!
//! An unknown name is refused unless it was set otherwise. No caller who checks certificates could
//! go on with another name's, so only those who check nothing lose anything; and who walks through
//! addresses and names is not told which names are served here.
//!
//! RFC 6066 3; RFC 6125 6.4.3.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::SignatureAlgorithm;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::certificate::{Certificate, Shown};
use super::settings::{PairFiles, TlsFiles, UnknownNames};
use crate::clock::Clock;
use crate::setup_error::SetupError;

/// Certificates by the names they are for.
#[derive(Debug)]
pub(super) struct Named {
    first: Arc<Shown>,
    unknown: UnknownNames,
    clock: Clock,
    by_name: HashMap<String, Vec<Arc<Shown>>>,
}

impl Named {
    /// With this certificate for callers without a name.
    pub(super) fn beginning_with(certificate: Certificate, files: &TlsFiles) -> Named {
        let first = Arc::clone(&certificate.shown);
        let by_name = (certificate.names.into_iter())
            .map(|name| (name, vec![Arc::clone(&first)]))
            .collect();
        Named {
            first,
            unknown: files.unknown_names,
            clock: Clock::machine(),
            by_name,
        }
    }

    /// With one more.
    ///
    /// # Errors
    /// When no caller would ever see it.
    pub(super) fn add(
        &mut self,
        files: &PairFiles,
        certificate: Certificate,
    ) -> Result<(), SetupError> {
        let kind = certificate.shown.plain.key.algorithm();
        let names = &certificate.names;
        let unseen = |name: &String| self.has(name, kind);
        if names.is_empty() {
            let fault = "the certificate names no host, so no caller would see it";
            return Err(SetupError::in_file(&files.certificate, fault)
                .hint("it needs a DNS name as subject alternative name, or the first place"));
        }
        if names.iter().all(unseen) {
            let names = names.join("`, `");
            let fault = format!("another certificate before it has `{names}` already");
            return Err(SetupError::in_file(&files.certificate, fault)
                .hint("no caller would see it: remove one of the two"));
        }
        for name in certificate.names {
            let of_name = self.by_name.entry(name).or_default();
            of_name.push(Arc::clone(&certificate.shown));
        }
        Ok(())
    }

    fn has(&self, name: &str, kind: SignatureAlgorithm) -> bool {
        let of_name = self.by_name.get(name).into_iter().flatten();
        of_name
            .into_iter()
            .any(|shown| shown.plain.key.algorithm() == kind)
    }

    fn of(&self, name: &str) -> Option<&[Arc<Shown>]> {
        let name = name.to_ascii_lowercase();
        let any = || Some(format!("*.{}", name.split_once('.')?.1));
        let exact = self.by_name.get(&name);
        exact
            .or_else(|| self.by_name.get(&any()?))
            .map(Vec::as_slice)
    }

    fn choose(&self, hello: &ClientHello<'_>) -> Option<&Shown> {
        let Some(name) = hello.server_name() else {
            return Some(&self.first);
        };
        let Some(of_name) = self.of(name) else {
            return match self.unknown {
                UnknownNames::Refuse => None,
                UnknownNames::First => Some(&self.first),
            };
        };
        let schemes = hello.signature_schemes();
        let fits = |shown: &&Arc<Shown>| shown.plain.key.choose_scheme(schemes).is_some();
        let fitting = of_name.iter().find(fits).or(of_name.first());
        fitting.map(Arc::as_ref)
    }
}

impl ResolvesServerCert for Named {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.choose(&hello)?.at(self.clock.now()))
    }
}
