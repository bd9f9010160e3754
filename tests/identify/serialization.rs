//! The text of a token: parts and encodings (T9, T10, T39).

use super::*;

fn parts(token: &str) -> [String; 3] {
    let parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

#[test]
fn what_is_not_three_parts_is_malformed() {
    let token = signed(&job());
    let [header, payload, signature] = parts(&token);
    for (case, text) in [
        ("nothing", String::new()), ("an API key", "3f9c2e1b7a".to_owned()), ("a word", "x".to_owned()),
        ("one dot", format!("{header}.{payload}")), ("two dots alone", "..".to_owned()),
        ("detached", format!("{header}..{signature}")), ("no header", format!(".{payload}.{signature}")),
        ("four parts", format!("{token}.{signature}")), ("trailing dot", format!("{token}.")),
        ("leading dot", format!(".{token}")), ("five parts", format!("{token}.a.b")),
        ("five empty parts", "....".to_owned()), ("six parts", format!("{token}.a.b.c")),
        ("two tokens", format!("{token} {token}")), ("doubled", format!("{token}{token}")),
        ("flattened JSON", json!({ "protected": header, "payload": payload, "signature": signature }).to_string()),
        ("general JSON", json!({ "payload": payload, "signatures": [{ "protected": header, "signature": signature }] }).to_string()),
        ("tilde", format!("{token}~")), ("quoted", format!("\"{token}\"")),
    ] {
        assert_refused(case, &text, Reason::MalformedToken);
    }
}

#[test]
fn an_api_key_is_told_what_to_remove() {
    let refusal = outcome("9f86d081884c7d659a2feaa0c55ad015").unwrap_err();
    assert_eq!(refusal.reason(), Reason::MalformedToken);
    assert!(
        refusal.told().contains("LIGHTSTEP_API_KEY"),
        "{}",
        refusal.told()
    );
    assert!(!refusal.told().contains("9f86"));
}

#[test]
fn a_token_in_a_token_is_malformed() {
    let inner = signed(&job());
    assert_refused("nested", &signed_text(&inner), Reason::MalformedToken);
    assert_refused(
        "quoted",
        &signed_text(json!(inner).to_string()),
        Reason::MalformedToken,
    );
}

#[test]
fn every_part_must_be_canonical_base64url() {
    let token = signed(&job());
    for place in 0..3 {
        let part = parts(&token)[place].clone();
        let (first, rest) = part.split_at(1);
        let changed: Vec<(&str, String)> = vec![
            ("padding", format!("{part}=")),
            ("double padding", format!("{part}==")),
            ("space before", format!(" {part}")),
            ("space after", format!("{part} ")),
            ("space inside", format!("{first} {rest}")),
            ("newline", format!("{first}\n{rest}")),
            ("tab", format!("{first}\t{rest}")),
            ("NUL", format!("{part}\0")),
            ("plus", format!("{first}+{rest}")),
            ("slash", format!("{first}/{rest}")),
            ("percent", format!("{first}%2B{rest}")),
            ("not ASCII", format!("{first}é{rest}")),
            ("comma", format!("{first},{rest}")),
        ];
        for (case, text) in changed {
            let mut all = parts(&token);
            all[place] = text;
            assert_refused(
                &format!("{case} in part {place}"),
                &all.join("."),
                Reason::MalformedToken,
            );
        }
    }
}

#[test]
fn stray_bits_in_a_last_letter_are_malformed_in_every_part() {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut tried = 0;
    for filler in ["", "a", "aa"] {
        let claims = job_with("filler", json!(filler));
        let mut header = mint::header(&BENCH.rsa);
        header.insert("filler".to_owned(), json!(filler));
        let token = mint::mint_with(&header, &claims, &BENCH.rsa);
        assert_accepted(filler, &token);
        for place in 0..3 {
            let mut all = parts(&token);
            if all[place].len().is_multiple_of(4) {
                continue; // every bit of the last letter counts
            }
            let last = all[place].pop().unwrap();
            let value = alphabet.find(last).unwrap();
            all[place].push(alphabet.chars().nth(value + 1).unwrap());
            // Signed anew over the changed letters, so that only their spelling can be the reason.
            let text = match place {
                2 => all.join("."),
                _ => mint::sign_parts(&all[0], &all[1], Signer::Key(&BENCH.rsa)),
            };
            assert_refused(&format!("part {place}"), &text, Reason::MalformedToken);
            tried += 1;
        }
    }
    assert!(tried >= 5, "{tried}");
}

#[test]
fn a_padded_payload_is_malformed_even_when_signed_so() {
    let [header, payload, _] = parts(&signed(&job()));
    for payload in [
        format!("{payload}="),
        format!("{payload}=="),
        payload.replace(['-', '_'], "+") + "+",
    ] {
        let token = mint::sign_parts(&header, &payload, Signer::Key(&BENCH.rsa));
        assert_refused(&payload, &token, Reason::MalformedToken);
    }
}

#[test]
fn a_header_that_is_not_one_strict_object_is_malformed() {
    let good = Value::Object(mint::header(&BENCH.rsa)).to_string();
    for header in [
        String::new(),
        "[]".to_owned(),
        "null".to_owned(),
        "\"x\"".to_owned(),
        format!("[{good}]"),
        format!("\u{feff}{good}"),
        format!("{good}x"),
        format!("{good}{good}"),
        format!("{good}//"),
    ] {
        let token = mint::compose(
            &header,
            Value::Object(job()).to_string(),
            Signer::Key(&BENCH.rsa),
        );
        assert_refused(&header, &token, Reason::MalformedToken);
    }
}

#[test]
fn no_token_with_one_letter_changed_is_accepted() {
    let token = mint::mint(&job(), &BENCH.ec);
    assert_accepted("as it is", &token);
    for place in 0..token.len() {
        for letter in [b'A', b'_', b'.', b'='] {
            let mut changed = token.clone().into_bytes();
            if changed[place] == letter {
                continue;
            }
            changed[place] = letter;
            let changed = String::from_utf8(changed).unwrap();
            assert!(outcome(&changed).is_err(), "{letter} at {place}");
        }
    }
}

#[test]
fn no_token_with_a_letter_missing_or_cut_off_is_accepted() {
    let token = mint::mint(&job(), &BENCH.ec);
    for place in 0..token.len() {
        let mut missing = token.clone();
        missing.remove(place);
        assert!(outcome(&missing).is_err(), "without {place}");
        assert!(outcome(token.split_at(place).0).is_err(), "up to {place}");
    }
}
