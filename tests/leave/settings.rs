//! The section `leave`: what loads, and each mistake told where it was made.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use stile::config::Settings;
use stile::leave::{Form, Place};

use crate::config::{SHIPPED, Site};

const ALL: &str = "\
leave:
  - name: siem
    kind: otlp
    url: https://otel.example.com/v1/logs
    headers:
      - { name: authorization, value: \"Bearer {key}\", key_file: secrets/lightstep.key }
    timeout: 3s
  - name: archive
    kind: syslog
    address: siem.example.com:6514
    message: record
    ca_file: ca.pem
    certificate: client.pem
    key: client.key
  - name: lake
    kind: ocsf_file
    file: ocsf.jsonl
";

fn site(leave: &str) -> Site {
    let site = Site::with(
        &SHIPPED
            .replace("leave: []", "# leave: []")
            .replace("\nlimits:", &format!("\n{leave}\nlimits:")),
    );
    for name in ["ca.pem", "client.pem", "client.key"] {
        fs::write(site.path(name), "anything\n").unwrap();
    }
    fs::set_permissions(site.path("client.key"), fs::Permissions::from_mode(0o600)).unwrap();
    site
}

fn faults(leave: &str) -> String {
    let site = site(leave);
    let faults = Settings::load(&site.file(), []).map(|_| ());
    let faults = faults.expect_err("it has a fault");
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    told.join("\n")
}

#[test]
fn three_kinds_of_destinations_load_as_written() {
    let site = site(ALL);
    let settings = Settings::load(&site.file(), []).unwrap();
    let names: Vec<&str> = settings.leave.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["siem", "archive", "lake"]);
    let [siem, archive, lake] = &settings.leave[..] else {
        panic!("three")
    };
    let Place::Otlp(otlp) = &siem.place else {
        panic!("{siem:?}")
    };
    assert_eq!((otlp.timeout_ms, otlp.headers.len()), (3_000, 1));
    assert_eq!(otlp.url.path(), "/v1/logs");
    let Place::Syslog(syslog) = &archive.place else {
        panic!("{archive:?}")
    };
    assert_eq!(
        (syslog.host.as_str(), syslog.port),
        ("siem.example.com", 6514)
    );
    assert_eq!((syslog.form, syslog.timeout_ms), (Form::Record, 10_000));
    assert!(syslog.tls.client.is_some() && syslog.tls.ca_file.is_some());
    assert_eq!(lake.place, Place::OcsfFile(site.path("ocsf.jsonl")));
    let shipped = Settings::load(&Site::new().file(), []).unwrap();
    assert!(shipped.leave.is_empty());
}

#[test]
fn each_mistake_is_told_where_it_was_made() {
    for (piece, other, told) in [
        ("name: lake", "name: siem", "two destinations are `siem`"),
        ("name: lake", "name: La ke", "`La ke` cannot be a name"),
        (
            "- name: lake\n    kind: ocsf_file",
            "- kind: ocsf_file",
            "`leave[2].name` is missing",
        ),
        (
            "kind: ocsf_file",
            "kind: ocsf-file",
            "did you mean `ocsf_file`?",
        ),
        (
            "    url: https://otel.example.com/v1/logs\n",
            "",
            "`leave[0].url` is missing",
        ),
        (
            "https://otel",
            "http://otel",
            "records and key would travel in clear text",
        ),
        (".com/v1/logs", ".com", "the path is missing"),
        (
            "https://otel",
            "https://me:word@otel",
            "no user name and no password",
        ),
        ("Bearer {key}", "Bearer", "no place for the key"),
        (
            "secrets/lightstep.key",
            "secrets/none.key",
            "there is no such file",
        ),
        (
            "name: authorization",
            "name: host",
            "belongs to the connection",
        ),
        (":6514", "", "`siem.example.com` is not host and port"),
        (":6514", ":0", "is not host and port"),
        (
            "siem.example.com:6514",
            "tls://siem.example.com:6514",
            "is not host and port",
        ),
        ("    key: client.key\n", "", "there is no `key` beside it"),
        (
            "    certificate: client.pem\n",
            "",
            "there is no `certificate` beside it",
        ),
        (
            "ca_file: ca.pem",
            "ca_file: none.pem",
            "there is no such file",
        ),
        (
            "message: record",
            "message: text",
            "`text` is not known here",
        ),
        (
            "file: ocsf.jsonl",
            "file: nowhere/ocsf.jsonl",
            "cannot be a file",
        ),
        ("file: ocsf.jsonl", "file: secrets", "cannot be a file"),
        ("    file: ocsf.jsonl\n", "", "`leave[2].file` is missing"),
        ("timeout: 3s", "timeout: 0s", "is not a duration"),
        (
            "timeout: 3s",
            "adress: a:1",
            "unknown key `leave[0].adress`",
        ),
    ] {
        assert!(ALL.contains(piece), "{piece}");
        let faults = faults(&ALL.replacen(piece, other, 1));
        assert!(faults.contains(told), "{piece} → {other}: {faults}");
        assert!(faults.contains("stile.yaml:"), "{faults}");
    }
}

#[test]
fn a_key_of_another_kind_is_refused_with_each_kind() {
    let of_kind = [
        ("otlp", "url: https://a.example/v1/logs"),
        ("otlp", "headers: []"),
        ("syslog", "address: a.example:6514"),
        ("syslog", "message: ocsf"),
        ("ocsf_file", "file: a.jsonl"),
    ];
    let whole = [
        ("otlp", "url: https://a.example/v1/logs"),
        ("syslog", "address: a.example:6514"),
        ("ocsf_file", "file: a.jsonl"),
    ];
    let of_network = [
        "ca_file: ca.pem",
        "timeout: 3s",
        "certificate: client.pem\n    key: client.key",
    ];
    for (kind, needed) in whole {
        let base = format!("leave:\n  - name: a\n    kind: {kind}\n    {needed}\n");
        Settings::load(&site(&base).file(), []).expect(kind);
        for (other, stray) in of_kind {
            if other != kind {
                let told = faults(&format!("{base}    {stray}\n"));
                assert!(
                    told.contains("means nothing for this kind"),
                    "{kind}, {stray}: {told}"
                );
            }
        }
        for stray in of_network {
            let written = format!("{base}    {stray}\n");
            match kind {
                "ocsf_file" => {
                    let told = faults(&written);
                    assert!(
                        told.contains("means nothing for this kind"),
                        "{stray}: {told}"
                    );
                }
                _ => drop(Settings::load(&site(&written).file(), []).expect(stray)),
            }
        }
    }
}

#[test]
fn keys_that_others_may_read_are_refused() {
    let site = site(ALL);
    for name in ["client.key", "secrets/lightstep.key"] {
        fs::set_permissions(site.path(name), fs::Permissions::from_mode(0o644)).unwrap();
    }
    let faults = Settings::load(&site.file(), []).map(|_| ()).unwrap_err();
    let told = format!("{faults:?}");
    assert!(told.contains("client.key` is open to others"), "{told}");
}
