//! Programs that show a client certificate in the place of a token: who they are, and who is not.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind, RootCertStore};
use serde_json::json;
use stile::refusal::Reason;
use stile_kit::tls::{DevCa, ServerCertificate};
use stile_kit::upstream::API_KEY;
use stile_kit::{Answer, Call, World};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::hostile::raw;
use crate::support::{ask, close, ground, program, records_of};

const ID: &str = "spiffe://acme.example/ns/payments/sa/deploy";
const HOUR: (u64, u64) = (60, 3_600);
const PATH: &str = "/public/v0.2/acme/projects/X/streams";

/// A mesh, a second CA for hosts, and one for nothing but binding tokens; the listener asks for all.
struct Cas {
    mesh: DevCa,
    hosts: DevCa,
    binding: DevCa,
}

async fn world() -> (World, Cas) {
    let ground = ground().await;
    let cas = Cas {
        mesh: DevCa::new(),
        hosts: DevCa::new(),
        binding: DevCa::new(),
    };
    let folder = ground.folder();
    let all = [&cas.mesh, &cas.hosts, &cas.binding].map(DevCa::certificate_pem);
    folder.write("mesh.pem", &all[0]).unwrap();
    folder.write("hosts.pem", &all[1]).unwrap();
    folder.write("clients.pem", &all.concat()).unwrap();
    let directory = folder.path().join("policies/directory.yaml");
    let text = std::fs::read_to_string(&directory).unwrap();
    let team = "payments: {groups: okta:lightstep-payments}";
    assert!(text.contains(team));
    let of_both = "payments: {groups: [\"okta:lightstep-payments\", \
                   \"mesh:spiffe://acme.example/ns/payments\"]}";
    std::fs::write(&directory, text.replace(team, of_both)).unwrap();
    let ground = ground
        .with(
            "tls: { certificate: stile.pem, key: stile.key }",
            "tls: { certificate: stile.pem, key: stile.key, client_ca: clients.pem }",
        )
        .with(
            "upstreams:\n  - name: lightstep",
            "workloads:\n  - { name: mesh, ca_file: mesh.pem, trust_domain: acme.example }\n  \
             - { name: hosts, ca_file: hosts.pem, dns_below: jobs.acme.example, \
             longest_lifetime: 2h }\nupstreams:\n  - name: lightstep",
        );
    (ground.serve(program()).await.unwrap(), cas)
}

fn reads(world: &World, shown: &ServerCertificate) -> Call {
    let url = world.stile.urls[1].replace("127.0.0.1", "localhost");
    let call = Call::new("GET", format!("{url}{PATH}"));
    call.trusting(world.ca.certificate_pem().as_bytes())
        .showing(shown)
}

