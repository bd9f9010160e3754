//! Checks the certificates of one listener.
//!
//! In: `tls` as written. Out: the files that handshakes need; whether they fit together is found
//! where they are read.

use std::path::PathBuf;

use crate::config::check::{Checks, elements};
use crate::config::file::Tls;
use crate::config::located::Located;
use crate::config::origin::Place;
use crate::listen::{PairFiles, TlsFiles};

/// All of them.
pub(super) fn tls(tls: &Tls, place: &Place, checks: &mut Checks) -> Option<TlsFiles> {
    let first = pair((&tls.certificate, &tls.key, &tls.staple), place, checks);
    let more: Vec<_> = elements(tls.more.get()?)
        .map(|(place, more)| pair((&more.certificate, &more.key, &more.staple), place, checks))
        .collect();
    let certificates = (tls.more.get().into_iter().flatten())
        .filter_map(|more| Some(&more.get()?.certificate))
        .chain([&tls.certificate])
        .filter_map(|file| Some((file.place(), file.get()?.display().to_string())));
    checks.distinct(certificates, "certificates");
    let client_ca = if_set(&tls.client_ca, checks);
    Some(TlsFiles {
        first: first?,
        more: more.into_iter().collect::<Option<_>>()?,
        unknown_names: *tls.unknown_names.get()?,
        client_ca: client_ca?,
    })
}

type Path = Located<PathBuf>;

fn pair(
    (certificate, key, staple): (&Path, &Path, &Path),
    place: &Place,
    checks: &mut Checks,
) -> Option<PairFiles> {
    let shown = certificate.required("certificate", place, &mut checks.faults);
    let shown = shown.and_then(|_| checks.readable(certificate));
    let secret = key.required("key", place, &mut checks.faults);
    let secret = secret.and_then(|_| checks.guarded(key));
    let stapled = if_set(staple, checks);
    Some(PairFiles {
        certificate: shown?,
        key: secret?,
        staple: stapled?,
    })
}

/// Nothing where a file was named that cannot be read.
fn if_set(path: &Path, checks: &mut Checks) -> Option<Option<PathBuf>> {
    let read = checks.readable_if_set(path);
    (path.get().is_none() || read.is_some()).then_some(read)
}
