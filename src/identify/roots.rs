//! Gathers the certificates that an issuer is believed by.
//!
//! In: whether the machine's count, and a file of the operator's. Out: a store, or a [`SetupError`]
//! that names the file.

use std::path::Path;

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::setup_error::SetupError;

/// The machine's certificates, and those in a file beside them.
pub(super) fn roots(of_machine: bool, ca_file: Option<&Path>) -> Result<RootCertStore, SetupError> {
    let mut roots = RootCertStore::empty();
    if of_machine {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let Some(file) = ca_file else {
        return Ok(roots);
    };
    let unread = |fault: String| SetupError::in_file(file, fault);
    let certificates = CertificateDer::pem_file_iter(file)
        .map_err(|fault| unread(format!("the CA certificate cannot be read: {fault}")))?;
    let mut added = 0;
    for certificate in certificates {
        let certificate =
            certificate.map_err(|fault| unread(format!("not a PEM certificate: {fault}")))?;
        roots
            .add(certificate)
            .map_err(|fault| unread(format!("not a usable CA certificate: {fault}")))?;
        added += 1;
    }
    if added == 0 {
        return Err(unread("there is no certificate in this file".to_owned()));
    }
    Ok(roots)
}
