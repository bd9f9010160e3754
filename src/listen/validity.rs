//! Reads from when until when a certificate is valid.
//!
//! In: a certificate in DER. Out: a [`Validity`], or nothing when it is not X.509.
//!
//! RFC 5280 4.1.2.5.

use x509_cert::Certificate;
use x509_cert::der::Decode;

use crate::clock::Time;

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) begins: Time,
    pub(super) ends: Time,
}

impl Validity {
    /// Of a certificate.
    pub(super) fn of(certificate: &[u8]) -> Option<Validity> {
        let span = Certificate::from_der(certificate)
            .ok()?
            .tbs_certificate
            .validity;
        let time = |time: x509_cert::time::Time| Time::from_secs(time.to_unix_duration().as_secs());
        Some(Validity {
            begins: time(span.not_before),
            ends: time(span.not_after),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(begins: (i32, u8, u8), ends: (i32, u8, u8)) -> Vec<u8> {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut wanted = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        wanted.not_before = rcgen::date_time_ymd(begins.0, begins.1, begins.2);
        wanted.not_after = rcgen::date_time_ymd(ends.0, ends.1, ends.2);
        wanted.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn both_spellings_of_a_time_are_read() {
        let der = made((2020, 1, 2), (2999, 12, 31));
        let validity = Validity::of(&der).unwrap();
        assert_eq!(validity.begins, Time::from_secs(1_577_923_200));
        assert_eq!(validity.ends, Time::from_secs(32_503_593_600));
    }

    #[test]
    fn a_certificate_cut_short_of_its_times_is_none() {
        let der = made((2020, 1, 2), (2030, 12, 31));
        for size in 0..60 {
            assert_eq!(Validity::of(&der[..size]), None);
        }
        assert_eq!(Validity::of(b"0\x84\xff\xff\xff\xff"), None);
    }
}