fn reason(answer: &Answer) -> String {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    body["reason"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_program_is_who_its_certificate_says() {
    let (world, cas) = world().await;
    for (shown, issuer, subject) in [
        (
            cas.mesh.program(&[ID], &[], HOUR),
            "spiffe://acme.example",
            ID,
        ),
        (
            cas.hosts.program(&[], &["build.jobs.acme.example"], HOUR),
            "dns:jobs.acme.example",
            "build.jobs.acme.example",
        ),
    ] {
        for http2 in [false, true] {
            let call = reads(&world, &shown);
            let answer = ask(&world, if http2 { call.http2() } else { call }).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let seen = world.upstream.seen().pop().unwrap();
            assert_eq!(seen.values("authorization"), [format!("bearer {API_KEY}")]);
            let record = &records_of(&world, answer.field("stile-decision"))[0];
            assert_eq!(record.word("cred"), "mtls");
            assert_eq!(record.json["issuer"], issuer);
            let who = record.json.to_string();
            assert!(who.contains(subject) && who.contains("\"agent\""), "{who}");
        }
    }
    // What its path makes it a member of, it may; what no agent may, it may not.
    let shown = cas.mesh.program(&[ID], &["also.acme.example"], HOUR);
    let url = world.stile.urls[1].replace("127.0.0.1", "localhost");
    let me = Call::new("GET", format!("{url}/.stile/me")).showing(&shown);
    let me = ask(&world, me.trusting(world.ca.certificate_pem().as_bytes())).await;
    assert!(me.text().contains("payments"), "{}", me.text());
    let write = Call::new("POST", format!("{url}{PATH}")).body("application/json", "{}");
    let write = write
        .trusting(world.ca.certificate_pem().as_bytes())
        .showing(&shown);
    let denied = ask(&world, write).await;
    assert_eq!(reason(&denied), "policy_denied", "{}", denied.text());
    close(world, &[]).await;
}

#[tokio::test]
async fn one_change_to_a_certificate_refuses_it() {
    let (world, cas) = world().await;
    let good = cas.mesh.program(&[ID], &[], HOUR);
    assert_eq!(ask(&world, reads(&world, &good)).await.status, 200);
    let host = "build.jobs.acme.example";
    for (what, shown, expected) in [
        (
            "two ids",
            cas.mesh
                .program(&[ID, "spiffe://acme.example/b"], &[], HOUR),
            Reason::WrongType,
        ),
        (
            "of another trust domain",
            cas.mesh.program(&["spiffe://evil.example/a"], &[], HOUR),
            Reason::WrongType,
        ),
        (
            "no id",
            cas.mesh.program(&[], &[host], HOUR),
            Reason::WrongType,
        ),
        (
            "a host of the mesh's",
            cas.hosts.program(&[ID], &[], HOUR),
            Reason::WrongType,
        ),
        (
            "all hosts",
            cas.hosts.program(&[], &["*.jobs.acme.example"], HOUR),
            Reason::WrongType,
        ),
        (
            "a day and more",
            cas.mesh.program(&[ID], &[], (60, 25 * 3_600)),
            Reason::LifetimeTooLong,
        ),
        (
            "three hours of two",
            cas.hosts.program(&[], &[host], (60, 3 * 3_600)),
            Reason::LifetimeTooLong,
        ),
        (
            "of a CA that vouches for nobody",
            cas.binding.program(&[ID], &[], HOUR),
            Reason::NoCredential,
        ),
    ] {
        for http2 in [false, true] {
            let call = reads(&world, &shown);
            let answer = ask(&world, if http2 { call.http2() } else { call }).await;
            assert_eq!(
                reason(&answer),
                expected.word(),
                "{what}: {}",
                answer.text()
            );
            assert_eq!(answer.status, 401);
        }
    }
    // These never get to ask.
    let server = cas.mesh.server(&["localhost"]);
    for (what, shown) in [
        ("over", cas.mesh.program(&[ID], &[], (7_200, 3_600))),
        ("of nobody we know", DevCa::new().program(&[ID], &[], HOUR)),
        ("a server's", server),
    ] {
        assert!(reads(&world, &shown).send().await.is_err(), "{what}");
    }
    assert_eq!(world.upstream.seen().len(), 1);
    close(world, &[]).await;
}

#[tokio::test]
async fn whoever_sends_a_credential_is_judged_by_that_alone() {
    let (world, cas) = world().await;
    let shown = cas.mesh.program(&[ID], &[], HOUR);
    let token = world.job_token(json!({}));
    let answer = ask(&world, reads(&world, &shown).token(&token)).await;
    let record = &records_of(&world, answer.field("stile-decision"))[0];
    assert_eq!(record.word("cred"), "bearer_jwt");
    let before = world.upstream.seen().len();
    for (field, value, expected) in [
        ("authorization", "Bearer x", Reason::MalformedToken),
        ("authorization", "Bearer ", Reason::NoCredential),
        ("authorization", "", Reason::NoCredential),
        ("authorization", "Basic eDp5", Reason::NoCredential),
        ("lightstep-access-token", "x", Reason::MalformedToken),
        ("lightstep-access-token", "", Reason::NoCredential),
        ("cookie", "a=b", Reason::NoCredential),
    ] {
        for http2 in [false, true] {
            let call = reads(&world, &shown).field(field, value);
            let answer = ask(&world, if http2 { call.http2() } else { call }).await;
            assert_eq!(reason(&answer), expected.word(), "{field}: {value}");
        }
    }
    let url = world.stile.urls[1].replace("127.0.0.1", "localhost");
    for query in [
        "access_token=x",
        "ACCESS_TOKEN=x",
        "access%5Ftoken=x",
        "a=b&access_token=",
    ] {
        let call = Call::new("GET", format!("{url}{PATH}?{query}")).showing(&shown);
        let call = call.trusting(world.ca.certificate_pem().as_bytes());
        assert_eq!(reason(&ask(&world, call).await), "no_credential", "{query}");
    }
    assert_eq!(world.upstream.seen().len(), before);
    close(world, &[token]).await;
}

/// How a caller with this certificate connects.
fn connecting(
    world: &World,
    version: &'static rustls::SupportedProtocolVersion,
    shown: Option<&ServerCertificate>,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(world.ca.certificate_der()).unwrap();
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(crypto)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots);
    let config = match shown {
        None => builder.with_no_client_auth(),
        Some(shown) => {
            let chain = CertificateDer::from_pem_slice(shown.chain_pem.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(shown.key_pem.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![chain], key).unwrap()
        }
    };
    Arc::new(config)
}

async fn connected(world: &World, config: &Arc<ClientConfig>) -> TlsStream<TcpStream> {
    let stream = raw::connect(&world.stile.urls[1]).await;
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::clone(config));
    connector.connect(name, stream).await.unwrap()
}

async fn status(stream: &mut TlsStream<TcpStream>) -> (u16, String) {
    let head = format!("GET {PATH} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = raw::one_answer(stream).await.unwrap();
    (answer.status.as_u16(), answer.reason())
}

#[tokio::test]
async fn a_connection_outlives_no_certificate() {
    let (world, cas) = world().await;
    // Some seconds are left of it.
    let shown = cas.mesh.program(&[ID], &[], (60, 64));
    let config = connecting(&world, &TLS13, Some(&shown));
    let mut stream = connected(&world, &config).await;
    assert_eq!(status(&mut stream).await.0, 200);
    for _ in 0..100 {
        let (status, reason) = status(&mut stream).await;
        if status == 401 {
            assert_eq!(reason, "expired");
            return close(world, &[]).await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("it still opens the door");
}

#[tokio::test]
async fn no_session_of_a_caller_with_a_certificate_is_resumed() {
    let (world, cas) = world().await;
    let shown = cas.mesh.program(&[ID], &[], HOUR);
    for version in [&TLS13, &TLS12] {
        let config = connecting(&world, version, Some(&shown));
        for _ in 0..3 {
            let mut stream = connected(&world, &config).await;
            assert_eq!(status(&mut stream).await.0, 200);
            let kind = stream.get_ref().1.handshake_kind();
            assert_eq!(kind, Some(HandshakeKind::Full));
        }
    }
    close(world, &[]).await;
    // Where nobody is asked for one, sessions are: the test can see it.
    let world = crate::support::world().await;
    for version in [&TLS13, &TLS12] {
        let config = connecting(&world, version, None);
        let mut kinds = Vec::new();
        for _ in 0..3 {
            let mut stream = connected(&world, &config).await;
            assert_eq!(status(&mut stream).await.0, 401);
            kinds.push(stream.get_ref().1.handshake_kind());
        }
        assert!(kinds.contains(&Some(HandshakeKind::Resumed)), "{kinds:?}");
    }
    close(world, &[]).await;
}

#[tokio::test]
async fn a_mistake_in_the_settings_is_told_where_it_stands() {
    let good = "workloads:\n  - { name: mesh, ca_file: stile.pem, trust_domain: acme.example }\n";
    let asking = "tls: { certificate: stile.pem, key: stile.key, client_ca: stile.pem }";
    for (asks, piece, other, told) in [
        (true, "", "", ""),
        (false, "", "", "no address asks callers for a certificate"),
        (true, "stile.pem", "none.pem", "none.pem"),
        (true, "stile.pem", "stile.yaml", "no certificate"),
        (
            true,
            "name: mesh",
            "name: okta",
            "two issuers and workloads are `okta`",
        ),
        (true, "name: mesh, ", "", "workloads[0].name"),
        (
            true,
            ", trust_domain: acme.example",
            "",
            "neither `trust_domain` nor `dns_below`",
        ),
        (
            true,
            "trust_domain: ",
            "dns_below: x.example, trust_domain: ",
            "both `trust_domain`",
        ),
        (
            true,
            "acme.example",
            "spiffe://acme.example",
            "is not a domain",
        ),
        (true, "acme.example", "Acme.example", "is not a domain"),
        (
            true,
            "acme.example }",
            "acme.example, longest_lifetime: 0s }",
            "is not a duration",
        ),
        (true, "trust_domain", "trustdomain", "trust_domain"),
    ] {
        let ground = ground().await;
        let text = good.replacen(piece, other, 1);
        let ground = ground.with("upstreams:\n", &format!("{text}upstreams:\n"));
        let ground = match asks {
            true => ground.with("tls: { certificate: stile.pem, key: stile.key }", asking),
            false => ground,
        };
        let served = ground.serve(program()).await;
        if told.is_empty() {
            close(served.unwrap(), &[]).await;
            continue;
        }
        let fault = served.unwrap_err().to_string();
        assert!(fault.contains(told), "{told} in {fault}");
    }
}
