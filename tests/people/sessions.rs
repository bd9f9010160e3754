//! A session: its cookie, its times, its end.

use serde_json::json;

use super::browser::Browser;
use super::*;
use crate::support::{close, records};

#[tokio::test]
async fn a_cookie_that_is_not_the_one_that_was_given_opens_nothing() {
    let world = world().await;
    let mut browser = signed_in(&world).await;
    let good = browser.session().to_owned();
    is_of_mira(&browser.me().await);
    let letters: Vec<char> = good.chars().collect();
    let mut cases: Vec<String> = (0..letters.len())
        .map(|place| {
            let mut changed = letters.clone();
            changed[place] = if changed[place] == 'A' { 'B' } else { 'A' };
            changed.into_iter().collect()
        })
        .collect();
    cases.extend([
        String::new(),
        good[1..].to_owned(),
        format!("{good}A"),
        format!("{good}="),
        format!("\"{good}\""),
        good.to_lowercase(),
        "A".repeat(43),
        "A".repeat(8_000),
        "../../etc/passwd".to_owned(),
        "' OR 1=1 --".to_owned(),
    ]);
    for case in cases {
        browser
            .cookies
            .insert("__Host-stile".to_owned(), case.clone());
        is_refused(&case, &browser.me().await, "session_invalid");
    }
    browser
        .cookies
        .insert("__Host-stile".to_owned(), good.clone());
    is_of_mira(&browser.me().await);

    // Twice, in one field and in two, in either order.
    let url = format!("{}/.stile/me", world.stile.url());
    let twice = [
        vec![format!("__Host-stile={good}; __Host-stile={good}")],
        vec![format!("__Host-stile=x; __Host-stile={good}")],
        vec![format!("__Host-stile={good}"), "__Host-stile=x".to_owned()],
        vec![vec![format!("__Host-stile={good}"); 100].join("; ")],
    ];
    for fields in twice {
        let mut call = stile_kit::Call::new("GET", &url);
        for field in &fields {
            call = call.field("cookie", field);
        }
        let answer = call.send().await.unwrap();
        is_refused(&fields[0][..20], &answer, "multiple_credentials");
    }
    // Beside a token neither counts.
    let token = world.person_token("joe@acme.example", &[]);
    let both = browser.call("GET", "/.stile/me").token(&token);
    is_refused("both", &browser.sends(both).await, "multiple_credentials");
    let both = browser.call("GET", "/.stile/me");
    let both = both.field("lightstep-access-token", &token);
    is_refused(
        "the other field",
        &browser.sends(both).await,
        "multiple_credentials",
    );
    close(world, &[good, token]).await;
}

#[tokio::test]
async fn a_session_ends_when_its_person_leaves_and_its_cookie_is_worth_nothing_then() {
    let world = world().await;
    let mut browser = signed_in(&world).await;
    let mut kept = browser.clone();
    is_of_mira(&kept.me().await);

    // By an image, by another site, without saying from where: nothing happens.
    let page = browser.asks("GET", "/.stile/logout").await;
    assert_eq!(page.status, 200);
    // Otherwise browsers would send the form as of nowhere.
    assert_eq!(page.field("referrer-policy"), "same-origin");
    assert!(
        page.text()
            .contains("<form method=\"post\" action=\"/.stile/logout\">")
    );
    for origin in [
        "https://evil.example",
        "null",
        "https://stile.example.com.evil.example",
        "http://stile.example.com",
        "https://stile.example.com:444",
        "https://stile.example.com/",
        "HTTPS://STILE.EXAMPLE.COM",
    ] {
        let call = browser
            .call("POST", "/.stile/logout")
            .field("origin", origin);
        is_refused(origin, &browser.sends(call).await, "csrf");
    }
    let call = browser.call("POST", "/.stile/logout");
    is_refused("no origin", &browser.sends(call).await, "csrf");
    let call = browser
        .call("POST", "/.stile/logout")
        .field("origin", "https://stile.example.com")
        .field("origin", "https://evil.example");
    is_refused("two", &browser.sends(call).await, "csrf");
    is_of_mira(&browser.me().await);

    let call = browser
        .call("POST", "/.stile/logout")
        .field("origin", "https://stile.example.com");
    let answer = browser.sends(call).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert_eq!(answer.field("location"), "/.stile/logout?done");
    assert!(browser.session().is_empty());
    is_refused("afterwards", &kept.me().await, "session_invalid");
    let own = records(&world.stile.journal());
    let left = own
        .iter()
        .find(|one| one.json["path"] == "/.stile/logout" && one.json["decision"] == "own");
    assert_eq!(left.expect("leaving is recorded").word("cred"), "session");
    close(world, &[]).await;
}

#[tokio::test]
async fn a_session_survives_a_restart_and_a_new_sign_in_ends_the_old_one() {
    let world = world().await;
    let mut browser = signed_in(&world).await;
    let first = browser.clone();
    let world = world
        .killed(crate::support::program(), |_| {})
        .await
        .unwrap();
    let moved = |browser: &Browser| {
        let mut moved = Browser::new(&world);
        moved.cookies = browser.cookies.clone();
        moved
    };
    browser = moved(&browser);
    let mut first = moved(&first);
    is_of_mira(&browser.me().await);
    // Somebody else's session id in the browser is not the one that its own sign-in gets.
    let begun = browser.begins("/.stile/login").await;
    let good = tokens(&world, &mira(&world, begun.value("nonce")));
    world.okta.answer_tokens(200, good);
    assert_eq!(browser.comes_back(&begun, &[]).await.status, 303);
    assert_ne!(browser.session(), first.session());
    is_of_mira(&browser.me().await);
    for _ in 0..100 {
        if first.me().await.status == 401 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    is_refused("the old one", &first.me().await, "session_invalid");
    close(world, &[]).await;
}

#[tokio::test]
async fn a_session_that_nobody_uses_ends() {
    let ground = laid().await.with(
        "people:\n",
        "people:\n  session_idle: 2s\n  session_longest: 1h\n",
    );
    let world = ground.serve(program()).await.unwrap();
    let mut browser = signed_in(&world).await;
    is_of_mira(&browser.me().await);
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    is_refused("idle", &browser.me().await, "session_invalid");
    close(world, &[]).await;
}

#[tokio::test]
async fn a_session_ends_at_the_latest_when_it_was_said_to() {
    let ground = laid().await.with(
        "people:\n",
        "people:\n  session_idle: 2s\n  session_longest: 3s\n",
    );
    let world = ground.serve(program()).await.unwrap();
    let mut browser = signed_in(&world).await;
    let began = std::time::Instant::now();
    let mut last = browser.me().await;
    while last.status == 200 && began.elapsed().as_secs() < 10 {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        last = browser.me().await;
    }
    is_refused("late", &last, "session_invalid");
    close(world, &[]).await;
}

#[tokio::test]
async fn ten_thousand_sign_ins_that_only_begin_cost_nothing_that_stays() {
    let world = world().await;
    let mut browser = Browser::new(&world);
    for _ in 0..50 {
        browser.begins("/.stile/login").await;
    }
    let before = stile_kit::bench::resident_kib(world.stile.pid().unwrap()).unwrap();
    for _ in 0..1_000 {
        browser.begins("/.stile/login").await;
    }
    let after = stile_kit::bench::resident_kib(world.stile.pid().unwrap()).unwrap();
    assert!(after < before + 16 * 1024, "{before} to {after} KiB");
    assert_eq!(
        world.okta.fetches().discovery,
        2,
        "{}",
        json!(world.okta.fetches().other)
    );
    close(world, &[]).await;
}
