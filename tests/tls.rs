//! TLS of the real program: what it shows, to whom it listens, and what changes while it runs.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;

use http::StatusCode;
use serde_json::json;
use stile_kit::{Call, World};

use crate::support::{ask, close, ground, program};

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
