//! Issuers that are not ours rotate their keys and fail, and jobs notice nothing.

use std::time::{Duration, Instant};

use stile_kit::World;
use stile_kit::world::AUDIENCE;

use super::ForeignIssuer;
use crate::support;

/// stile trusting this issuer, whose tokens are of programs.
async fn trusting(issuer: &ForeignIssuer) -> World {
    let entry = format!(
        "  - name: reports\n    url: {}\n    dialect: openid\n    \
         claims: {{ agents: true, name: client_id, groups: groups }}\nupstreams:\n",
        issuer.url
    );
    let ground = support::ground().await.with("upstreams:\n", &entry);
    ground.serve(support::program()).await.unwrap()
}

/// Whether stile believes this token, and how long it took to say so. What policies make of it is
/// not asked here.
async fn believes(world: &World, token: &str) -> (bool, Duration) {
    let begun = Instant::now();
    let call = world.api("GET", "X/streams").token(token);
    let answer = call.send().await.unwrap();
    let status = answer.status.as_u16();
    assert!(
        matches!(status, 200 | 401 | 403),
        "{status}: {}",
        answer.text()
    );
    if status == 401 {
        assert_eq!(answer.json()["reason"], "unknown_key", "{}", answer.text());
    }
    (status != 401, begun.elapsed())
}

async fn rotates(mut issuer: ForeignIssuer, what: &str) {
    let world = trusting(&issuer).await;
    let first = issuer.token.clone();
    assert!(believes(&world, &first).await.0);

    issuer.obey("rotate keeping");
    let second = issuer.mint(AUDIENCE);
    let (believed, took) = believes(&world, &second).await;
    assert!(believed && took < Duration::from_secs(3), "{took:?}");
    eprintln!(
        "{what}: first success {} ms after the rotation",
        took.as_millis()
    );
    assert!(
        believes(&world, &first).await.0,
        "the old key is published still"
    );

    issuer.obey("rotate");
    let third = issuer.mint(AUDIENCE);
    let begun = Instant::now();
    world.stile.signal("HUP").unwrap();
    while !believes(&world, &third).await.0 {
        assert!(begun.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    eprintln!(
        "{what}: first success {} ms after SIGHUP",
        begun.elapsed().as_millis()
    );
    for dead in [&first, &second] {
        assert!(!believes(&world, dead).await.0, "its key is gone");
    }
    support::close(world, &[first, second, third]).await;
}

#[tokio::test]
async fn a_foreign_provider_rotates_and_the_next_token_passes_at_once() {
    if let Some(issuer) = ForeignIssuer::start(AUDIENCE) {
        rotates(issuer, "oidc-provider").await;
    }
}

#[tokio::test]
async fn keycloak_rotates_and_the_next_token_passes_at_once() {
    if let Some(issuer) = ForeignIssuer::keycloak(AUDIENCE) {
        rotates(issuer, "Keycloak").await;
    }
}

#[tokio::test]
async fn a_foreign_provider_that_hangs_holds_up_no_token_of_a_known_key() {
    let Some(mut issuer) = ForeignIssuer::start(AUDIENCE) else {
        return;
    };
    let world = trusting(&issuer).await;
    let known = issuer.token.clone();
    assert!(believes(&world, &known).await.0);
    let another = issuer.mint(AUDIENCE);
    issuer.obey("down");
    world.stile.signal("HUP").unwrap();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(6) {
        let (believed, took) = believes(&world, &another).await;
        assert!(believed && took < Duration::from_secs(2), "{took:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.stile.waits_for("timed_out").await.unwrap();
    issuer.obey("up");
    issuer.obey("rotate");
    let fresh = issuer.mint(AUDIENCE);
    let (believed, took) = believes(&world, &fresh).await;
    assert!(believed, "{took:?}");
    eprintln!("first success {} ms after the outage", took.as_millis());
    support::close(world, &[known, another, fresh]).await;
}
