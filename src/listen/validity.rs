//! Reads from when until when a certificate is valid.
//!
//! In: a certificate in DER. Out: a [`Validity`], or nothing when it is not X.509.
//!
//! Only the way to the two times is read; signature, names and extensions are for those who verify
//! the certificate. No dependency of ours tells a server its own certificate's times.
//!
//! RFC 5280 4.1, 4.1.2.5; X.690 8.1.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::clock::Time;

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) begins: Time,
    pub(super) ends: Time,
}

impl Validity {
    /// `Certificate { tbs { [0] version?, serial, algorithm, issuer, validity { .. } .. } .. }`
    pub(super) fn of(certificate: &[u8]) -> Option<Validity> {
        let (whole, _) = take(certificate, SEQUENCE)?;
        let (mut tbs, _) = take(whole, SEQUENCE)?;
        if let Some((_, rest)) = take(tbs, VERSION) {
            tbs = rest;
        }
        let (_serial, rest) = take(tbs, INTEGER)?;
        let (_algorithm, rest) = take(rest, SEQUENCE)?;
        let (_issuer, rest) = take(rest, SEQUENCE)?;
        let (validity, _) = take(rest, SEQUENCE)?;
        let (begins, rest) = time(validity)?;
        let (ends, _) = time(rest)?;
        Some(Validity { begins, ends })
    }
}

/// Takes one value of the wanted tag: its content, and what follows it.
fn take(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    if *first != tag {
        return None;
    }
    let (short, rest) = rest.split_first()?;
    match short {
        0..=0x7f => rest.split_at_checked(usize::from(*short)),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(short - 0x80))?;
            let size = digits
                .iter()
                .fold(0, |size, digit| size << 8 | usize::from(*digit));
            rest.split_at_checked(size)
        }
        _ => None,
    }
}

fn time(bytes: &[u8]) -> Option<(Time, &[u8])> {
    let (year, rest_of_time, rest) = if let Some((text, rest)) = take(bytes, UTC_TIME) {
        let (year, text) = number(text, 2)?;
        // Two digits stand for 1950 to 2049 (RFC 5280 4.1.2.5.1).
        (
            if year < 50 { 2000 + year } else { 1900 + year },
            text,
            rest,
        )
    } else {
        let (text, rest) = take(bytes, GENERALIZED_TIME)?;
        let (year, text) = number(text, 4)?;
        (year, text, rest)
    };
    let (month, text) = number(rest_of_time, 2)?;
    let (day, text) = number(text, 2)?;
    let (hour, text) = number(text, 2)?;
    let (minute, text) = number(text, 2)?;
    let (second, text) = number(text, 2)?;
    if text != b"Z" {
        return None;
    }
    let small = |part: i16| i8::try_from(part).ok();
    let (month, day) = (small(month)?, small(day)?);
    let (hour, minute, second) = (small(hour)?, small(minute)?, small(second)?);
    let at = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    let at = TimeZone::UTC.to_timestamp(at).ok()?.as_second();
    // A moment before 1970 reads as 1970, as it does on the clock.
    Some((Time::from_secs(u64::try_from(at).unwrap_or(0)), rest))
}

fn number(text: &[u8], digits: usize) -> Option<(i16, &[u8])> {
    let (digits, rest) = text.split_at_checked(digits)?;
    let number = digits.iter().try_fold(0i16, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        Some(number * 10 + i16::try_from(digit).ok()?)
    })?;
    Some((number, rest))
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

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
