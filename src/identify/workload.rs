//! Says which program shows a client certificate in the place of a token.
//!
//! In: the certificate of an arrival's connection. Out: a [`Principal`] that is an
//! [`Agent`], nothing where no CA of ours for workloads vouches for it, or a
//! [`Refusal`].
//!
//! That the other end has the key is proved by the handshake; whom the certificate is of is for the CA
//! of a workload setting alone to say, and a CA that a listener asks for so that tokens can be bound to
//! certificates says it of nobody. The chain is verified at the time of the request; once it was, its
//! times are looked at again at each request and the chain after a minute.
//!
//! Never: a name out of the common name, out of two of a kind, or with a wildcard in it; a certificate
//! beside a token.
//!
//! SPIFFE X.509-SVID 2 to 5; RFC 5280 4.2.1.6, 6.1.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::bound::Bound;
use super::facts::{Agent, Facts, Who};
use super::kept_claims::KeptClaims;
use super::principal::{Principal, TokenFacts};
use super::settings::WorkloadSettings;
use super::workload_name::WorkloadName;
use crate::clock::Time;
use crate::listen::ClientCertificate;
use crate::refusal::{Reason, Refusal};
use crate::setup_error::SetupError;

/// All CAs of workloads, and the certificates verified lately.
#[derive(Debug)]
pub(super) struct Workloads {
    trusted: Vec<Trusted>,
    verified: Cache<[u8; 32], Arc<Principal>>,
}

#[derive(Debug)]
struct Trusted {
    settings: WorkloadSettings,
    verifier: Arc<dyn ClientCertVerifier>,
}

impl Workloads {
    /// Reads the CA files.
    pub(super) fn build(settings: Vec<WorkloadSettings>) -> Result<Workloads, SetupError> {
        let trusted = settings.into_iter().map(|settings| {
            let verifier = verifier(&settings.ca_file)?;
            Ok(Trusted { settings, verifier })
        });
        let verified = Cache::builder().max_capacity(MOST_KEPT).time_to_live(KEPT);
        Ok(Workloads {
            trusted: trusted.collect::<Result<_, SetupError>>()?,
            verified: verified.build(),
        })
    }

    /// Who shows this certificate; nobody where none of our CAs vouches for it.
    pub(super) fn identify(
        &self,
        shown: &ClientCertificate,
        now: Time,
    ) -> Result<Option<Arc<Principal>>, Refusal> {
        if self.trusted.is_empty() {
            return Ok(None);
        }
        if let Some(principal) = self.verified.get(&shown.digest) {
            check_times(principal.token(), now)?;
            return Ok(Some(principal));
        }
        let Some((certificate, vouching)) = self.vouching(shown, now) else {
            return Ok(None);
        };
        let principal = vouching.principal(&certificate, shown.digest)?;
        check_times(principal.token(), now)?;
        let principal = Arc::new(principal);
        self.verified.insert(shown.digest, Arc::clone(&principal));
        Ok(Some(principal))
    }

    /// The first of our CAs that the chain leads to.
    fn vouching(&self, shown: &ClientCertificate, now: Time) -> Option<(Certificate, &Trusted)> {
        let mut chain = shown
            .chain
            .iter()
            .map(|der| CertificateDer::from(der.as_slice()));
        let leaf = chain.next()?;
        let above: Vec<_> = chain.collect();
        let now = UnixTime::since_unix_epoch(Duration::from_millis(now.as_ms()));
        let vouches = |one: &&Trusted| one.verifier.verify_client_cert(&leaf, &above, now).is_ok();
        let vouching = self.trusted.iter().find(vouches)?;
        Some((Certificate::from_der(&leaf).ok()?, vouching))
    }
}

impl Trusted {
    fn principal(&self, certificate: &Certificate, digest: [u8; 32]) -> Result<Principal, Refusal> {
        let name = self.settings.names.read(certificate).map_err(|why| {
            let told = "the client certificate does not say which program it is of";
            Refusal::new(Reason::WrongType)
                .telling(told)
                .noting(format!("a certificate for `{}` {why}", self.settings.name))
        })?;
        let WorkloadName { id, above } = name;
        let span = certificate.tbs_certificate.validity;
        let time = |time: x509_cert::time::Time| Time::from_secs(time.to_unix_duration().as_secs());
        let (issued, expires) = (time(span.not_before), time(span.not_after));
        if expires.ms_since(issued) > self.settings.longest_lifetime_ms {
            return Err(Refusal::new(Reason::LifetimeTooLong).telling(TOO_LONG));
        }
        Ok(Principal {
            facts: Facts {
                issuer: self.settings.name.clone(),
                subject: id.clone(),
                who: Who::Agent(Agent {
                    name: id,
                    groups: above,
                    ..Agent::default()
                }),
            },
            issuer_url: self.settings.names.url(),
            token: TokenFacts {
                key_id: None,
                algorithm: "x509",
                typ: None,
                jti: None,
                session_id: None,
                user_id: None,
                issued,
                expires,
                bound: Some(Bound::IsCertificate(digest)),
                kept_claims: KeptClaims::none(),
            },
            digest,
        })
    }
}

fn check_times(token: &TokenFacts, now: Time) -> Result<(), Refusal> {
    if now >= token.expires {
        return Err(Refusal::new(Reason::Expired).telling(OVER));
    }
    match now < token.issued {
        true => Err(Refusal::new(Reason::NotYetValid).telling(NOT_YET)),
        false => Ok(()),
    }
}

fn verifier(file: &Path) -> Result<Arc<dyn ClientCertVerifier>, SetupError> {
    let fault = |what: String| SetupError::in_file(file, what);
    let certificates: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| fault(format!("cannot be read as PEM: {error}")))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let added = roots.add(certificate);
        added.map_err(|error| fault(format!("a certificate cannot be a CA: {error}")))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider()))
        .build()
        .map_err(|_| fault("holds no certificate in PEM".to_owned()))
}

/// About 1 kB each.
const MOST_KEPT: u64 = 10_000;
const KEPT: Duration = Duration::from_secs(60);
const OVER: &str = "the client certificate has expired: connect with a new one";
const NOT_YET: &str = "the client certificate is not valid yet: compare the clocks";
const TOO_LONG: &str = "the client certificate lives longer than this proxy accepts: make shorter \
    ones, or set `longest_lifetime` of its workloads";
