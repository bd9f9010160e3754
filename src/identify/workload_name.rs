//! Reads the one name that a workload's certificate gives it.
//!
//! In: a certificate. Out: its id and the names above it, or what is wrong with it.
//!
//! A SPIFFE id is the one URI of the certificate, of our trust domain, with a path of plain parts; a
//! DNS name is the one DNS name of the certificate, below our domain. Names above an id are the groups
//! that a directory can make teams of: `spiffe://acme.example/ns/payments` has all workloads whose ids
//! begin with that and a slash.
//!
//! Never: a wildcard, a second name of the kind, a spelling that another reader could take for another
//! id.
//!
//! SPIFFE-ID 2.1 to 2.4; X.509-SVID 2; RFC 1034 3.5.

use x509_cert::Certificate;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::settings::WorkloadNames;

/// A workload by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WorkloadName {
    pub(super) id: String,
    /// Names above it, the widest first, and itself.
    pub(super) above: Vec<String>,
}

impl WorkloadNames {
    /// Who issues names of this kind, as records say it.
    pub fn url(&self) -> String {
        match self {
            WorkloadNames::Spiffe { trust_domain } => format!("spiffe://{trust_domain}"),
            WorkloadNames::Dns { below } => format!("dns:{below}"),
        }
    }

    /// The name in a certificate.
    pub(super) fn read(&self, certificate: &Certificate) -> Result<WorkloadName, &'static str> {
        let names = certificate.tbs_certificate.get::<SubjectAltName>();
        let names = names.map_err(|_| "has names that cannot be read, or twice")?;
        let (_, names) = names.ok_or("has no alternative names")?;
        let mut own = names.0.iter().filter_map(|name| match (self, name) {
            (WorkloadNames::Spiffe { .. }, GeneralName::UniformResourceIdentifier(uri)) => {
                Some(uri.as_str())
            }
            (WorkloadNames::Dns { .. }, GeneralName::DnsName(name)) => Some(name.as_str()),
            _ => None,
        });
        let one = own.next().ok_or("has no name of the kind")?;
        if own.next().is_some() {
            return Err("has two names of the kind");
        }
        match self {
            WorkloadNames::Spiffe { trust_domain } => spiffe(one, trust_domain),
            WorkloadNames::Dns { below } => dns(one, below),
        }
    }
}

fn spiffe(id: &str, trust_domain: &str) -> Result<WorkloadName, &'static str> {
    if id.len() > LONGEST_ID {
        return Err("has an id of more than 2 KiB");
    }
    let path = id
        .strip_prefix("spiffe://")
        .and_then(|rest| rest.strip_prefix(trust_domain))
        .and_then(|rest| rest.strip_prefix('/'))
        .ok_or("has an id of another trust domain, or of none")?;
    let parts: Vec<&str> = path.split('/').collect();
    if !parts.iter().all(|part| is_plain(part)) {
        return Err("has an id with parts that are empty, `.`, `..` or not plain");
    }
    if parts.len() > MOST_PARTS {
        return Err("has an id of more than 16 parts");
    }
    let mut name = format!("spiffe://{trust_domain}");
    let mut above = vec![name.clone()];
    for part in parts {
        name.push('/');
        name.push_str(part);
        above.push(name.clone());
    }
    let id = id.to_owned();
    Ok(WorkloadName { id, above })
}

fn dns(name: &str, below: &str) -> Result<WorkloadName, &'static str> {
    let labels = name
        .strip_suffix(below)
        .and_then(|rest| rest.strip_suffix('.'))
        .ok_or("has a name that is not below the domain")?;
    let labels: Vec<&str> = labels.split('.').collect();
    if name.len() > LONGEST_NAME || !labels.iter().all(|label| is_label(label)) {
        return Err("has a name that is no host's in lower case");
    }
    let mut name = below.to_owned();
    let mut above = vec![name.clone()];
    for label in labels.into_iter().rev() {
        name = format!("{label}.{name}");
        above.push(name.clone());
    }
    if above.len() > MOST_PARTS {
        return Err("has a name of more than 16 parts");
    }
    Ok(WorkloadName { id: name, above })
}

fn is_plain(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    !part.is_empty() && part != "." && part != ".." && part.bytes().all(plain)
}

fn is_label(label: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let ends = [label.bytes().next(), label.bytes().last()];
    let is_framed = ends.iter().all(|end| end.is_some_and(|byte| byte != b'-'));
    label.len() <= 63 && is_framed && label.bytes().all(plain)
}

