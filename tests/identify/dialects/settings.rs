//! What can be set for each dialect, and what no token of it could be trusted with.

use super::*;
use stile::clock::Clock;
use stile::identify::Issuers;

fn fault_of(change: impl FnOnce(&mut IssuerSettings), sample: &str) -> Option<String> {
    let mut settings = Sample::named(sample).settings;
    change(&mut settings);
    let built = Issuers::build(vec![settings], Clock::machine());
    built.err().map(|fault| fault.to_string())
}

#[test]
fn the_settings_of_every_sample_can_be_trusted() {
    for sample in Sample::all() {
        assert_eq!(fault_of(|_| {}, &sample.name), None, "{}", sample.name);
    }
}

#[test]
fn settings_that_no_token_should_be_trusted_with_are_refused() {
    type Change = fn(&mut IssuerSettings);
    let cases: [(&str, &str, Change); 7] = [
        ("entra-person", "not one tenant", |one| {
            one.url = "https://login.microsoftonline.com/common/v2.0".to_owned();
        }),
        ("entra-person", "not one tenant", |one| {
            one.url = "https://login.microsoftonline.com/organizations/v2.0".to_owned();
        }),
        ("entra-person", "not one tenant", |one| {
            one.url = one.url.replace("/v2.0", "/");
        }),
        ("entra-person", "not one tenant", |one| {
            one.url = one.url.to_uppercase().replace("HTTPS", "https");
        }),
        ("auth0-person", "no slash", |one| {
            one.url = "https://acme.eu.auth0.com".to_owned();
        }),
        ("github-push", "an account at GitHub", |one| {
            one.audiences = vec!["https://github.com/acme".to_owned()];
        }),
        ("google-person", "is the issuer itself", |one| {
            one.audiences = vec!["https://accounts.google.com".to_owned()];
        }),
    ];
    for (sample, word, change) in cases {
        let fault = fault_of(change, sample).unwrap_or_else(|| panic!("{sample}: {word}"));
        assert!(fault.contains(word), "{word}: {fault}");
    }
}

#[test]
fn the_type_in_the_header_is_one_that_the_dialect_has() {
    for (word, _, accepted) in DIALECTS {
        let sample = Sample::named(accepted);
        let outcome = |typ: Option<&str>| {
            let mut header = mint::header(&BENCH.ec);
            header.remove("typ");
            if let Some(typ) = typ {
                header.insert("typ".to_owned(), json!(typ));
            }
            let header = Value::Object(header).to_string();
            let payload = Value::Object(sample.claims.clone()).to_string();
            let token = mint::compose(header, payload, Signer::Key(&BENCH.ec));
            examined(&token, &sample.settings, Time::from_secs(NOW_S)).outcome
        };
        for typ in [None, Some("JWT"), Some("jwt"), Some("application/jwt")] {
            assert!(outcome(typ).is_ok(), "{word}: {typ:?}");
        }
        let access_tokens = ["okta", "keycloak", "auth0", "openid"].contains(&word);
        for typ in ["at+jwt", "application/AT+JWT"] {
            assert_eq!(outcome(Some(typ)).is_ok(), access_tokens, "{word}: {typ}");
        }
        for typ in [
            "logout+jwt",
            "secevent+jwt",
            "dpop+jwt",
            "kb+jwt",
            "oauth-authz-req+jwt",
            "token-introspection+jwt",
            "global-token-revocation+jwt",
            "id+jwt",
            "JOSE",
            "",
            " JWT",
        ] {
            assert_is(
                &format!("{word}: {typ}"),
                outcome(Some(typ)),
                Reason::WrongType,
            );
        }
    }
}

#[test]
fn a_token_for_events_or_bound_to_a_key_is_refused_in_every_dialect() {
    for (_, _, accepted) in DIALECTS {
        let events = json!({ "https://schemas.openid.net/event/backchannel-logout": {} });
        let logout = Sample::named(accepted).with("events", events);
        logout.assert_refused(Reason::WrongType);
    }
}

#[test]
fn a_token_of_one_dialect_is_none_of_another() {
    let mut strangers = 0;
    for (word, _, accepted) in DIALECTS {
        for (other, _, sample) in DIALECTS {
            // A plain OpenID provider may word its tokens like any of those for people.
            if word == other || word == "openid" {
                continue;
            }
            let mut stranger = Sample::named(sample);
            let own = Sample::named(accepted).settings;
            stranger.claims.insert("iss".to_owned(), json!(own.url));
            stranger
                .claims
                .insert("aud".to_owned(), json!(own.audiences[0]));
            stranger.settings = own;
            // Who may use a client id is all that tells some kinds of access token apart.
            if let Ok(principal) = stranger.outcome() {
                let who = &principal.facts().who;
                assert!(
                    !matches!(who, Who::Job(_)),
                    "{word} took {other}'s for a job's"
                );
                let alike = [
                    ("auth0", "keycloak"),
                    ("auth0", "entra"),
                    ("auth0", "openid"),
                ];
                let google = word == "google" || (word == "auth0" && other == "google");
                assert!(
                    google || alike.contains(&(word, other)),
                    "{word} took {other}'s"
                );
            } else {
                strangers += 1;
            }
        }
    }
    assert!(strangers >= 35, "{strangers}");
}
