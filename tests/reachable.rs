//! Every [`Reason`] is met by a real request to the real program.
//!
//! The `match` in [`provoke`] has no wildcard: a new reason does not compile until somebody has
//! said how a caller meets it. Each is asserted in the status, in the body, in the journal, and by
//! what the upstream saw.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use stile::clock::{Clock, Time};
use stile::record::{Identity, Journal, JournalSettings, Levels};
use stile::refusal::{Effect, Reason};
use stile_kit::issuer::claims;
use stile_kit::mint::{self, Signer, SigningKey};
use stile_kit::tls::DevCa;
use stile_kit::upstream::{Script, Upstream};
use stile_kit::{Call, Fault, Ground, World};
use tokio::io::AsyncWriteExt;

use crate::hostile::raw::{self, RawAnswer, authority, connect};
use crate::support::{close, ground, program, records};

/// Where the word is written down.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Written {
    /// In the decision: the request was refused.
    Decision,
    /// In the outcome: it was allowed, then it failed.
    Outcome,
}

/// What a reason looked like from outside.
struct Met {
    status: StatusCode,
    word: String,
    decision: String,
    retry_after: bool,
}

impl Met {
    fn of(answer: &stile_kit::Answer) -> Met {
        Met {
            status: answer.status,
            word: answer.json()["reason"].as_str().unwrap_or("").to_owned(),
            decision: answer.field("stile-decision").to_owned(),
            retry_after: !answer.field("retry-after").is_empty(),
        }
    }

    fn raw(answer: &RawAnswer) -> Met {
        Met {
            status: answer.status,
            word: answer.reason(),
            decision: answer.field("stile-decision").to_owned(),
            retry_after: !answer.field("retry-after").is_empty(),
        }
    }

    fn is(&self, reason: Reason) {
        assert_eq!(self.word, reason.word(), "{}", self.status);
        assert_eq!(self.status, reason.status(), "{}", self.word);
        assert_eq!(
            self.retry_after,
            reason.retry_after_s().is_some(),
            "{reason:?}"
        );
        assert!(!self.decision.is_empty(), "{reason:?} names no decision");
    }
}

