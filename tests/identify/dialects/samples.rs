//! Each sample becomes exactly the facts beside it.

use super::*;

#[test]
fn every_sample_becomes_what_stands_beside_it() {
    for sample in Sample::all() {
        let name = &sample.name;
        match (sample.outcome(), &sample.becomes, &sample.refused) {
            (Ok(principal), Some(becomes), None) => {
                let facts = serde_json::to_value(principal.facts()).unwrap();
                assert_eq!(&facts, becomes, "{name}: {facts:#}");
            }
            (Err(refusal), None, Some((reason, told))) => {
                assert_eq!(refusal.reason().word(), reason, "{name}: {refusal:?}");
                assert!(refusal.told().contains(told), "{name}: {}", refusal.told());
            }
            (Ok(principal), ..) => {
                let facts = serde_json::to_value(principal.facts()).unwrap();
                panic!("{name}: becomes {facts:#}");
            }
            (Err(refusal), ..) => panic!("{name}: refused: {refusal:?}"),
        }
    }
}

#[test]
fn every_dialect_has_samples_that_are_accepted() {
    for (word, _, accepted) in DIALECTS {
        let sample = Sample::named(accepted);
        assert_eq!(
            sample.settings.dialect,
            dialect(word, sample.claim("{groups}")),
            "{word}"
        );
        sample.who();
    }
}

#[test]
fn no_claim_of_a_sample_but_free_ones_is_in_no_table() {
    for (_, _, accepted) in DIALECTS {
        let sample = Sample::named(accepted);
        let table = sample.settings.dialect.table();
        for claim in sample.claims.keys() {
            let listed = table.iter().any(|line| sample.claim(line.claim) == *claim);
            let known = STANDARD.contains(&claim.as_str()) || UNREAD.contains(&claim.as_str());
            assert!(listed || known, "{accepted}: `{claim}`");
        }
    }
}

fn kept(principal: &Principal) -> Vec<(&'static str, serde_json::Value)> {
    let kept = principal.token().kept_claims.unpacked();
    [kept.plain, kept.personal].concat()
}

#[test]
fn records_keep_what_the_table_says_and_no_address_of_a_person() {
    for sample in Sample::all() {
        let Ok(principal) = sample.outcome() else {
            continue;
        };
        for (claim, value) in kept(&principal) {
            assert_eq!(sample.claims.get(claim), Some(&value), "{}", sample.name);
            let personal = ["email", "user_email", "preferred_username", "name", "jti"];
            assert!(!personal.contains(&claim), "{}: {claim}", sample.name);
        }
        let table = sample.settings.dialect.table();
        for line in table.iter().filter(|line| line.kept) {
            let kept = kept(&principal);
            let is_kept = kept.iter().any(|(claim, _)| *claim == line.claim);
            assert_eq!(
                is_kept,
                sample.claims.contains_key(line.claim),
                "{}",
                line.claim
            );
        }
    }
}

const STANDARD: [&str; 7] = ["iss", "aud", "exp", "nbf", "iat", "jti", "sub"];
/// What issuers write and nothing here reads.
const UNREAD: [&str; 5] = ["name", "aio", "rh", "allowed-origins", "_claim_sources"];
