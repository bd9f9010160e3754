//! What refuses a start-up of the forwarder: keys, addresses, certificates.
//!
//! What it does with a request is tested beside its code: the door that takes plain parts instead
//! of a `Committed` is not public.
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use http::HeaderName;
use stile::forward::{InjectedHeader, InjectedHeaders, UpstreamSettings, Upstreams};
use stile_kit::upstream::API_KEY;

/// The faults of the valid settings with one thing changed.
fn faults(change: impl FnOnce(&mut UpstreamSettings, &Path)) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings("https://api.example.com", folder.path());
    settings.tls.ca_file = Some(stile_kit::tls::DevCa::new().write_to(folder.path()));
    change(&mut settings, folder.path());
    match Upstreams::build(&[settings]) {
        Ok(_) => Vec::new(),
        Err(errors) => errors
            .iter()
            .inspect(|error| assert!(!error.to_string().contains(API_KEY)))
            .map(ToString::to_string)
            .collect(),
    }
}

fn one(change: impl FnOnce(&mut UpstreamSettings, &Path), words: &str) {
    let faults = faults(change);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].contains(words), "{faults:?}");
}

fn write_key(folder: &Path, text: &[u8]) {
    std::fs::write(folder.join("upstream.key"), text).unwrap();
}

#[test]
fn the_valid_settings_build() {
    assert_eq!(faults(|_, _| ()), Vec::<String>::new());
    assert_eq!(
        faults(|_, folder| write_key(folder, b"12345678")),
        Vec::<String>::new()
    );
    assert_eq!(
        faults(|_, folder| write_key(folder, b"12345678\r\n")),
        Vec::<String>::new()
    );
}

#[test]
fn a_key_file_must_be_there_and_ones_own() {
    one(
        |_, folder| std::fs::remove_file(folder.join("upstream.key")).unwrap(),
        "cannot be read",
    );
    for mode in [0o640, 0o604, 0o620, 0o601, 0o777] {
        one(
            |_, folder| {
                let path = folder.join("upstream.key");
                let mode = std::fs::Permissions::from_mode(mode);
                std::fs::set_permissions(path, mode).unwrap();
            },
            "read by others",
        );
    }
    one(
        |settings, folder| settings.headers[0].key_file = Some(folder.to_owned()),
        "not a plain file",
    );
}

#[test]
fn a_key_is_one_line_of_visible_characters() {
    let long = [b'k'; 8193];
    let texts: &[&[u8]] = &[
        b"",
        b"\n",
        b"1234567",
        b"12345678\n\n",
        b"12345678\n12345678\n",
        b"1234 5678",
        b" 12345678",
        b"1234\x005678",
        b"1234\x7f5678",
        "12345678é".as_bytes(),
        &long,
    ];
    for text in texts {
        one(|_, folder| write_key(folder, text), "not one line");
    }
    one(
        |_, folder| write_key(folder, b"\xff\xfe12345678"),
        "cannot be read",
    );
}

#[test]
fn value_and_key_file_must_fit() {
    one(
        |settings, _| settings.headers[0].value = "bearer".to_owned(),
        "does not use",
    );
    one(
        |settings, _| settings.headers[1].value = "{key}".to_owned(),
        "no key file",
    );
    one(
        |settings, _| settings.headers[1].value = "a\nb".to_owned(),
        "malformed value",
    );
    one(
        |settings, _| settings.headers[1].value = String::new(),
        "malformed value",
    );
    one(
        |settings, _| drop(settings.headers.remove(0)),
        "no header with a key",
    );
    one(
        |settings, _| settings.headers.clear(),
        "no header with a key",
    );
}

#[test]
fn a_field_of_ours_cannot_be_injected() {
    for name in [
        "host",
        "content-length",
        "connection",
        "te",
        "via",
        "stile-decision",
        "x_stile_a",
    ] {
        one(
            |settings, _| settings.headers[1].name = HeaderName::from_static(name),
            "set by stile itself",
        );
    }
    one(
        |settings, _| settings.headers[1].name = http::header::AUTHORIZATION,
        "set twice",
    );
}

#[test]
fn an_address_is_scheme_host_and_port() {
    for (url, words) in [
        ("/x", "no scheme"),
        ("ftp://a.example", "neither http nor https"),
        ("https://a.example/api", "has a path"),
        ("https://a.example/?q", "has a path"),
        ("https://me:secret@a.example", "holds a credential"),
        ("http://169.254.169.254", "link-local"),
        ("http://[::ffff:169.254.169.254]:80", "link-local"),
        ("http://[fe80::1]", "link-local"),
        ("http://0.0.0.0:80", "nobody's own"),
    ] {
        one(|settings, _| settings.url = url.parse().unwrap(), words);
    }
    assert!(
        !faults(|s, _| s.url = "https://me:secret@a.example".parse().unwrap())[0]
            .contains("secret")
    );
}

#[test]
fn a_ca_file_must_hold_certificates() {
    one(
        |settings, folder| settings.tls.ca_file = Some(folder.join("none")),
        "cannot be read",
    );
    for (text, words) in [
        ("", "no certificate"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "malformed certificate",
        ),
    ] {
        one(
            |settings, folder| {
                let path = folder.join("other.pem");
                std::fs::write(&path, text).unwrap();
                settings.tls.ca_file = Some(path);
            },
            words,
        );
    }
}

#[test]
fn every_fault_is_told_at_once() {
    let faults = faults(|settings, folder| {
        settings.url = "ftp://a.example".parse().unwrap();
        settings.headers[1].value = "{key}".to_owned();
        std::fs::remove_file(folder.join("upstream.key")).unwrap();
    });
    assert_eq!(faults.len(), 3, "{faults:?}");
}

#[test]
fn a_key_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings("http://127.0.0.1:1", folder.path());
    let injected = InjectedHeaders::load(&settings).unwrap();
    assert!(!format!("{injected:?}").contains(API_KEY));
    let upstreams = Upstreams::build(&[settings]).unwrap();
    assert!(!format!("{upstreams:?}").contains(API_KEY));
    assert!(upstreams.states()[0].key_written.is_some());
}

/// Valid settings of one upstream whose key and authority are in the folder.
fn settings(url: &str, folder: &Path) -> UpstreamSettings {
    UpstreamSettings {
        name: "lightstep".to_owned(),
        url: url.parse().unwrap(),
        headers: vec![
            injected("authorization", "bearer {key}", Some(key_file(folder))),
            injected("x-lightstep-org", "acme", None),
        ],
        pass: Vec::new(),
        addresses: Vec::new(),
        tls: stile::forward::TlsSettings::default(),
        limits: Vec::new(),
        rest: stile::forward::RestSettings {
            failures: None,
            pause_ms: 1_000,
        },
        hold_ms: None,
        scrub_bodies: false,
        connect_ms: 2_000,
        head_ms: 300,
        idle_ms: 300,
        requests: 64,
        rotate_after_ms: 1_000,
        rotate_strictly: false,
    }
}

fn injected(name: &str, value: &str, key_file: Option<PathBuf>) -> InjectedHeader {
    InjectedHeader {
        name: HeaderName::try_from(name).unwrap(),
        value: value.to_owned(),
        key_file,
        key_command: None,
        next_key_file: None,
        keys_by_project: std::collections::BTreeMap::new(),
    }
}

fn key_file(folder: &Path) -> PathBuf {
    let path = folder.join("upstream.key");
    std::fs::write(&path, format!("{API_KEY}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}
