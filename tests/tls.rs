//! TLS of the real program: what it shows, to whom it listens, and what changes while it runs.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;

use http::StatusCode;
use serde_json::json;
use stile_kit::{Call, World};

use crate::support::{ask, close, ground, program, records_of};

const PATH: &str = "/public/v0.2/acme/projects/X/streams";

/// Where the TLS listener is.
fn listener(world: &World) -> SocketAddr {
    let (_, address) = world.stile.urls[1].split_once("://").unwrap();
    address.parse().unwrap()
}

/// A good request of a job to this host, over TLS.
fn call(world: &World, host: &str) -> Call {
    Call::new("POST", format!("https://{host}{PATH}"))
        .at(listener(world))
        .trusting(world.ca.certificate_pem().as_bytes())
        .token(&world.job_token(json!({})))
        .body("application/vnd.api+json", "{}")
}

async fn readiness(world: &World) -> String {
    let ready = Call::new("GET", format!("{}/readyz", world.stile.admin));
    ready.send().await.unwrap().text()
}

/// A PROXY header of version 2 for `192.0.2.7:4660`.
fn announced() -> Vec<u8> {
    let addresses = [192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x34, 1, 0xbb];
    [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"[..], &addresses].concat()
}

#[tokio::test]
async fn the_record_names_the_caller_that_those_in_front_name_and_no_other() {
    let listed = |clear: &str, tls: &str| {
        let (clear, tls) = (clear.to_owned(), tls.to_owned());
        async move {
            let ground = ground().await;
            let ground = ground.with(
                "  - address: 127.0.0.1:0\n  - ",
                &format!("  - address: 127.0.0.1:0\n{clear}  - "),
            );
            let ground = ground.with("key: stile.key }\n", &format!("key: stile.key }}\n{tls}"));
            ground.serve(program()).await.unwrap()
        }
    };
    let field = ("x-forwarded-for", "203.0.113.5");
    for (believed, source, port) in [(true, "192.0.2.7", Some(4660)), (false, "127.0.0.1", None)] {
        let network = if believed { "127.0.0.1" } else { "10.0.0.0/8" };
        let world = listed(
            &format!("    trusted_hops: [{network}]\n"),
            &format!("    proxy_protocol: [{network}]\n"),
        )
        .await;
        let before = if believed { announced() } else { Vec::new() };
        let answer = ask(&world, call(&world, "localhost").after(&before)).await;
        assert_eq!(answer.status, StatusCode::OK);
        let record = &records_of(&world, answer.field("stile-decision"))[0];
        assert_eq!(record.word("src_ip"), source);
        if port.is_some() {
            assert_eq!(record.json["src_port"].as_u64(), port);
        }
        // With the header where none is wanted, or without where one is, there is no handshake.
        let before = if believed { Vec::new() } else { announced() };
        let other = call(&world, "localhost").after(&before).send().await;
        assert!(other.is_err(), "{other:?}");

        let token = world.job_token(json!({}));
        let clear = world
            .api("POST", "X/streams")
            .token(&token)
            .field(field.0, field.1);
        let clear = clear.body("application/vnd.api+json", "{}");
        let answer = ask(&world, clear).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let record = &records_of(&world, answer.field("stile-decision"))[0];
        let source = if believed { field.1 } else { "127.0.0.1" };
        assert_eq!(record.word("src_ip"), source);
        assert_eq!(record.json.get("src_port").is_none(), believed);
        let seen = world.upstream.seen();
        assert!(seen.iter().all(|request| request.value(field.0).is_none()));
        close(world, &[token]).await;
    }
}

#[tokio::test]
async fn certificates_for_several_names_change_together_and_a_broken_one_changes_nothing() {
    let ground = ground().await.with(
        "key: stile.key }",
        "key: stile.key, more: [{ certificate: b.pem, key: b.key }] }",
    );
    let folder = ground.folder().path().to_owned();
    let secret = |path: &std::path::Path| {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    };
    let (_, key) = ground.ca.server(&["b.example"]).write_to(&folder, "b");
    secret(&key);
    let world = ground.serve(program()).await.unwrap();
    for host in ["localhost", "b.example"] {
        assert_eq!(ask(&world, call(&world, host)).await.status, StatusCode::OK);
    }
    for host in ["c.example", "stile.example.com"] {
        assert!(call(&world, host).send().await.is_err(), "{host}");
    }
    // A good pair for another name in the first place, and a broken one in the second.
    world.ca.server(&["c.example"]).write_to(&folder, "stile");
    let whole = fs::read_to_string(&key).unwrap();
    fs::write(&key, "junk").unwrap();
    world.stile.signal("HUP").unwrap();
    let refused = world.stile.waits_for("new settings are refused").await;
    refused.unwrap();
    assert!(readiness(&world).await.contains("b.key"));
    for host in ["localhost", "b.example"] {
        assert_eq!(ask(&world, call(&world, host)).await.status, StatusCode::OK);
    }
    assert!(call(&world, "c.example").send().await.is_err());
    fs::write(&key, whole).unwrap();
    let accepted = world.stile.waits_for("new settings are in force").await;
    accepted.unwrap();
    assert!(readiness(&world).await.contains("\"ready\""));
    for host in ["c.example", "b.example"] {
        assert_eq!(ask(&world, call(&world, host)).await.status, StatusCode::OK);
    }
    assert!(call(&world, "localhost").send().await.is_err());
    close(world, &[]).await;
}
