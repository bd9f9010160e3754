//! Says whom a destination is believed to be, and what it is shown.
//!
//! In: the files of the settings. Out: rustls' settings, read anew for each use, so that renewed
//! certificates hold without a restart.

use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::settings::TlsSettings;

/// TLS as each connection to a destination has it.
pub(super) fn trusting(settings: &TlsSettings) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|fault| format!("TLS cannot be set up: {fault}"))?;
    let config = versions.with_root_certificates(roots(settings.ca_file.as_deref())?);
    let Some((certificate, key)) = &settings.client else {
        return Ok(config.with_no_client_auth());
    };
    let chain = certificates(certificate)?;
    let pair = PrivateKeyDer::from_pem_file(key).map_err(|fault| unread(key, &fault))?;
    config
        .with_client_auth_cert(chain, pair)
        .map_err(|fault| unread(certificate, &fault))
}

/// The machine's certificates, and those in a file beside them.
fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let Some(file) = ca_file else {
        return Ok(roots);
    };
    for certificate in certificates(file)? {
        let added = roots.add(certificate);
        added.map_err(|fault| unread(file, &fault))?;
    }
    Ok(roots)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    let read: Vec<_> = read.map_err(|fault| unread(file, &fault))?;
    match read.is_empty() {
        true => Err(unread(file, &"there is no certificate in it")),
        false => Ok(read),
    }
}

fn unread(file: &Path, fault: &dyn std::fmt::Display) -> String {
    format!("`{}`: {fault}", file.display())
}
