//! A provider that is not ours logs out: npm's `oidc-provider`, with a token that it made.

use super::*;
use crate::callers::ForeignIssuer;

#[tokio::test]
async fn a_certified_provider_ends_a_session_by_its_own_logout_token() {
    let Some(mut provider) = ForeignIssuer::start(stile_kit::world::AUDIENCE) else {
        return;
    };
    let mut ground = ground().await;
    let issuer = format!(
        "  - name: peer\n    url: {}\n    dialect: openid\n    claims: {{ agents: true, typ: at+jwt }}\nupstreams:\n",
        provider.url
    );
    ground.settings = ground.settings.replacen("upstreams:\n", &issuer, 1);
    ground.settings += &format!(
        "people:\n  ended_by:\n    - issuer: peer\n      logout_audience: {}\n",
        provider.client_id
    );
    let world = ground.serve(program()).await.unwrap();
    ready(&world).await;
    let url = format!("{}/.stile/backchannel-logout", world.stile.url());
    // Its tokens name no session: what ends is the subject, and the session beside it.
    let token = provider.token.clone();
    let answer = asks(&world, &token).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let subject = provider.client_id.clone();
    let said = provider.obey(&format!("logout {url} somebody-else s-1"));
    assert_eq!(said["logout"], "taken", "{said}");
    still_in(&world, &token).await;
    let said = provider.obey(&format!("logout {url} {subject} s-1"));
    assert_eq!(said["logout"], "taken", "{said}");
    let took = until_ended(&world, &token).await;
    println!("oidc-provider's logout token is obeyed after {took:?}");
    assert!(took < BOUND, "{took:?}");
    crate::support::close(world, &[token]).await;
}