/// How a reason is met.
enum Way {
    /// Through a world as it is; nothing reaches the upstream.
    Usual(fn(&World) -> Ask),
    /// Through a world of short patience whose upstream misbehaves.
    Upset {
        script: Script,
        ask: fn(&World) -> Ask,
        written: Written,
        seen: usize,
    },
    /// By a test of its own below, which this names.
    OwnTest(&'static str),
}

/// What is sent.
enum Ask {
    Call(Call),
    Raw(Vec<u8>),
}

/// How each reason is met. Without a wildcard on purpose.
fn provoke(reason: Reason) -> Way {
    use Way::{OwnTest, Upset, Usual};
    match reason {
        Reason::MalformedRequest => Usual(|w| get(w, "/x", "x_y: z\r\n")),
        Reason::AmbiguousFraming => Usual(|w| {
            get(
                w,
                "/x",
                "content-length: 1\r\ntransfer-encoding: chunked\r\n",
            )
        }),
        Reason::BadTarget => Usual(|w| get(w, "/a/../b", &bearer(&job(w)))),
        Reason::BadHost => Usual(|_| Ask::Raw(b"GET /x HTTP/1.1\r\naccept: */*\r\n\r\n".to_vec())),
        Reason::HeaderTooLarge => {
            Usual(|w| get(w, "/x", &format!("x-long: {}\r\n", "v".repeat(33_000))))
        }
        Reason::UnsupportedMedia => {
            OwnTest("telemetry_that_cannot_be_stamped_is_refused_by_its_reason")
        }
        Reason::UnstampableBody => {
            OwnTest("telemetry_that_cannot_be_stamped_is_refused_by_its_reason")
        }
        Reason::ProvenanceMismatch => {
            OwnTest("telemetry_that_cannot_be_stamped_is_refused_by_its_reason")
        }
        Reason::NoUpstreamKey => OwnTest("a_key_is_chosen_by_where_its_caller_belongs"),
        Reason::UriTooLong => Usual(|w| get(w, &format!("/{}", "p".repeat(9_000)), "")),
        Reason::Misdirected => Usual(|w| {
            let url = format!("{}/public/v0.2/other/projects", w.stile.url());
            Ask::Call(Call::new("GET", url).token(&job(w)))
        }),
        Reason::NoCredential => Usual(|w| Ask::Call(w.api("GET", "X/streams"))),
        Reason::MultipleCredentials => Usual(|w| {
            let call = w.api("GET", "X/streams").token(&job(w));
            Ask::Call(call.field("lightstep-access-token", &job(w)))
        }),
        Reason::MalformedToken => Usual(|w| with(w, "not.a.token")),
        Reason::AlgNotAllowed => Usual(|w| {
            let token = mint::compose(
                json!({"alg": "none", "typ": "JWT", "kid": w.gitlab.rsa().kid}).to_string(),
                serde_json::to_string(&w.job()).unwrap(),
                Signer::Fixed(b""),
            );
            with(w, &token)
        }),
        Reason::UnknownKey => Usual(|w| with(w, &mint::mint(&w.job(), &SigningKey::rs256()))),
        Reason::BadSignature => Usual(|w| {
            let mut foreign = SigningKey::rs256_unlike(&w.gitlab.rsa());
            foreign.kid = w.gitlab.rsa().kid;
            with(w, &mint::mint(&w.job(), &foreign))
        }),
        Reason::WeakKey => OwnTest("a_key_of_1024_bits_is_weak"),
        Reason::UnknownIssuer => Usual(|w| {
            with(
                w,
                &w.job_token(json!({"iss": "https://gitlab.example.com"})),
            )
        }),
        Reason::WrongAudience => {
            Usual(|w| with(w, &w.job_token(json!({"aud": "https://vault.example.com"}))))
        }
        Reason::WrongType => Usual(|w| {
            let mut header = mint::header(&w.gitlab.rsa());
            header.insert("typ".to_owned(), json!("logout+jwt"));
            with(w, &w.gitlab.mint_with(&header, &w.job(), &w.gitlab.rsa()))
        }),
        Reason::Expired => Usual(|w| with(w, &issued(w, -7200, 3600))),
        Reason::NotYetValid => Usual(|w| with(w, &issued(w, 600, 3600))),
        Reason::LifetimeTooLong => Usual(|w| with(w, &issued(w, 0, 25 * 3600))),
        Reason::Ended => OwnTest("who_was_ended_is_refused"),
        Reason::PeopleUnavailable => OwnTest("people_that_cannot_be_read_let_nobody_in"),
        Reason::SessionInvalid | Reason::LoginFailed | Reason::Csrf => {
            OwnTest("a_browser_that_has_not_signed_in_is_refused_by_what_it_lacks")
        }
        Reason::Replayed => OwnTest("a_token_that_counts_once_is_replayed"),
        Reason::NoOperation => Usual(|w| Ask::Call(w.api("GET", "X/nothing").token(&job(w)))),
        Reason::PolicyDenied => Usual(|w| creates(w, &w.feature_token())),
        Reason::PolicyError => OwnTest("a_policy_that_cannot_be_evaluated_allows_nothing"),
        Reason::RateLimited => OwnTest("who_asks_more_often_than_may_be_is_limited"),
        Reason::UpstreamResting => OwnTest("an_upstream_that_fails_again_and_again_rests"),
        Reason::IdpUnavailable => OwnTest("an_issuer_without_keys_is_unavailable"),
        Reason::ClockUntrusted => OwnTest("a_clock_a_day_behind_the_journal_is_not_believed"),
        Reason::AuditUnavailable => OwnTest("a_full_disk_refuses_and_space_brings_it_back"),
        Reason::AuditBackpressure => OwnTest("a_full_queue_refuses_and_forwards_nothing"),
        Reason::Overloaded => OwnTest("the_request_above_the_limit_is_turned_away"),
        Reason::Draining => OwnTest("a_stream_opened_while_draining_is_turned_away"),
        Reason::UnclearBody => OwnTest("a_body_that_is_judged_and_says_a_key_twice_is_unclear"),
        Reason::BodyTooLarge => Upset {
            script: Script::Well,
            ask: |w| {
                let token = job(w);
                let head = format!("content-length: 1048577\r\n{}", bearer(&token));
                raw_request(w, "POST", STREAMS, &head)
            },
            written: Written::Outcome,
            seen: 0,
        },
        Reason::ClientTimeout => Upset {
            script: Script::Well,
            ask: |_| Ask::Raw(b"GET /x HTTP/1.1\r\nhost: a\r\naccept".to_vec()),
            written: Written::Decision,
            seen: 0,
        },
        Reason::UpstreamTlsError => OwnTest("an_upstream_that_nobody_vouches_for_gets_no_key"),
        Reason::UpstreamBadResponse => Upset {
            script: Script::Raw(b"HTTP/1.1 200 OK\r\nx: a\rb\r\n\r\n".to_vec()),
            ask: |w| creates(w, &job(w)),
            written: Written::Outcome,
            seen: 1,
        },
        Reason::UpstreamUnreachable => Upset {
            script: Script::Refuse,
            ask: |w| creates(w, &job(w)),
            written: Written::Outcome,
            seen: 0,
        },
        Reason::UpstreamTimeout => Upset {
            script: Script::SlowHead(Duration::from_secs(5)),
            ask: |w| creates(w, &job(w)),
            written: Written::Outcome,
            seen: 1,
        },
    }
}

#[tokio::test]
async fn reasons_of_a_usual_world_are_met_and_nothing_goes_upstream() {
    let world = crate::support::world().await;
    for reason in Reason::ALL {
        if let Way::Usual(ask) = provoke(*reason) {
            let met = send(&world, ask(&world)).await;
            met.is(*reason);
            written(&world.stile.journal(), &met, *reason, Written::Decision).await;
            assert!(world.upstream.seen().is_empty(), "{reason:?} went upstream");
        }
    }
    close(world, &[]).await;
}

#[tokio::test]
async fn reasons_of_patience_and_upstreams_are_met() {
    let ground = ground()
        .await
        .with("journal:", "limits: { head_timeout: 1s }\njournal:");
    let lightstep = "    operations: lightstep\n";
    let world = serve(ground.with(lightstep, &format!("{lightstep}    head_timeout: 1s\n"))).await;
    for reason in Reason::ALL {
        let Way::Upset {
            script,
            ask,
            written: place,
            seen,
        } = provoke(*reason)
        else {
            continue;
        };
        let before = world.upstream.seen().len();
        world.upstream.script(script).await;
        let met = send(&world, ask(&world)).await;
        met.is(*reason);
        written(&world.stile.journal(), &met, *reason, place).await;
        assert_eq!(world.upstream.seen().len() - before, seen, "{reason:?}");
    }
    close(world, &[]).await;
}

#[test]
fn each_test_of_its_own_is_there() {
    let text = [
        include_str!("reachable.rs"),
        include_str!("directory/rule.rs"),
        include_str!("stamp/program.rs"),
        include_str!("upstream_keys.rs"),
    ]
    .concat();
    for reason in Reason::ALL {
        if let Way::OwnTest(name) = provoke(*reason) {
            assert!(text.contains(&format!("async fn {name}()")), "{name}");
        }
    }
}

#[tokio::test]
async fn a_browser_that_has_not_signed_in_is_refused_by_what_it_lacks() {
    let world = crate::people::world().await;
    let path = |path: &str| format!("{}{path}", world.stile.url());
    let me = Call::new("GET", path("/.stile/me"));
    let me = me.field("cookie", "__Host-stile=nobody");
    meets(&world, Ask::Call(me), Reason::SessionInvalid).await;
    let back = Call::new("GET", path("/.stile/callback?code=a&state=b"));
    meets(&world, Ask::Call(back), Reason::LoginFailed).await;
    let leave = Call::new("POST", path("/.stile/logout"));
    meets(&world, Ask::Call(leave), Reason::Csrf).await;
    close(world, &[]).await;
}

#[tokio::test]
async fn a_body_that_is_judged_and_says_a_key_twice_is_unclear() {
    let world = ground().await.serve(program()).await.unwrap();
    let token = world.person_token("mira@acme", &["lightstep-payments"]);
    let call = world.api("POST", "X/metric_dashboards").token(&token);
    let call = call.body("application/json", r#"{"data":{},"data":{}}"#);
    let answer = call.send().await.unwrap();
    Met::of(&answer).is(Reason::UnclearBody);
    assert_eq!(world.upstream.seen().len(), 0);
    close(world, &[token]).await;
}

#[tokio::test]
async fn a_key_of_1024_bits_is_weak() {
    let ground = ground().await;
    ground.gitlab.publish(
        json!({"kty": "RSA", "kid": "weak", "alg": "RS256", "use": "sig",
        "n": mint::b64([0xc5; 128]), "e": "AQAB"}),
    );
    let world = serve(ground).await;
    let mut key = SigningKey::rs256();
    key.kid = "weak".to_owned();
    meets(
        &world,
        with(&world, &mint::mint(&world.job(), &key)),
        Reason::WeakKey,
    )
    .await;
    close(world, &[]).await;
}

#[tokio::test]
async fn a_token_that_counts_once_is_replayed() {
    let ground = ground().await;
    let catalogue = ground
        .folder()
        .path()
        .join("policies/operations/lightstep.yaml");
    let text = std::fs::read_to_string(&catalogue).unwrap();
    let action = "action: streams.create\n";
    let once = text.replace(action, &format!("{action}    once: true\n"));
    std::fs::write(&catalogue, once).unwrap();
    let world = serve(ground).await;
    let token = world.job_token(json!({}));
    assert_eq!(send(&world, creates(&world, &token)).await.status, 200);
    meets(&world, creates(&world, &token), Reason::Replayed).await;
    close(world, &[token]).await;
}

#[tokio::test]
async fn who_was_ended_is_refused() {
    let mut ground = ground().await;
    ground.settings += "people: {}\n";
    let world = serve(ground).await;
    let settings = world.stile.folder().path().join("stile.yaml");
    let output = Command::new(program())
        .arg("--config")
        .arg(settings)
        .args([
            "sessions",
            "block",
            "--issuer",
            "gitlab",
            "--group",
            "acme/shop",
        ])
        .args(["--why", "a test"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    world.stile.waits_for("others are ended").await.unwrap();
    let token = world.job_token(json!({}));
    meets(&world, creates(&world, &token), Reason::Ended).await;
    assert_eq!(world.upstream.seen().len(), 0);
    close(world, &[token]).await;
}

#[tokio::test]
async fn people_that_cannot_be_read_let_nobody_in() {
    let mut ground = ground().await;
    let url = "postgres://stile@127.0.0.1:1/nothing\n";
    ground.folder().write_secret("people.url", url).unwrap();
    ground.settings += "people:\n  postgres_url_file: people.url\n";
    let world = serve(ground).await;
    let token = world.job_token(json!({}));
    meets(&world, creates(&world, &token), Reason::PeopleUnavailable).await;
    assert_eq!(world.upstream.seen().len(), 0);
    close(world, &[token]).await;
}

#[tokio::test]
async fn who_asks_more_often_than_may_be_is_limited() {
    let lightstep = "    operations: lightstep\n";
    let limits = "    limits: [{ rate: 1/h, actions: [streams.create] }]\n";
    let ground = ground().await;
    let world = serve(ground.with(lightstep, &format!("{lightstep}{limits}"))).await;
    let token = world.job_token(json!({}));
    assert_eq!(send(&world, creates(&world, &token)).await.status, 200);
    meets(&world, creates(&world, &token), Reason::RateLimited).await;
    close(world, &[token]).await;
}

#[tokio::test]
async fn an_upstream_that_fails_again_and_again_rests() {
    let lightstep = "    operations: lightstep\n";
    let rest = "    rest: { failures: 1, pause: 30s }\n";
    let ground = ground().await;
    let world = serve(ground.with(lightstep, &format!("{lightstep}{rest}"))).await;
    world.upstream.script(Script::Refuse).await;
    let token = world.job_token(json!({}));
    let failed = send(&world, creates(&world, &token)).await;
    failed.is(Reason::UpstreamUnreachable);
    let met = send(&world, creates(&world, &token)).await;
    met.is(Reason::UpstreamResting);
    let place = Written::Outcome;
    written(&world.stile.journal(), &met, Reason::UpstreamResting, place).await;
    close(world, &[token]).await;
}

#[tokio::test]
async fn a_policy_that_cannot_be_evaluated_allows_nothing() {
    let ground = ground().await;
    // Overflows whenever it is evaluated; a type checker cannot see that.
    let broken = "@id(\"overflows\") @deny(\"no\") @fix(\"none\")\nforbid (principal, action == Action::\"streams.create\", \
                  resource) when { context.date * 9223372036854775807 == 0 };\n";
    let rules = ground
        .folder()
        .path()
        .join("policies/guardrails/broken.cedar");
    std::fs::write(&rules, broken).unwrap();
    for entry in std::fs::read_dir(ground.folder().path().join("policies/tests")).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let world = serve(ground).await;
    let token = world.job_token(json!({}));
    meets(&world, creates(&world, &token), Reason::PolicyError).await;
    close(world, &[token]).await;
}

#[tokio::test]
async fn an_issuer_without_keys_is_unavailable() {
    let ground = ground().await;
    ground.gitlab.break_keys(Fault::Down);
    let world = serve(ground).await;
    let token = world.job_token(json!({}));
    meets(&world, creates(&world, &token), Reason::IdpUnavailable).await;
    close(world, &[token]).await;
}

#[tokio::test]
async fn a_clock_a_day_behind_the_journal_is_not_believed() {
    let ground = ground().await;
    let two_days_on = Time::from_secs(claims_now() + 2 * 86_400);
    let settings = JournalSettings {
        folder: ground.folder().path().join("journal"),
        origin: "stile.example.com/world".to_owned(),
        levels: Levels::default(),
        segment_bytes: 1 << 20,
        queue: 16,
        flood_threshold: 2_000,
        compress: true,
        commit_ms: 5_000,
        retention: Default::default(),
        tree: stile::record::TreeSettings::default(),
    };
    let identity = Identity {
        version: "0".to_owned(),
        config_digest: "sha256:0".to_owned(),
    };
    let opened = Journal::open(settings, Clock::fixed(two_days_on), identity).unwrap();
    opened.journal.close().await.unwrap();
    let world = serve(ground).await;
    let token = world.job_token(json!({}));
    meets(&world, creates(&world, &token), Reason::ClockUntrusted).await;
    let ready = Call::new("GET", format!("{}/readyz", world.stile.admin));
    let ready = ready.send().await.unwrap();
    assert_eq!(ready.status, 503, "{}", ready.text());
    assert!(ready.text().contains("clock_untrusted"), "{}", ready.text());
    close(world, &[token]).await;
}

#[tokio::test]
async fn a_full_disk_refuses_and_space_brings_it_back() {
    let ground = ground().await;
    let folder = ground.folder().path().join("journal");
    std::fs::create_dir_all(&folder).unwrap();
    let Some(_mounted) = Mounted::on(&folder, 8 << 20) else {
        eprintln!("skipped: this process may not mount a file system");
        return;
    };
    let ground = ground.with(
        "  folder: journal\n",
        "  folder: journal\n  segment_bytes: 1048576\n",
    );
    let world = serve(ground).await;
    let token = world.job_token(json!({}));
    let ballast = folder.join("ballast");
    let mut all = vec![0; 8 << 20];
    while std::fs::write(&ballast, &all).is_err() && all.len() > 4096 {
        all.truncate(all.len() - (64 << 10));
    }
    // The segment in use is filled first; then there is no room for the next one.
    let mut met = None;
    for _ in 0..4000 {
        let answer = send(&world, with(&world, &token)).await;
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            met = Some(answer);
            break;
        }
    }
    let met = met.expect("the disk was never full");
    met.is(Reason::AuditUnavailable);
    let before = world.upstream.seen().len();
    for _ in 0..5 {
        send(&world, creates(&world, &token))
            .await
            .is(Reason::AuditUnavailable);
    }
    assert_eq!(
        world.upstream.seen().len(),
        before,
        "forwarded without a record"
    );
    std::fs::remove_file(&ballast).unwrap();
    let mut back = false;
    for _ in 0..100 {
        back |= send(&world, creates(&world, &token)).await.status == StatusCode::OK;
        if back {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(back, "space came back and the journal did not");
    told_later(&world, &met, Reason::AuditUnavailable).await;
    close(world, &[token]).await;
}

#[tokio::test]
async fn a_full_queue_refuses_and_forwards_nothing() {
    let world = serve(
        ground()
            .await
            .with("  folder: journal\n", "  folder: journal\n  queue: 1\n"),
    )
    .await;
    let token = world.job_token(json!({}));
    let mut met = None;
    for _ in 0..20 {
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..48 {
            let Ask::Call(call) = creates(&world, &token) else {
                unreachable!()
            };
            callers.spawn(call.send());
        }
        for answer in callers.join_all().await {
            let answer = Met::of(&answer.unwrap());
            if answer.status != StatusCode::OK {
                met = Some(answer);
            }
        }
        if met.is_some() {
            break;
        }
    }
    let met = met.expect("the queue was never full");
    met.is(Reason::AuditBackpressure);
    for seen in world.upstream.seen() {
        assert_ne!(
            seen.value("stile-decision").unwrap(),
            met.decision,
            "it was forwarded"
        );
    }
    assert_eq!(
        send(&world, creates(&world, &token)).await.status,
        StatusCode::OK
    );
    told_later(&world, &met, Reason::AuditBackpressure).await;
    close(world, &[token]).await;
}

#[tokio::test]
async fn the_request_above_the_limit_is_turned_away() {
    let world = serve(
        ground()
            .await
            .with("journal:", "limits: { requests: 1 }\njournal:"),
    )
    .await;
    let token = world.job_token(json!({}));
    world
        .upstream
        .script(Script::SlowHead(Duration::from_secs(2)))
        .await;
    let Ask::Call(first) = creates(&world, &token) else {
        unreachable!()
    };
    let first = tokio::spawn(first.send());
    assert_eq!(world.upstream.wait_for(1).await.len(), 1);
    meets(&world, creates(&world, &token), Reason::Overloaded).await;
    assert_eq!(world.upstream.seen().len(), 1);
    assert_eq!(
        first.await.unwrap().unwrap().status,
        200,
        "the first was not disturbed"
    );
    close(world, &[token]).await;
}

#[tokio::test]
async fn a_stream_opened_while_draining_is_turned_away() {
    let world = crate::support::world().await;
    let token = world.person_token("mira@acme.example", &["lightstep-payments"]);
    world
        .upstream
        .script(Script::SlowHead(Duration::from_secs(3)))
        .await;
    // By hand and without answering pings: this caller never hears that it may open no more.
    let mut stream = connect(world.stile.url()).await;
    let open = |id: u32| {
        crate::hostile::frames::request(id, "GET", DASHBOARD, authority(world.stile.url()), &token)
    };
    let mut first = crate::hostile::frames::PREFACE.to_vec();
    first.extend(open(1));
    stream.write_all(&first).await.unwrap();
    assert_eq!(world.upstream.wait_for(1).await.len(), 1);
    world.stile.signal("TERM").unwrap();
    let ready = Call::new("GET", format!("{}/readyz", world.stile.admin));
    while ready
        .clone()
        .send()
        .await
        .is_ok_and(|answer| answer.status == 200)
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    stream.write_all(&open(3)).await.unwrap();
    let journal = world.stile.journal();
    let refused = |r: &crate::support::Recorded| r.word("reason") == Reason::Draining.word();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    while !records(&journal).iter().any(refused) {
        assert!(
            tokio::time::Instant::now() < deadline,
            "no request was turned away"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let bytes = raw::read_for(&mut stream, Duration::from_secs(5)).await;
    let said = String::from_utf8_lossy(&bytes);
    assert!(said.contains("\"reason\":\"draining\""), "{said}");
    assert_eq!(world.upstream.seen().len(), 1);
    let World {
        stile,
        upstream: _upstream,
        ..
    } = world;
    let (status, folder, said) = stile.stop().await.unwrap();
    assert!(status.success(), "{said}");
    crate::support::whole(&folder);
}

#[tokio::test]
async fn an_upstream_that_nobody_vouches_for_gets_no_key() {
    let ground = ground().await;
    let stranger = Upstream::start_tls(&DevCa::new()).await;
    let (usual, url) = (ground.upstream.url(), stranger.url());
    let world = serve(ground.with(&usual, &url)).await;
    let token = world.job_token(json!({}));
    let met = send(&world, creates(&world, &token)).await;
    met.is(Reason::UpstreamTlsError);
    written(
        &world.stile.journal(),
        &met,
        Reason::UpstreamTlsError,
        Written::Outcome,
    )
    .await;
    assert!(stranger.seen().is_empty(), "a stranger saw a request");
    close(world, &[token]).await;
}

async fn serve(ground: Ground) -> World {
    ground.serve(program()).await.unwrap()
}

/// Sends it and asserts everything about a refusal before the commit.
async fn meets(world: &World, ask: Ask, reason: Reason) {
    let before = world.upstream.seen().len();
    let met = send(world, ask).await;
    met.is(reason);
    written(&world.stile.journal(), &met, reason, Written::Decision).await;
    assert_eq!(
        world.upstream.seen().len(),
        before,
        "{reason:?} went upstream"
    );
}

async fn send(world: &World, ask: Ask) -> Met {
    match ask {
        Ask::Call(call) => Met::of(&call.send().await.unwrap()),
        Ask::Raw(bytes) => {
            let answers = raw::exchange(world.stile.url(), &bytes).await;
            assert_eq!(answers.len(), 1, "{answers:?}");
            Met::raw(&answers[0])
        }
    }
}

/// The word is in the journal where it belongs, and only there.
async fn written(journal: &Path, met: &Met, reason: Reason, place: Written) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    loop {
        let all = records(journal);
        let own = |field: &str| all.iter().find(|r| r.word(field) == met.decision).cloned();
        let decision = own("id").expect("no record of the decision");
        let outcome = own("ref");
        match (place, outcome) {
            (Written::Decision, outcome) => {
                assert_eq!(decision.word("reason"), reason.word());
                assert_eq!(decision.word("decision"), reason.effect().word());
                assert!(outcome.is_none(), "a refusal has an outcome");
                return;
            }
            (Written::Outcome, Some(outcome)) => {
                assert_eq!(decision.word("decision"), "allow", "{decision:?}");
                assert_eq!(decision.word("reason"), "");
                assert_eq!(outcome.word("reason"), reason.word(), "{outcome:?}");
                assert_ne!(reason.effect(), Effect::Deny);
                return;
            }
            (Written::Outcome, None) if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            _ => panic!("{reason:?} is not written as {place:?}"),
        }
    }
}

/// It has no record of its own; its number is told once the journal takes records again.
async fn told_later(world: &World, met: &Met, reason: Reason) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(8);
    loop {
        let all = records(&world.stile.journal());
        assert!(
            all.iter()
                .all(|r| r.word("id") != met.decision || r.word("decision") == "allow")
        );
        let told =
            |r: &crate::support::Recorded| r.is("event") && count_in(&r.json, reason.word()) > 0;
        if all.iter().any(told) {
            return;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "the number was never told"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
        send(world, Ask::Call(world.api("GET", "X/streams"))).await;
    }
}

fn count_in(json: &Value, name: &str) -> u64 {
    match json {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| match key == name {
                true => value.as_u64().unwrap_or(0),
                false => count_in(value, name),
            })
            .sum(),
        _ => 0,
    }
}

fn job(world: &World) -> String {
    world.job_token(json!({}))
}

fn issued(world: &World, from_now_s: i64, lives_s: u64) -> String {
    let mut job = world.job();
    let from = claims_now().saturating_add_signed(from_now_s);
    claims::at(&mut job, from);
    claims::put(&mut job, json!({"exp": from + lives_s}));
    world.gitlab.mint(&job)
}

fn claims_now() -> u64 {
    claims::now_s()
}

fn with(world: &World, token: &str) -> Ask {
    Ask::Call(world.api("GET", "X/streams").token(token))
}

fn creates(world: &World, token: &str) -> Ask {
    let body = json!({"data": {"type": "stream",
        "attributes": {"name": "errors", "query": "service IN (\"checkout\")"}}});
    let call = world.api("POST", "X/streams").token(token);
    Ask::Call(call.body("application/vnd.api+json", body.to_string()))
}

fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

fn get(world: &World, target: &str, lines: &str) -> Ask {
    raw_request(world, "GET", target, lines)
}

fn raw_request(world: &World, method: &str, target: &str, lines: &str) -> Ask {
    let host = authority(world.stile.url());
    let head =
        format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{lines}\r\n");
    Ask::Raw(head.into_bytes())
}

const STREAMS: &str = "/public/v0.2/acme/projects/X/streams";
const DASHBOARD: &str = "/public/v0.2/acme/projects/X/metric_dashboards/checkout-latency";

/// A file system of its own, where this process may mount one.
struct Mounted<'a>(&'a Path);

impl Mounted<'_> {
    fn on(folder: &Path, bytes: u64) -> Option<Mounted<'_>> {
        let size = format!("size={bytes}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder)
            .status()
            .is_ok_and(|status| status.success());
        mounted.then_some(Mounted(folder))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}
