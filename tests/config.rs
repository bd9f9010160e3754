//! `stile.yaml`: the shipped file loads, and one change to it at a time is told where it was made.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use stile::config::{Origin, Settings, explain, schema};
use stile::setup_error::SetupError;

/// A folder with the shipped file and everything it names.
pub(crate) struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    pub(crate) fn new() -> Site {
        Site::with(SHIPPED)
    }

    pub(crate) fn with(text: &str) -> Site {
        let site = Site {
            folder: tempfile::tempdir().unwrap(),
        };
        copy_folder(
            Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/policies")),
            &site.path("policies"),
        );
        fs::create_dir_all(site.path("secrets")).unwrap();
        site.key("secrets/lightstep.key", 0o600);
        site.key("secrets/ingest.key", 0o400);
        fs::write(site.file(), text).unwrap();
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.path("stile.yaml")
    }

    fn key(&self, name: &str, mode: u32) {
        let path = self.path(name);
        fs::write(&path, "canary-key-that-nobody-may-print\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn load(&self) -> Result<Settings, Vec<SetupError>> {
        Settings::load(&self.file(), [])
    }

    fn faults(&self) -> Vec<SetupError> {
        self.load().map(|_| "loaded").expect_err("it has a fault")
    }
}

pub(crate) const SHIPPED: &str = include_str!("../stile.yaml");

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = (
            entry.as_ref().unwrap().path(),
            to.join(entry.unwrap().file_name()),
        );
        if path.is_dir() {
            copy_folder(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

fn environment(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

/// The shipped text with one piece replaced, which must be there.
fn changed(from: &str, to: &str) -> String {
    assert!(SHIPPED.contains(from), "the shipped file has no {from:?}");
    SHIPPED.replacen(from, to, 1)
}

/// Line and column, from 1, of a piece of a text.
fn position(text: &str, piece: &str) -> (usize, usize) {
    let at = text.find(piece).unwrap_or_else(|| panic!("no {piece:?}"));
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

/// Every key of the shipped file: its name, and the byte where it begins.
fn keys() -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in SHIPPED.split_inclusive('\n') {
        let code = line.split(" #").next().unwrap_or(line);
        if !line.trim_start().starts_with('#') {
            for (colon, _) in code.match_indices(':') {
                let after = code[colon + 1..].chars().next();
                if !matches!(after, None | Some(' ' | '\n')) {
                    continue;
                }
                let word = |c: char| c.is_ascii_lowercase() || c == '_';
                let begin = code[..colon].rfind(|c| !word(c)).map_or(0, |at| at + 1);
                found.push((code[begin..colon].to_owned(), start + begin));
            }
        }
        start += line.len();
    }
    found
}

#[test]
fn the_shipped_file_loads_and_means_what_it_says() {
    let site = Site::new();
    let settings = site.load().unwrap();
    assert_eq!(settings.site.url, "https://stile.example.com");
    assert_eq!(settings.admin.to_string(), "127.0.0.1:9090");
    assert_eq!(settings.listen.limits, stile::listen::Limits::default());
    assert_eq!(settings.journal.levels, stile::record::Levels::default());
    assert_eq!(settings.issuers.len(), 3);
    for issuer in &settings.issuers {
        assert_eq!(issuer.audiences, ["https://stile.example.com"]);
        assert_eq!(issuer.algorithms, [jsonwebtoken::Algorithm::RS256]);
        assert_eq!(issuer.longest_lifetime_s, 86_400);
    }
    let stile::identify::Dialect::Openid(claims) = &settings.issuers[2].dialect else {
        panic!("{:?}", settings.issuers[2]);
    };
    assert!(claims.agents);
    assert_eq!(claims.typ.as_deref(), Some("at+jwt"));
    let lightstep = &settings.upstreams[0];
    assert_eq!(lightstep.url, "https://api.lightstep.com");
    assert_eq!(lightstep.headers[0].value, "bearer {key}");
    assert_eq!(
        lightstep.headers[0].key_file,
        Some(site.path("secrets/lightstep.key"))
    );
    assert_eq!(lightstep.headers[1].key_file, None);
    assert_eq!(settings.catalogue.folder, site.path("policies/operations"));
    let pinned = [("organization".to_owned(), "acme".to_owned())];
    assert_eq!(settings.catalogue.uses[0].pinned, pinned);
    assert_eq!(settings.policies.time_zone, "Europe/Berlin");
    assert_eq!(settings.watched[0], site.file());
    assert!(settings.watched.contains(&site.path("secrets/ingest.key")));
}

#[test]
fn every_default_that_the_shipped_file_names_is_the_default() {
    let site = Site::new();
    let with = site.load().unwrap();
    let mut without = String::new();
    let mut skipping = false;
    for line in SHIPPED.lines() {
        skipping = line == "limits:" || (skipping && line.starts_with(' '));
        let preset = line.split_once("# default: ").map(|(code, comment)| {
            let value = code.split_once(':').unwrap().1.trim();
            (
                value.trim_matches(['[', ']']) == comment.split(',').next().unwrap(),
                code,
            )
        });
        match preset {
            Some((true, code)) if !code.contains("commit:") => {}
            _ if skipping || line.contains("  commit:") => {}
            _ => {
                without.push_str(line);
                without.push('\n');
            }
        }
    }
    assert!(without.len() + 500 < SHIPPED.len(), "{without}");
    fs::write(site.file(), &without).unwrap();
    let without = site
        .load()
        .unwrap_or_else(|faults| panic!("{faults:?}\n{without}"));
    assert_eq!(with.digest, without.digest);
    assert_eq!(format!("{with:?}"), format!("{without:?}"));
}

#[test]
fn each_key_misspelled_is_told_at_its_line_and_column() {
    let keys = keys();
    assert!(keys.len() > 60, "{keys:?}");
    for (key, at) in keys {
        if key == "organization" {
            continue; // a template parameter: not a key of ours
        }
        let wrong = format!("{key}x");
        let text = format!("{}{wrong}{}", &SHIPPED[..at], &SHIPPED[at + key.len()..]);
        let site = Site::with(&text);
        let before = &text[..at];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
        let faults = site.faults();
        let fault = faults
            .iter()
            .find(|fault| fault.fault.contains("unknown key"));
        let fault = fault.unwrap_or_else(|| panic!("{wrong}: {faults:?}"));
        assert!(fault.fault.contains(&wrong), "{fault}");
        assert_eq!(
            (fault.line, fault.column),
            (Some(line), Some(column)),
            "{fault}"
        );
        assert_eq!(
            fault.hint.as_deref(),
            Some(format!("did you mean `{key}`?").as_str())
        );
        assert_eq!(fault.file.as_deref(), Some(site.file().as_path()));
    }
}

#[test]
fn each_key_written_twice_is_told_at_the_second() {
    for (key, at) in keys() {
        let line_start = SHIPPED[..at].rfind('\n').map_or(0, |at| at + 1);
        let indent = &SHIPPED[line_start..at];
        if indent.contains(['{', ',']) {
            continue;
        }
        // A copy above: `key: x`, in the same group.
        let text = format!(
            "{}{key}: x\n{}{}",
            &SHIPPED[..at],
            indent.replace('-', " "),
            &SHIPPED[at..]
        );
        let faults = Site::with(&text).faults();
        let twice = faults.iter().find(|fault| fault.fault.contains("twice"));
        let twice = twice.unwrap_or_else(|| panic!("{key}: {faults:?}"));
        let line = text[..at].matches('\n').count() + 2;
        assert_eq!(twice.line, Some(line), "{twice}");
        assert!(
            twice
                .hint
                .as_deref()
                .unwrap()
                .contains(&format!(":{}", line - 1)),
            "{twice}"
        );
    }
}

#[test]
fn each_value_of_another_kind_is_told_where_it_stands() {
    let mut seen = 0;
    for (key, at) in keys() {
        let rest = &SHIPPED[at + key.len() + 1..];
        let value = rest.split('\n').next().unwrap().split(" #").next().unwrap();
        let value = match value.split('"').nth(1) {
            Some(quoted) => &value[..value.find(quoted).unwrap() + quoted.len() + 1],
            None => value.split([',', '}']).next().unwrap(),
        };
        if value.trim().is_empty() || value.trim().starts_with(['[', '{']) {
            continue; // a group or a list; see below
        }
        let start = at + key.len() + 1;
        for other in ["[[1]]", "{a: {b: c}}", ""] {
            let text = format!(
                "{} {other}{}",
                &SHIPPED[..start],
                &SHIPPED[start + value.len()..]
            );
            let faults = Site::with(&text).faults();
            let line = text[..start].matches('\n').count() + 1;
            let found = faults.iter().any(|fault| {
                fault.line == Some(line)
                    && fault.fault.contains(&key)
                    && fault.fault.contains("wanted")
            });
            assert!(found, "{key}: {other}: {faults:?}");
            seen += 1;
        }
    }
    assert!(seen > 120, "{seen}");
}

#[test]
fn each_required_key_is_missed_by_name() {
    for (pieces, path) in [
        ("site:\n  url: https://stile.example.com\n", "site"),
        ("admin:\n  address: 127.0.0.1:9090\n", "admin"),
        ("  - address: 127.0.0.1:8080\n", "listen"),
        (
            "policies:\n  folder: policies\n  time_zone: Europe/Berlin                  # default: UTC\n  accept: {}                                # default: none; {P111: why} lets issuers share an audience\n  explain: checks                           # default: checks; terse tells a refused caller one\n                                            # sentence and the decision's id\n",
            "policies",
        ),
        ("  folder: policies\n", "policies.folder"),
        ("  folder: journal  ", "journal.folder"),
        ("  origin: stile.example.com/main", "journal.origin"),
        ("    url: https://gitlab.example.com\n", "issuers[0].url"),
        ("    dialect: okta\n", "issuers[1].dialect"),
        ("    url: https://api.lightstep.com\n", "upstreams[0].url"),
        ("    operations: otlp\n", "upstreams[1].operations"),
        (
            "        value: \"bearer {key}\"\n",
            "upstreams[0].headers[0].value",
        ),
    ] {
        let comment = if pieces.ends_with('\n') { "" } else { "  #" };
        let faults = Site::with(&changed(pieces, comment)).faults();
        let named = faults
            .iter()
            .any(|fault| fault.fault.contains(&format!("`{path}`")));
        assert!(named, "{path}: {faults:?}");
    }
    let whole = Site::with("").faults();
    for section in [
        "site",
        "listen",
        "admin",
        "issuers",
        "upstreams",
        "policies",
        "journal",
    ] {
        let missing = format!("`{section}` is missing");
        assert!(
            whole.iter().any(|fault| fault.fault == missing),
            "{section}: {whole:?}"
        );
    }
}

#[test]
fn every_dialect_can_be_set() {
    use stile::identify::Dialect;
    let tenant = "https://login.microsoftonline.com/7f1b2c3d-0a1b-4c2d-8e3f-9a0b1c2d3e4f/v2.0";
    let groups = |name: &str| name.to_owned();
    for (lines, dialect) in [
        (
            "url: https://gitlab.example.org\n    dialect: gitlab",
            Dialect::Gitlab,
        ),
        (
            "url: https://token.actions.githubusercontent.com\n    dialect: github",
            Dialect::Github,
        ),
        (
            "url: https://acme.okta.com/oauth2/default\n    dialect: okta",
            Dialect::Okta,
        ),
        (
            "url: https://id.example.com/realms/acme\n    dialect: keycloak",
            Dialect::Keycloak {
                groups: groups("groups"),
            },
        ),
        (
            "url: https://id.example.com/realms/acme\n    dialect: keycloak\n    \
             claims: { groups: memberOf }",
            Dialect::Keycloak {
                groups: groups("memberOf"),
            },
        ),
        (
            "url: https://acme.eu.auth0.com/\n    dialect: auth0\n    \
             claims: { groups: \"https://acme.example/groups\" }",
            Dialect::Auth0 {
                groups: groups("https://acme.example/groups"),
            },
        ),
        (
            &format!("url: {tenant}\n    dialect: entra"),
            Dialect::Entra,
        ),
        (
            "url: https://accounts.google.com\n    dialect: google",
            Dialect::Google,
        ),
    ] {
        let okta = "url: https://acme.okta.com/oauth2/default\n    dialect: okta";
        let settings = Site::with(&changed(okta, lines)).load().unwrap();
        assert_eq!(settings.issuers[1].dialect, dialect, "{lines}");
    }
}

/// From, to, where the fault is, a word of the fault, a word of the hint.
#[rustfmt::skip] // a table reads as one
const WRONG: &[(&str, &str, &str, &str, &str)] = &[
    ("https://stile.example.com\n", "https://stile.example.com/\n", "https://stile.example.com/", "no path", "https://stile"),
    ("https://stile.example.com\n", "http://stile.example.com\n", "http://stile", "must be https", "https://stile"),
    ("https://stile.example.com\n", "stile.example.com\n", "stile.example.com\n", "https://", "https://stile"),
    ("https://stile.example.com\n", "https://stile.example.com?x\n", "https://stile.example.com?x", "no query", ""),
    ("127.0.0.1:8080", "127.0.0.1", "127.0.0.1\n", "IP address with a port", "127.0.0.1:8443"),
    ("127.0.0.1:8080", "localhost:8080", "localhost:8080", "IP address with a port", "[::1]:8443"),
    ("127.0.0.1:8080", "127.0.0.1:99999", "127.0.0.1:99999", "IP address with a port", ""),
    ("127.0.0.1:8080", "0.0.0.0:8080", "0.0.0.0:8080", "clear text", "clear_text: true"),
    ("127.0.0.1:8080", "\"[::]:8080\"", "\"[::]:8080\"", "clear text", "add `tls`"),
    ("address: 127.0.0.1:8080", "address: 127.0.0.1:8080\n    tls: { certificate: no.pem, key: secrets/ingest.key }", "no.pem", "there is no such file", "relative paths"),
    ("address: 127.0.0.1:8080", "address: 127.0.0.1:8080\n    proxy_protocol: [balancer]", "balancer]", "not a network", "10.0.0.0/8"),
    ("address: 127.0.0.1:8080", "address: 127.0.0.1:8080\n    proxy_protocol: [0.0.0.0/0]", "0.0.0.0/0]", "everybody", "list the machines"),
    ("address: 127.0.0.1:8080", "address: 127.0.0.1:8080\n    trusted_hops: [\"::/0\"]", "\"::/0\"", "everybody", "list the machines"),
    ("address: 127.0.0.1:8080", "address: 127.0.0.1:8080\n    hop_field: forwarded", "forwarded\n\n", "no hop is trusted", "trusted_hops"),
    ("address: 127.0.0.1:8080", "address: 127.0.0.1:8080\n    trusted_hops: [10.0.0.1]\n    hop_field: x-real-ip", "x-real-ip", "x-real-ip", ""),
    ("127.0.0.1:8080", "127.0.0.1:9090", "127.0.0.1:9090\n\n# Whose", "callers are served", "port"),
    ("  - address: 127.0.0.1:8080", "  - address: 127.0.0.1:8080\n  - address:   127.0.0.1:8080", "  127.0.0.1:8080\n\n", "two addresses", "first at"),
    ("listen:\n  - address: 127.0.0.1:8080", "listen: []", "[]", "no address", "127.0.0.1:8443"),
    ("    url: https://gitlab.example.com", "    url: http://gitlab.example.com", "http://gitlab", "clear text", "https://"),
    ("    url: https://gitlab.example.com", "    url: gitlab.example.com", "gitlab.example.com\n", "https://", "`iss`"),
    ("    url: https://id.example.com", "    url: https://gitlab.example.com", "https://gitlab.example.com\n    dialect: openid", "two issuers", "first at"),
    ("name: okta", "name: gitlab", "gitlab                              # a custom", "two issuers", "first at"),
    ("name: okta", "name: Okta", "Okta  ", "cannot be a name", "lower case"),
    ("https://acme.okta.com/oauth2/default", "https://acme.okta.com", "https://acme.okta.com\n", "org server", "custom authorization server"),
    ("https://acme.okta.com/oauth2/default", "https://login.acme.com", "https://login.acme.com", "org server", "custom authorization server"),
    ("https://id.example.com", "https://acme.okta.com", "https://acme.okta.com\n", "org server", "custom authorization server"),
    ("dialect: gitlab ", "dialect: githlab ", "githlab", "`githlab`", "did you mean `gitlab`?"),
    ("dialect: gitlab ", "dialect: saml ", "saml", "`saml`", "`gitlab`, `github`, `okta`, `keycloak`, `auth0`, `entra`, `google`, `openid`"),
    ("dialect: gitlab ", "dialect: keyclock ", "keyclock", "`keyclock`", "did you mean `keycloak`?"),
    ("dialect: gitlab ", "dialect: AzureAD ", "AzureAD", "`AzureAD`", "did you mean `entra`?"),
    ("dialect: gitlab ", "dialect: OIDC ", "OIDC", "`OIDC`", "did you mean `openid`?"),
    ("dialect: gitlab ", "dialect: keycloak ", "https://gitlab.example.com", "is a realm", "/realms/REALM"),
    ("dialect: gitlab ", "dialect: auth0 ", "https://gitlab.example.com", "with a slash", "auth0.com/"),
    ("dialect: gitlab ", "dialect: entra ", "https://gitlab.example.com", "one tenant", "/v2.0"),
    ("    url: https://id.example.com\n    dialect: openid", "    url: https://login.microsoftonline.com/common/v2.0\n    dialect: entra", "https://login.microsoftonline.com/common/v2.0", "one tenant", "never `common`"),
    ("dialect: gitlab ", "dialect: google ", "https://gitlab.example.com", "one issuer", "accounts.google.com"),
    ("dialect: openid ", "dialect: entra ", "agents: true", "knows its claims", "openid"),
    ("    url: https://id.example.com\n    dialect: openid ", "    url: https://id.example.com/realms/acme\n    dialect: keycloak ", "true                          #", "knows this claim", "`groups`"),
    ("    dialect: gitlab                         # gitlab, github, okta, keycloak, auth0, entra, google or\n                                            # openid\n    audiences: [https://stile.example.com]", "    dialect: github\n    audiences: [https://github.com/acme]", "https://github.com/acme", "an account at GitHub", "name this proxy"),
    ("audiences: [https://stile.example.com]", "audiences: []", "[]  # default", "nobody", "default"),
    ("audiences: [https://stile.example.com]", "audiences: [https://gitlab.example.com]", "https://gitlab.example.com]", "GitLab itself", "`id_tokens`"),
    ("audiences: [https://stile.example.com]", "audiences: [https://GITLAB.example.com/]", "https://GITLAB", "GitLab itself", "`id_tokens`"),
    ("audiences: [https://stile.example.com]", "audiences: [a, a]", "a]  #", "two audiences", "first at"),
    ("audiences: [https://stile.example.com]", "audiences: https://stile.example.com", "https://stile.example.com  #", "a list", "- "),
    ("algorithms: [RS256]", "algorithms: []", "[]     ", "no signature", "RS256"),
    ("algorithms: [RS256]", "algorithms: [HS256]", "HS256", "secret", "public key"),
    ("algorithms: [RS256]", "algorithms: [none]", "none]", "nobody signed", "remove"),
    ("algorithms: [RS256]", "algorithms: [RS265]", "RS265", "not an algorithm", "did you mean `RS256`?"),
    ("longest_lifetime: 24h", "longest_lifetime: 24", "24        ", "wanted text", "quotes"),
    ("longest_lifetime: 24h", "longest_lifetime: 1d", "1d", "not a duration", "24h"),
    ("longest_lifetime: 24h", "longest_lifetime: 0s", "0s        ", "not a duration", "24h"),
    ("longest_lifetime: 24h", "longest_lifetime: 1500ms", "1500ms", "finer", "whole seconds"),
    ("    # longest_age: 1h", "    longest_age: 90500ms #", "90500ms", "finer", "whole seconds"),
    ("    # longest_age: 1h", "    longest_age: old #", "old #", "not a duration", "24h"),
    ("    # tokens_without_key_id: true", "    tokens_without_key_id: perhaps #", "perhaps", "", "true"),
    ("    # ca_file: certs/ca.pem", "    ca_file: certs/ca.pem #", "certs/ca.pem", "there is no such file", "relative"),
    ("dialect: okta\n", "dialect: okta\n    claims: { name: x }\n", "{ name: x }", "knows its claims", "openid"),
    ("    url: https://api.lightstep.com", "    url: https://api.lightstep.com/v1", "https://api.lightstep.com/v1", "no path", "https://api"),
    ("    url: https://api.lightstep.com", "    url: https://api.lightstep.com?a=b", "https://api.lightstep.com?", "no query", "https://api"),
    ("    url: https://api.lightstep.com", "    url: http://api.lightstep.com", "http://api.lightstep.com", "clear text", "https://"),
    ("    url: https://api.lightstep.com", "    url: https://me:pass@api.lightstep.com", "https://me", "no user name", "https://api"),
    ("operations: lightstep ", "operations: lightstepp ", "lightstepp", "there is no catalogue", "did you mean `lightstep`?"),
    ("operations: lightstep ", "operations: ../x ", "../x", "cannot be a catalogue", ".yaml"),
    ("pinned: { organization: acme }", "pinned: { organization: \"\" }", "\"\"", "empty", "good for"),
    ("pinned: { organization: acme }", "pinned: { organization: 12 }", "12 }", "wanted text", "quotes"),
    ("key_file: secrets/lightstep.key", "key_file: secrets/no.key", "secrets/no.key", "there is no such file", "relative"),
    ("key_file: secrets/lightstep.key", "key_file: secrets", "secrets  ", "it is a folder", "relative"),
    ("        key_file: secrets/lightstep.key", "        #", "\"bearer", "without a `key_file`", "key_file"),
    (", key_file: secrets/ingest.key", "", "\"{key}\"", "without a `key_file`", "key_file"),
    ("value: \"{key}\", key_file: secrets/ingest.key", "value: x", "- { name: lightstep-access-token", "no header carries", "key_file"),
    ("\"bearer {key}\"", "bearer", "bearer\n", "no place for the key", "{key}"),
    ("\"bearer {key}\"", "\"{key} {key}\"", "\"{key} {key}\"", "no place for the key, or several", "{key}"),
    ("\"bearer {key}\"", "\"bearer {key} {kye}\"", "\"bearer {key} {kye}\"", "braces", "{key}"),
    ("value: acme", "value: \"{kye}\"", "\"{kye}\"", "braces", "{key}"),
    ("value: acme", "value: \"a\\r\\nb: c\"", "\"a\\r", "cannot be the value", "visible ASCII"),
    ("name: x-lightstep-org", "name: Authorization", "Authorization,", "two headers", "first at"),
    ("name: x-lightstep-org", "name: \"x y\"", "\"x y\"", "not a field name", "authorization"),
    ("name: x-lightstep-org", "name: transfer-encoding", "transfer-encoding", "connection", "key"),
    ("name: telemetry", "name: lightstep", "lightstep\n    url: https://ingest", "two upstreams", "first at"),
    ("addresses: []", "addresses: [10.0.0.0/33]", "10.0.0.0/33", "not a network", "10.0.0.0/8"),
    ("addresses: []", "addresses: [api.lightstep.com]", "api.lightstep.com]", "not a network", "10.0.0.0/8"),
    ("addresses: []", "addresses: 10.0.0.0/8", "10.0.0.0/8", "a list", "- "),
    ("connect_timeout: 5s", "connect_timeout: five", "five", "not a duration", "30s"),
    ("requests: 512", "requests: 0", "0      ", "nothing pass", "default"),
    ("requests: 512", "requests: -1", "-1", "whole number", ""),
    ("requests: 512", "requests: 1.5", "1.5", "whole number", ""),
    ("requests: 512", "requests: \"512\"", "\"512\"", "whole number", "without quotes"),
    ("folder: policies", "folder: no", "no\n  time_zone", "there is no folder", "relative"),
    ("Europe/Berlin", "Europe/Berlni", "Europe/Berlni", "not a time zone", "did you mean `Europe/Berlin`?"),
    ("stile.example.com/main", "stile example com", "stile example com", "a space or a plus", "stile.example.com/main"),
    ("stile.example.com/main", "stile.example.com+main", "stile.example.com+main", "a space or a plus", "stile.example.com/main"),
    ("stile.example.com/main", "https://stile.example.com/main", "https://stile.example.com/main", "scheme", "stile.example.com/main"),
    ("folder: journal ", "folder: secrets/ingest.key ", "secrets/ingest.key   ", "not a folder", "made if missing"),
    ("read: sync", "read: async", "async", "`async`", "`sync`"),
    ("segment_bytes: 67108864", "segment_bytes: 64MiB", "64MiB", "whole number", "digits"),
    ("segment_bytes: 67108864", "segment_bytes: 99999999999", "99999999999", "one segment", "at most"),
    ("head_bytes: 32768", "head_bytes: 0", "0\n  target", "nothing pass", "default"),
    ("target_bytes: 8192", "target_bytes: 65536", "65536", "does not fit", "target_bytes"),
    ("streams: 100", "streams: 99999999", "99999999", "more than", "at most"),
    ("\nlimits:", "\nlimits: 5\nlimitz:", "5\n", "a group of keys", ""),
    ("site:\n  url", "site:\n\turl", "", "tab", "spaces"),
    ("site:\n  url: https://stile.example.com", "site: &a\n  url: https://stile.example.com", "", "anchors", "write"),
    ("time_zone: Europe/Berlin", "time_zone: *zone", "", "anchors", "write"),
    ("admin:\n  address", "admin:\n  <<: {}\n  address", "", "merge keys", "write"),
    ("admin:\n", "---\nadmin:\n", "", "second document", "---"),
    ("[RS256]", "[RS256", "", "not readable as YAML", ""),
];

#[test]
fn each_mistake_is_told_with_its_place_and_what_would_mend_it() {
    for (from, to, at, word, hint) in WRONG {
        let text = changed(from, to);
        let site = Site::with(&text);
        if word.is_empty() {
            let _ = site.load();
            continue;
        }
        let faults = site.faults();
        let found = faults.iter().find(|fault| {
            fault.fault.contains(word) && fault.hint.as_deref().unwrap_or("").contains(hint)
        });
        let fault = found.unwrap_or_else(|| panic!("{to:?}: {faults:#?}"));
        assert_eq!(
            fault.file.as_deref(),
            Some(site.file().as_path()),
            "{fault}"
        );
        assert!(fault.line.is_some() && fault.column.is_some(), "{fault}");
        if !at.is_empty() {
            let (line, column) = position(&text, at);
            let spaces = at.len() - at.trim_start().len();
            assert_eq!(
                (fault.line, fault.column),
                (Some(line), Some(column + spaces)),
                "{to:?}: {fault}"
            );
        }
        let whole = fault.to_string();
        assert!(!whole.contains("canary"), "{whole}");
        assert!(
            !fault.fault.ends_with('.') && !whole.contains("serde"),
            "{whole}"
        );
    }
}

#[test]
fn all_faults_are_told_at_once_and_each_once() {
    let text = changed("127.0.0.1:8080", "nowhere")
        .replace("dialect: okta\n", "dialect: oktta\n")
        .replace("requests: 512", "request: 512")
        .replace("Europe/Berlin", "Mars/Base")
        .replace("drain_timeout", "drain_timeuot");
    let faults = Site::with(&text).faults();
    assert_eq!(faults.len(), 5, "{faults:#?}");
    assert!(faults.is_sorted_by_key(|fault| fault.line), "{faults:#?}");
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    for mode in [0o604, 0o640, 0o620, 0o602, 0o601, 0o610, 0o444, 0o777] {
        let site = Site::new();
        site.key("secrets/ingest.key", mode);
        let faults = site.faults();
        assert_eq!(faults.len(), 1, "{mode:o}: {faults:?}");
        assert!(faults[0].fault.contains("open to others"), "{faults:?}");
        assert!(
            faults[0].hint.as_deref().unwrap().starts_with("chmod 600 "),
            "{faults:?}"
        );
    }
    let site = Site::new();
    fs::write(site.path("secrets/lightstep.key"), "").unwrap();
    assert!(site.faults()[0].fault.contains("is empty"));
}

#[test]
fn tls_files_are_looked_at_and_watched() {
    let tls =
        "address: 0.0.0.0:8443\n    tls: { certificate: stile.pem, key: secrets/stile-key.pem }";
    let site = Site::with(&changed("address: 127.0.0.1:8080", tls));
    fs::write(site.path("stile.pem"), "x").unwrap();
    site.key("secrets/stile-key.pem", 0o600);
    let settings = site.load().unwrap();
    let files = settings.listen.listeners[0].tls.as_ref().unwrap();
    assert_eq!(files.first.certificate, site.path("stile.pem"));
    assert!(settings.watched.contains(&files.first.key));
    site.key("secrets/stile-key.pem", 0o644);
    assert!(site.faults()[0].fault.contains("open to others"));
}

#[test]
fn every_further_certificate_is_looked_at_and_watched() {
    let files = "address: 0.0.0.0:8443\n    tls:\n      certificate: stile.pem\n      \
        key: secrets/stile-key.pem\n      more:\n        \
        - { certificate: b.pem, key: secrets/b-key.pem }\n      unknown_names: first";
    let site = Site::with(&changed("address: 127.0.0.1:8080", files));
    for name in ["stile.pem", "b.pem"] {
        fs::write(site.path(name), "x").unwrap();
    }
    for name in ["secrets/stile-key.pem", "secrets/b-key.pem"] {
        site.key(name, 0o600);
    }
    let settings = site.load().unwrap();
    let tls = settings.listen.listeners[0].tls.as_ref().unwrap();
    assert_eq!(tls.unknown_names, stile::listen::UnknownNames::First);
    assert_eq!(tls.pairs().count(), 2);
    for pair in tls.pairs() {
        assert!(settings.watched.contains(&pair.certificate));
        assert!(settings.watched.contains(&pair.key));
    }
    site.key("secrets/b-key.pem", 0o640);
    assert!(site.faults()[0].fault.contains("open to others"));
    for (from, to, word) in [
        ("certificate: b.pem, ", "", "certificate"),
        (", key: secrets/b-key.pem", "", "key"),
        ("b.pem", "no.pem", "there is no such file"),
        (
            "certificate: b.pem",
            "certificate: stile.pem",
            "two certificates",
        ),
        ("unknown_names: first", "unknown_names: second", "second"),
        ("more:\n", "mroe:\n", "mroe"),
    ] {
        let text = changed("address: 127.0.0.1:8080", &files.replacen(from, to, 1));
        let site = Site::with(&text);
        for name in ["stile.pem", "b.pem"] {
            fs::write(site.path(name), "x").unwrap();
        }
        for name in ["secrets/stile-key.pem", "secrets/b-key.pem"] {
            site.key(name, 0o600);
        }
        let faults = site.faults();
        let told = faults.iter().any(|fault| fault.fault.contains(word));
        assert!(told, "{to}: {faults:#?}");
    }
}

#[test]
fn clear_text_for_others_needs_the_word_for_it() {
    let word = "address: 0.0.0.0:8080\n    clear_text: true";
    Site::with(&changed("address: 127.0.0.1:8080", word))
        .load()
        .unwrap();
    let denied = "address: 0.0.0.0:8080\n    clear_text: false";
    let faults = Site::with(&changed("address: 127.0.0.1:8080", denied)).faults();
    assert!(faults[0].fault.contains("clear text"), "{faults:?}");
}

#[test]
fn clear_text_on_loopback_is_allowed_for_tests_and_demonstrations() {
    let text = changed(
        "    url: https://gitlab.example.com",
        "    url: http://127.0.0.1:4000",
    )
    .replace("https://api.lightstep.com", "http://[::1]:4001")
    .replace(
        "  url: https://stile.example.com",
        "  url: http://localhost:8080",
    );
    let settings = Site::with(&text).load().unwrap();
    assert_eq!(settings.upstreams[0].url, "http://[::1]:4001");
}

#[test]
fn bombs_and_large_files_end_quickly() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for n in 1..20 {
        let prior = n - 1;
        let again = vec![format!("*a{prior}"); 9].join(", ");
        bomb.push_str(&format!("a{n}: &a{n} [{again}]\n"));
    }
    let nested = format!("site: {}{}", "[".repeat(200_000), "]".repeat(200_000));
    let deep: String = (0..300).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    let many: String = (0..100_000).map(|n| format!("k{n}: 1\n")).collect();
    let large = format!("# {}\n{SHIPPED}", "x".repeat(1 << 20));
    let start = std::time::Instant::now();
    for (text, word) in [
        (bomb, "anchors"),
        (nested, ""),
        (deep, ""),
        (many, ""),
        (large, "1 MiB"),
    ] {
        let faults = Site::with(&text).faults();
        assert!(
            !faults.is_empty() && faults[0].fault.contains(word),
            "{faults:?}"
        );
        assert!(faults.len() < 100, "{}", faults.len());
    }
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_its_path() {
    let site = Site::new();
    let faults = Settings::load(&site.path("no.yaml"), [])
        .map(|_| ())
        .unwrap_err();
    assert!(faults[0].fault.contains("cannot be read"), "{faults:?}");
    assert!(faults[0].hint.as_deref().unwrap().contains("--config"));
    fs::write(site.file(), b"site:\n  url: \xff\n").unwrap();
    let faults = site.faults();
    assert_eq!(
        (faults[0].line, faults[0].column),
        (Some(2), Some(8)),
        "{faults:?}"
    );
    Settings::load(site.folder.path(), [])
        .map(|_| ())
        .unwrap_err();
}

#[test]
fn the_environment_overrides_by_path() {
    let site = Site::new();
    let pairs = [
        ("STILE_ADMIN__ADDRESS", "127.0.0.1:0"),
        ("STILE_LISTEN__0__ADDRESS", "\"[::1]:0\""),
        ("STILE_LIMITS__CONNECTIONS", "7"),
        (
            "STILE_ISSUERS__0__AUDIENCES",
            "[https://a.example.com, https://b.example.com]",
        ),
        ("STILE_UPSTREAMS__0__PINNED__ORGANIZATION", "42"),
        ("STILE_JOURNAL__COMMIT", "{power: write}"),
        ("HOME", "/root"),
    ];
    let settings = Settings::load(&site.file(), environment(&pairs)).unwrap();
    assert_eq!(settings.admin.to_string(), "127.0.0.1:0");
    assert_eq!(settings.listen.listeners[0].address.to_string(), "[::1]:0");
    assert_eq!(settings.listen.limits.connections, 7);
    assert_eq!(settings.issuers[0].audiences.len(), 2);
    assert_eq!(settings.catalogue.uses[0].pinned[0].1, "42");
    assert_eq!(settings.journal.levels.power, stile::record::Level::Write);
    assert_ne!(settings.digest, site.load().unwrap().digest);
}

#[test]
fn a_wrong_override_names_its_variable() {
    let site = Site::new();
    for (name, value, word, hint) in [
        (
            "STILE_ADMIN__ADRESS",
            "127.0.0.1:0",
            "unknown key",
            "did you mean `address`?",
        ),
        (
            "STILE_ADMIM__ADDRESS",
            "127.0.0.1:0",
            "unknown key",
            "did you mean `admin`?",
        ),
        (
            "STILE_LISTEN__4__ADDRESS",
            "127.0.0.1:0",
            "no position 4",
            "next free one is 1",
        ),
        (
            "STILE_ADMIN_ADDRESS",
            "127.0.0.1:0",
            "not a path",
            "two underscores",
        ),
        (
            "STILE_ADMIN__ADDRESS",
            "nowhere",
            "IP address with a port",
            "127.0.0.1:8443",
        ),
        ("STILE_ADMIN__ADDRESS", "", "found nothing", "value"),
        ("STILE_LIMITS__STREAMS", "many", "whole number", "digits"),
        ("STILE_POLICIES__TIME_ZONE", "Mars", "time zone", ""),
        ("STILE_SITE__URL", "{a", "not readable as YAML", "quote"),
        (
            "STILE_ADMIN__ADDRESS",
            "[::1]:0",
            "not readable as YAML",
            "quote",
        ),
    ] {
        let faults = Settings::load(&site.file(), environment(&[(name, value)]));
        let faults = faults.map(|_| ()).expect_err(name);
        let fault = faults.iter().find(|fault| fault.fault.contains(word));
        let fault = fault.unwrap_or_else(|| panic!("{name}: {faults:?}"));
        assert!(fault.fault.contains(name), "{fault}");
        assert!(
            fault.hint.as_deref().unwrap_or("").contains(hint),
            "{fault}"
        );
        assert_eq!(fault.file, None, "{fault}");
    }
}

#[test]
fn every_value_says_where_it_came_from() {
    let site = Site::with(&changed("limits:\n  head_bytes: 32768\n", "limits:\n"));
    let pairs = environment(&[("STILE_ISSUERS__0__NAME", "lab")]);
    let shown = explain(&site.file(), pairs).unwrap().shown;
    let origin = |key: &str| {
        let found = shown.iter().find(|value| value.key == key);
        found
            .unwrap_or_else(|| panic!("{key}: {shown:?}"))
            .origin
            .clone()
    };
    assert_eq!(
        origin("issuers[0].name"),
        Origin::Environment("STILE_ISSUERS__0__NAME".into())
    );
    assert_eq!(origin("limits.head_bytes"), Origin::Default);
    assert_eq!(origin("issuers[1].audiences[0]"), Origin::Default);
    let Origin::File { file, line, .. } = origin("journal.origin") else {
        panic!()
    };
    let text = fs::read_to_string(site.file()).unwrap();
    assert_eq!(
        (file, line),
        (site.file(), position(&text, "stile.example.com/main").0)
    );
    let whole = format!("{shown:?}");
    assert!(!whole.contains("canary"), "{whole}");
    let keys: Vec<_> = shown
        .iter()
        .filter(|value| value.digest.is_some())
        .collect();
    assert_eq!(keys.len(), 2);
    assert!(
        keys.iter()
            .all(|key| key.digest.as_ref().is_some_and(|digest| digest.len() == 8))
    );
}

#[test]
fn the_schema_describes_the_shipped_file() {
    let schema = schema();
    let written: serde_json::Value = serde_saphyr::from_str(SHIPPED).unwrap();
    let mut unseen = Vec::new();
    conforms(&written, &schema, &schema, "", &mut unseen);
    assert_eq!(unseen, Vec::<String>::new());
    let broken = changed("streams: 100", "streams: many");
    let broken: serde_json::Value = serde_saphyr::from_str(&broken).unwrap();
    conforms(&broken, &schema, &schema, "", &mut unseen);
    assert_eq!(unseen.len(), 1, "{unseen:?}");
}

#[test]
fn the_schema_demands_and_presets_what_the_reader_does() {
    let schema = schema();
    let definitions = schema["$defs"].as_object().unwrap();
    for (name, definition) in definitions.iter().chain([(&"whole".to_owned(), &schema)]) {
        let Some(properties) = definition.get("properties").and_then(|p| p.as_object()) else {
            continue;
        };
        assert_eq!(definition["additionalProperties"], false, "{name}");
        for (key, property) in properties {
            assert!(
                property["description"].is_string(),
                "{name}.{key} says nothing"
            );
            assert!(
                !property["default"].is_null() || property.get("default").is_none(),
                "{name}.{key}"
            );
        }
        for key in definition
            .get("required")
            .and_then(|r| r.as_array())
            .into_iter()
            .flatten()
        {
            assert!(
                properties.contains_key(key.as_str().unwrap()),
                "{name}: {key}"
            );
        }
    }
    assert_eq!(
        definitions["Limits"]["properties"]["streams"]["default"],
        100
    );
    assert_eq!(
        definitions["Upstream"]["properties"]["connect_timeout"]["default"],
        "5s"
    );
}

/// As much of JSON Schema as ours uses.
fn conforms(
    value: &serde_json::Value,
    part: &serde_json::Value,
    whole: &serde_json::Value,
    path: &str,
    unseen: &mut Vec<String>,
) {
    if let Some(name) = part.get("$ref").and_then(|r| r.as_str()) {
        let name = name.strip_prefix("#/$defs/").unwrap();
        return conforms(value, &whole["$defs"][name], whole, path, unseen);
    }
    if let Some(choices) = part.get("oneOf").and_then(|c| c.as_array()) {
        if !choices.iter().any(|choice| choice["const"] == *value) {
            unseen.push(format!("{path}: none of its words"));
        }
        return;
    }
    let words = part.get("enum").and_then(|w| w.as_array());
    if words.is_some_and(|words| !words.contains(value)) {
        unseen.push(format!("{path}: none of its words"));
    }
    let right = match part["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64(),
        Some("boolean") => value.is_boolean(),
        other => panic!("{path}: type {other:?} in {part}"),
    };
    if !right {
        unseen.push(format!("{path}: not of type {}", part["type"]));
    }
    for (index, element) in value.as_array().into_iter().flatten().enumerate() {
        conforms(
            element,
            &part["items"],
            whole,
            &format!("{path}[{index}]"),
            unseen,
        );
    }
    for (key, inner) in value.as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        let property = part["properties"].get(key);
        let other = part
            .get("additionalProperties")
            .filter(|other| other.is_object());
        match property.or(other) {
            Some(property) => conforms(inner, property, whole, &path, unseen),
            None => unseen.push(format!("{path}: unknown")),
        }
    }
    for key in part
        .get("required")
        .and_then(|r| r.as_array())
        .into_iter()
        .flatten()
    {
        if value.get(key.as_str().unwrap()).is_none() {
            unseen.push(format!("{path}: without {key}"));
        }
    }
}

#[test]
fn the_folder_of_the_file_is_where_relative_paths_start() {
    let site = Site::new();
    let text = changed("folder: journal ", "folder: /var/lib/stile/journal ");
    fs::write(site.file(), text).unwrap();
    let settings = site.load().unwrap();
    assert_eq!(settings.journal.folder, Path::new("/var/lib/stile/journal"));
    assert_eq!(settings.policies.folder, site.path("policies"));
}
