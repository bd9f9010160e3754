//! Where a browser goes after it signed in: to a page of ours, and nowhere else.

use super::browser::Browser;
use super::*;
use crate::support::close;

#[tokio::test]
async fn whatever_a_link_says_a_browser_comes_to_a_page_of_ours() {
    let world = world().await;
    let evil = [
        "//evil.example",
        "/\\evil.example",
        "/%09/evil.example",
        "https:evil.example",
        "https://evil.example",
        "///evil.example",
        "/.evil",
        "/.stile//evil.example",
        "/.stile/..%2f..%2f%2fevil.example",
        "/.stile/../../evil",
        "javascript:alert(1)",
        "https://stile.example.com@evil.example",
        "%2f%2fevil.example",
        "/.stile/x%0d%0aset-cookie:a=b",
        "/.stile/login",
        "/.stile/callback?code=x",
    ];
    for to in evil {
        for encoded in [true, false] {
            let value: String = match encoded {
                true => form_urlencoded::byte_serialize(to.as_bytes()).collect(),
                false if to.contains(['\\', '#', ' ']) => continue,
                false => to.to_owned(),
            };
            let mut browser = Browser::new(&world);
            let begun = browser
                .begins(&format!("/.stile/login?return_to={value}"))
                .await;
            let good = tokens(&world, &mira(&world, begun.value("nonce")));
            world.okta.answer_tokens(200, good);
            let answer = browser.comes_back(&begun, &[]).await;
            assert_eq!(answer.field("location"), "/.stile/console", "{to}");
        }
    }
    close(world, &[]).await;
}

#[tokio::test]
async fn a_browser_without_a_session_is_led_to_sign_in_and_a_script_is_told() {
    let world = world().await;
    let mut browser = Browser::new(&world);
    let page = "text/html,application/xhtml+xml,*/*;q=0.8";
    let call = browser
        .call("GET", "/.stile/me?format=text")
        .field("accept", page);
    let answer = browser
        .sends(call.clone().field("sec-fetch-mode", "navigate"))
        .await;
    assert_eq!(answer.status, 303);
    let to = "/.stile/login?return_to=%2F.stile%2Fme%3Fformat%3Dtext";
    assert_eq!(answer.field("location"), to);
    for (name, value) in [("sec-fetch-mode", "cors"), ("sec-fetch-mode", "no-cors")] {
        let answer = browser.sends(call.clone().field(name, value)).await;
        assert_eq!(answer.status, 401, "{value}");
        assert_eq!(answer.field("location"), "");
    }
    let script = browser
        .call("GET", "/.stile/me")
        .field("accept", "application/json");
    assert_eq!(browser.sends(script).await.status, 401);
    // What is behind is never asked for by a browser that is led around.
    let api = browser
        .call("GET", "/public/v0.2/acme/projects/X/streams")
        .field("accept", page);
    assert_eq!(browser.sends(api).await.status, 401);
    close(world, &[]).await;
}
