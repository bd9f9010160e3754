//! Reads what a certificate's issuer says of it, to be shown to callers with it (OCSP).
//!
//! In: a file with an answer of the issuer's responder, in DER. Out: a [`Staple`], or a
//! [`SetupError`].
//!
//! It must be about this certificate, say that it is good, and say until when. Who fetches it is a
//! program of the operator's; once it is too old it is left away, since callers refuse a stale one.
//! Its signature is for callers to verify: they trust the issuer, and not us.
//!
//! RFC 6960 4.2; RFC 6066 8.

use std::path::Path;

use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_ocsp::{BasicOcspResponse, CertStatus, OcspResponse, OcspResponseStatus, SingleResponse};

use crate::clock::Time;
use crate::setup_error::SetupError;

/// An answer about one certificate.
#[derive(Clone, Debug)]
pub(super) struct Staple {
    pub(super) der: Vec<u8>,
    /// When there is a newer one.
    pub(super) ends: Time,
}

impl Staple {
    /// Reads a file about this certificate.
    pub(super) fn read(file: &Path, leaf: &[u8], now: Time) -> Result<Staple, SetupError> {
        let der = std::fs::read(file).map_err(|error| {
            SetupError::in_file(file, format!("cannot be read: {error}"))
                .hint("check the path, and that stile may read it")
        })?;
        let fault = |(fault, hint): (&str, &str)| SetupError::in_file(file, fault).hint(hint);
        let ends = ends(&der, leaf).map_err(fault)?;
        match ends > now {
            true => Ok(Staple { der, ends }),
            false => Err(fault(TOO_OLD)),
        }
    }
}

/// Until when the answer is good for this certificate; else what is wrong with it.
fn ends(der: &[u8], leaf: &[u8]) -> Result<Time, (&'static str, &'static str)> {
    let response = OcspResponse::from_der(der).map_err(|_| NO_ANSWER)?;
    if response.response_status != OcspResponseStatus::Successful {
        return Err(NO_SUCCESS);
    }
    let bytes = response.response_bytes.ok_or(NO_ANSWER)?;
    let basic = BasicOcspResponse::from_der(bytes.response.as_bytes()).map_err(|_| NO_ANSWER)?;
    let leaf = Certificate::from_der(leaf).map_err(|_| NO_ANSWER)?;
    let serial = &leaf.tbs_certificate.serial_number;
    let mut all = basic.tbs_response_data.responses.iter();
    let about = |one: &&SingleResponse| one.cert_id.serial_number == *serial;
    let single = all.find(about).ok_or(OF_ANOTHER)?;
    if !matches!(single.cert_status, CertStatus::Good(_)) {
        return Err(NOT_GOOD);
    }
    let next = single.next_update.as_ref().ok_or(WITHOUT_END)?;
    Ok(Time::from_secs(next.0.to_unix_duration().as_secs()))
}

type Told = (&'static str, &'static str);

const NO_ANSWER: Told = (
    "is no OCSP answer in DER",
    "write it with `openssl ocsp ... -respout FILE`",
);
const NO_SUCCESS: Told = (
    "says that the responder gave no answer",
    "ask the responder again",
);
const OF_ANOTHER: Told = (
    "is about another certificate",
    "ask about the first certificate of `certificate`",
);
const NOT_GOOD: Told = (
    "says that the certificate is revoked or unknown",
    "callers that look would refuse it: get a new certificate",
);
const WITHOUT_END: Told = (
    "does not say until when it is good",
    "ask a responder that does, or leave `staple` out",
);
const TOO_OLD: Told = (
    "is too old",
    "fetch a new answer; what fetches it must do so before the last one ends",
);
