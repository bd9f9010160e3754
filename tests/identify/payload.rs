//! Claims: duplicates (T11), audience (T13), issuer (T14), times (T15 to T19), wrong types (T35).

use super::*;

#[test]
fn a_claim_twice_is_malformed_in_every_spelling() {
    let text = Value::Object(job()).to_string();
    let rest = text.strip_prefix('{').unwrap();
    for twice in [
        format!(r#"{{"project_id":"20",{rest}"#),
        format!(r#"{{"project_id":"21",{rest}"#),
        format!(r#"{{"project_\u0069d":"21",{rest}"#),
        format!(r#"{{"\u0069ss":"{GITLAB}",{rest}"#),
        format!(r#"{{"aud":"{US}",{rest}"#),
        format!(r#"{{"exp":99999999999,{rest}"#),
        format!(r#"{{"sub":"x",{rest}"#),
        format!(r#"{{"job_config":{{"url":"a","url":"b"}},{rest}"#),
        format!(r#"{{"job_config":{{"url":"a","\u0075rl":"b"}},{rest}"#),
        format!(r#"{{"user_identities":[{{"a":1,"a":1}}],{rest}"#),
    ] {
        assert_refused(&twice, &signed_text(&twice), Reason::MalformedToken);
    }
}

#[test]
fn a_token_for_another_audience_is_refused() {
    let foreign = "https://vault.example.com";
    for audience in [
        json!(foreign),
        json!(format!("{US}/")),
        json!(US.to_uppercase()),
        json!("https://stile"),
        json!(format!("{US}.evil.example")),
        json!(format!("{US},{foreign}")),
        json!(""),
        json!(format!(" {US}")),
        json!(format!("{US}\u{0}")),
        json!("*"),
        json!("stile.example.com"),
        json!([]),
        json!([""]),
        json!([foreign]),
        json!([US, foreign]),
        json!([foreign, US]),
        json!([[US]]),
        json!([US, 1]),
        json!([US, null]),
        json!({ "a": US }),
        json!({ US: US }),
        json!(1),
        json!(null),
        json!(true),
        json!(GITLAB),
        json!(vec!["x"; 1500]),
    ] {
        let token = signed(&job_with("aud", audience.clone()));
        assert_refused(&audience.to_string(), &token, Reason::WrongAudience);
    }
    assert_refused(
        "absent",
        &signed(&job_without("aud")),
        Reason::WrongAudience,
    );
    let endless = signed(&job_with("aud", json!(vec![US; 10_000])));
    assert_refused("10,000 entries", &endless, Reason::MalformedToken);
}

#[test]
fn every_entry_of_an_audience_may_be_ours() {
    let mut two = gitlab();
    two.audiences
        .push("https://other-name.example.com".to_owned());
    let now = Time::from_secs(NOW_S);
    for audience in [
        json!([US]),
        json!([US, US]),
        json!(["https://other-name.example.com", US]),
    ] {
        let token = signed(&job_with("aud", audience.clone()));
        assert!(examined(&token, &two, now).outcome.is_ok(), "{audience}");
    }
    let token = signed(&job_with(
        "aud",
        json!([US, "https://other-name.example.com"]),
    ));
    assert_refused("one of two is ours", &token, Reason::WrongAudience);
}

#[test]
fn an_issuer_that_differs_by_one_byte_is_unknown() {
    for issuer in [
        "https://gitlab.example.com/",
        "https://GITLAB.example.com",
        "HTTPS://gitlab.example.com",
        "http://gitlab.example.com",
        "https://gitlab.example.com:443",
        "https://a.gitlab.example.com",
        "https://gitlab.example.com@evil.example",
        "https://x@gitlab.example.com",
        "https://gitl\u{430}b.example.com",
        "https://gitlab.example.com.",
        "gitlab.example.com",
        "https://gitlab.example.com\u{0}",
        "https://gitlab.example.com ",
        " https://gitlab.example.com",
        "https://evil.example",
        "",
        "https://gitlab.example.com/x/..",
        "https://gitlab.example.com#",
        "https://169.254.169.254/",
        "https://gitlab.example.co",
        "file:///etc/passwd",
    ] {
        let token = signed(&job_with("iss", json!(issuer)));
        assert_refused(&format!("{issuer:?}"), &token, Reason::UnknownIssuer);
    }
    for issuer in [
        json!(1),
        json!(null),
        json!([GITLAB]),
        json!(["https://evil.example", GITLAB]),
        json!({ "a": GITLAB }),
        json!(true),
    ] {
        let token = signed(&job_with("iss", issuer.clone()));
        assert_refused(&issuer.to_string(), &token, Reason::MalformedToken);
    }
    assert_refused(
        "absent",
        &signed(&job_without("iss")),
        Reason::MalformedToken,
    );
}

#[test]
fn a_token_ends_thirty_seconds_after_its_expiry() {
    let token = signed(&job());
    let end_s = NOW_S + 3600;
    for (now_ms, accepted) in [
        (end_s * 1000 - 1, true),
        (end_s * 1000, true),
        (end_s * 1000 + 29_999, true),
        (end_s * 1000 + 30_000, false),
        (end_s * 1000 + 30_001, false),
        (u64::MAX, false),
    ] {
        let outcome = outcome_at(&token, Time::from_ms(now_ms));
        match accepted {
            true => assert!(outcome.is_ok(), "{now_ms}: {outcome:?}"),
            false => assert_is(&now_ms.to_string(), outcome, Reason::Expired),
        }
    }
    for past in [
        json!(0),
        json!(-1),
        json!(-1e15),
        json!(1),
        json!(NOW_S - 31),
        json!(-0.0),
    ] {
        let token = signed(&job_with("exp", past.clone()));
        assert_refused(&past.to_string(), &token, Reason::Expired);
    }
}

#[test]
fn a_token_begins_thirty_seconds_before_its_time() {
    for name in ["nbf", "iat"] {
        let at_edge = signed(&job_with(name, json!(NOW_S + 30)));
        assert_accepted(name, &at_edge);
        for ahead_s in [31, 60, 3599] {
            let token = signed(&job_with(name, json!(NOW_S + ahead_s)));
            assert_refused(&format!("{name} +{ahead_s}"), &token, Reason::NotYetValid);
        }
        let fraction = signed(&job_with(name, json!(NOW_S as f64 + 30.9)));
        assert_accepted("a fraction is rounded down", &fraction);
    }
    assert_is(
        "1970",
        outcome_at(&signed(&job()), Time::from_ms(0)),
        Reason::NotYetValid,
    );
    assert_accepted("no nbf", &signed(&job_without("nbf")));
}

#[test]
fn a_time_of_the_wrong_type_is_malformed_and_never_absent() {
    let number = NOW_S + 3600;
    for name in ["exp", "nbf", "iat"] {
        for text in [
            format!("\"{number}\""),
            "null".to_owned(),
            "true".to_owned(),
            "false".to_owned(),
            format!("[{number}]"),
            format!("{{\"a\":{number}}}"),
            "\"never\"".to_owned(),
            "\"\"".to_owned(),
            "1e308".to_owned(),
            "1e999".to_owned(),
            "-1e999".to_owned(),
            "9223372036854775807".to_owned(),
            "9223372036854775808".to_owned(),
            "18446744073709551616".to_owned(),
            "9007199254740993".to_owned(),
            "NaN".to_owned(),
            "Infinity".to_owned(),
            "0x6B49D200".to_owned(),
            format!("0{number}"),
            format!("+{number}"),
            format!("{number}."),
            ".5".to_owned(),
            format!("{number}n"),
        ] {
            let token = signed_text(job_text_with(name, &text));
            assert_refused(&format!("{name} {text}"), &token, Reason::MalformedToken);
        }
    }
}

#[test]
fn a_fraction_of_a_second_is_rounded_down() {
    for text in [format!("{}.999", NOW_S + 3600), "1.8000036e9".to_owned()] {
        let token = signed_text(job_text_with("exp", &text));
        let principal = assert_accepted(&text, &token);
        assert_eq!(
            principal.token().expires,
            Time::from_secs(NOW_S + 3600),
            "{text}"
        );
    }
}

#[test]
fn what_must_be_there_is_missed() {
    for (name, reason) in [
        ("exp", Reason::MalformedToken),
        ("iat", Reason::MalformedToken),
        ("iss", Reason::MalformedToken),
        ("sub", Reason::MalformedToken),
        ("aud", Reason::WrongAudience),
    ] {
        assert_refused(name, &signed(&job_without(name)), reason);
    }
    for name in [
        "jti",
        "nbf",
        "sha",
        "ref_type",
        "user_login",
        "environment",
        "runner_id",
    ] {
        assert_accepted(name, &signed(&job_without(name)));
    }
}

#[test]
fn a_token_that_lives_too_long_is_refused() {
    let day_s = 24 * 3600;
    assert_accepted("a day", &signed(&job_with("exp", json!(NOW_S + day_s))));
    for exp in [NOW_S + day_s + 1, NOW_S * 1000, 1 << 53] {
        let token = signed(&job_with("exp", json!(exp)));
        assert_refused(&exp.to_string(), &token, Reason::LifetimeTooLong);
    }
    let mut milliseconds = job();
    claims::put(
        &mut milliseconds,
        json!({
            "iat": NOW_S * 1000, "nbf": NOW_S * 1000, "exp": (NOW_S + 3600) * 1000,
        }),
    );
    assert_refused(
        "milliseconds",
        &signed(&milliseconds),
        Reason::LifetimeTooLong,
    );
    let old = signed(&job_with("iat", json!(NOW_S - 2 * day_s)));
    assert_refused("issued long ago", &old, Reason::LifetimeTooLong);
    let ancient = signed(&job_with("iat", json!(-1e15)));
    assert_refused("issued before time", &ancient, Reason::LifetimeTooLong);
    let backwards = job_with("exp", json!(NOW_S - 10));
    assert_refused(
        "ends before it begins",
        &signed(&backwards),
        Reason::MalformedToken,
    );
}

#[test]
fn a_claim_of_the_wrong_type_is_malformed() {
    let required = [
        "sub",
        "project_path",
        "project_id",
        "ref",
        "pipeline_source",
        "pipeline_id",
        "job_id",
    ];
    let optional = [
        "ref_type",
        "ref_protected",
        "environment",
        "environment_protected",
        "deployment_tier",
        "sha",
        "job_project_id",
        "job_project_path",
        "jti",
    ];
    let wrong = [
        json!(20),
        json!(true),
        json!(null),
        json!(["x"]),
        json!({ "a": 1 }),
        json!(1.5),
    ];
    for name in required.into_iter().chain(optional) {
        for value in &wrong {
            let token = signed(&job_with(name, value.clone()));
            assert_refused(&format!("{name} {value}"), &token, Reason::MalformedToken);
        }
    }
    for name in required {
        let token = signed(&job_with(name, json!("")));
        assert_refused(&format!("{name} empty"), &token, Reason::MalformedToken);
    }
    assert_accepted(
        "GitLab writes null",
        &signed(&job_with("user_login", json!(null))),
    );
    for value in [json!(417), json!(true), json!(["dana"])] {
        let token = signed(&job_with("user_login", value));
        assert_refused("user_login", &token, Reason::MalformedToken);
    }
}

#[test]
fn a_payload_that_is_not_one_strict_object_is_malformed() {
    let good = Value::Object(job()).to_string();
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let payloads: Vec<Vec<u8>> = vec![
        b"[]".to_vec(),
        b"\"x\"".to_vec(),
        b"null".to_vec(),
        b"1".to_vec(),
        Vec::new(),
        format!("[{good}]").into_bytes(),
        format!("\u{feff}{good}").into_bytes(),
        utf16,
        good.replace("dana", "da\u{0}na").into_bytes(),
        [good.as_bytes(), b"x"].concat(),
        [good.as_bytes(), good.as_bytes()].concat(),
        [good.as_bytes(), b"\0"].concat(),
        format!("{good}//x").into_bytes(),
        format!("/**/{good}").into_bytes(),
        good.replace("}", ",}").into_bytes(),
        good.replace('"', "'").into_bytes(),
        [b"{\"a\":\"\xff\",".as_slice(), &good.as_bytes()[1..]].concat(),
        [b"{\"a\":\"\xc0\xaf\",".as_slice(), &good.as_bytes()[1..]].concat(),
        [
            b"{\"a\":\"\xed\xa0\x80\",".as_slice(),
            &good.as_bytes()[1..],
        ]
        .concat(),
        [b"{\"a\":\"\\ud800\",".as_slice(), &good.as_bytes()[1..]].concat(),
        good.as_bytes()[..good.len() - 1].to_vec(),
        good.as_bytes()[1..].to_vec(),
    ];
    for (place, payload) in payloads.iter().enumerate() {
        let case = format!("{place}: {}", String::from_utf8_lossy(payload));
        assert_refused(&case, &signed_text(payload), Reason::MalformedToken);
    }
}

#[test]
fn what_is_huge_or_deep_is_refused_quickly() {
    let begun = std::time::Instant::now();
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let nested = format!("{}1{}", "{\"a\":".repeat(1_000), "}".repeat(1_000));
    let many: String = (0..100_000).map(|n| format!("\"c{n}\":1,")).collect();
    let good = Value::Object(job()).to_string();
    for (case, token) in [
        ("deep arrays", signed_text(job_text_with("x", &deep))),
        ("deep objects", signed_text(job_text_with("x", &nested))),
        (
            "64 KiB claim",
            signed(&job_with("x", json!("a".repeat(64 * 1024)))),
        ),
        ("1 MiB", "a".repeat(1024 * 1024)),
        ("1 MiB of dots", ".".repeat(1024 * 1024)),
        ("16 KiB of dots", ".".repeat(16 * 1024)),
        (
            "100,000 claims",
            signed_text(format!("{{{many}{}", good.strip_prefix('{').unwrap())),
        ),
    ] {
        assert_refused(case, &token, Reason::MalformedToken);
    }
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
    let room = signed(&job_with("x", json!("a".repeat(9_000))));
    assert!(room.len() < 16 * 1024);
    assert_accepted("below the limit", &room);
}

#[test]
fn a_token_that_was_issued_too_long_ago_is_refused_whatever_its_end() {
    let token = signed(&job());
    let mut young = gitlab();
    young.longest_age_s = 600;
    for (age_ms, accepted) in [
        (0, true),
        (600_000, true),
        (630_000, true),
        (630_001, false),
        (3_000_000, false),
    ] {
        let outcome = examined(&token, &young, Time::from_ms(NOW_S * 1000 + age_ms)).outcome;
        match accepted {
            true => assert!(outcome.is_ok(), "{age_ms}: {outcome:?}"),
            false => assert_is(&age_ms.to_string(), outcome, Reason::Expired),
        }
    }
    let told = examined(&token, &young, Time::from_secs(NOW_S + 900)).outcome;
    let told = told.unwrap_err().told().to_owned();
    assert!(told.contains("issued 15 min ago"), "{told}");
    assert!(told.contains("none older than 10 min"), "{told}");
}