const LONGEST_ID: usize = 2_048;
const LONGEST_NAME: usize = 253;
const MOST_PARTS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use x509_cert::der::Decode;

    fn certificate(names: &[rcgen::SanType]) -> Certificate {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut wanted = rcgen::CertificateParams::default();
        wanted.subject_alt_names = names.to_vec();
        wanted
            .distinguished_name
            .push(rcgen::DnType::CommonName, "spiffe://acme.example/from/cn");
        Certificate::from_der(wanted.self_signed(&key).unwrap().der()).unwrap()
    }

    fn uri(text: &str) -> rcgen::SanType {
        rcgen::SanType::URI(text.try_into().unwrap())
    }

    fn host(text: &str) -> rcgen::SanType {
        rcgen::SanType::DnsName(text.try_into().unwrap())
    }

    fn spiffe_names() -> WorkloadNames {
        WorkloadNames::Spiffe {
            trust_domain: "acme.example".to_owned(),
        }
    }

    fn dns_names() -> WorkloadNames {
        WorkloadNames::Dns {
            below: "jobs.acme.example".to_owned(),
        }
    }

    #[test]
    fn a_spiffe_id_lies_below_each_of_its_parts() {
        let id = "spiffe://acme.example/ns/payments/sa/Deploy_1.x";
        for names in [vec![uri(id)], vec![host("a.example"), uri(id)]] {
            let read = spiffe_names().read(&certificate(&names)).unwrap();
            assert_eq!(read.id, id);
            assert_eq!(
                read.above,
                [
                    "spiffe://acme.example",
                    "spiffe://acme.example/ns",
                    "spiffe://acme.example/ns/payments",
                    "spiffe://acme.example/ns/payments/sa",
                    id,
                ]
            );
        }
    }

    #[test]
    fn another_spelling_is_no_id() {
        for other in [
            "spiffe://acme.example",
            "spiffe://acme.example/",
            "spiffe://acme.example//a",
            "spiffe://acme.example/a/",
            "spiffe://acme.example/./a",
            "spiffe://acme.example/a/../b",
            "spiffe://acme.example/a%2fb",
            "spiffe://acme.example/a?b",
            "spiffe://acme.example/a#b",
            "spiffe://acme.example/a b",
            "spiffe://acme.example/a:b",
            "spiffe://acme.example:443/a",
            "spiffe://user@acme.example/a",
            "spiffe://ACME.example/a",
            "SPIFFE://acme.example/a",
            "spiffe://acme.example.evil.example/a",
            "spiffe://evil.example/acme.example/a",
            "spiffe:/acme.example/a",
            "https://acme.example/a",
            "acme.example/a",
            "",
        ] {
            let read = spiffe_names().read(&certificate(&[uri(other)]));
            assert!(read.is_err(), "{other}: {read:?}");
        }
        let deep = format!("spiffe://acme.example{}", "/a".repeat(17));
        assert!(spiffe_names().read(&certificate(&[uri(&deep)])).is_err());
        let long = format!("spiffe://acme.example/{}", "a".repeat(2_048));
        assert!(spiffe_names().read(&certificate(&[uri(&long)])).is_err());
    }

    #[test]
    fn one_name_of_the_kind_and_no_other() {
        let id = "spiffe://acme.example/a";
        for names in [
            vec![],
            vec![host("a.jobs.acme.example")],
            vec![uri(id), uri(id)],
            vec![uri(id), uri("spiffe://acme.example/b")],
            vec![uri(id), uri("https://other.example/")],
        ] {
            assert!(
                spiffe_names().read(&certificate(&names)).is_err(),
                "{names:?}"
            );
        }
        let one = host("a.jobs.acme.example");
        for names in [vec![], vec![uri(id)], vec![one.clone(), one.clone()]] {
            assert!(dns_names().read(&certificate(&names)).is_err(), "{names:?}");
        }
    }

    #[test]
    fn a_dns_name_lies_below_the_domain() {
        let name = "build.payments.jobs.acme.example";
        let read = dns_names().read(&certificate(&[uri("spiffe://x/y"), host(name)]));
        let read = read.unwrap();
        assert_eq!(read.id, name);
        let above = ["jobs.acme.example", "payments.jobs.acme.example", name];
        assert_eq!(read.above, above);
        for other in [
            "jobs.acme.example",
            ".jobs.acme.example",
            "evil-jobs.acme.example",
            "*.jobs.acme.example",
            "a..jobs.acme.example",
            "-a.jobs.acme.example",
            "a-.jobs.acme.example",
            "A.jobs.acme.example",
            "a_b.jobs.acme.example",
            "a.jobs.acme.example.",
            "a.jobs.acme.example.evil.example",
        ] {
            let read = dns_names().read(&certificate(&[host(other)]));
            assert!(read.is_err(), "{other}: {read:?}");
        }
    }
}
