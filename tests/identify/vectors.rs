//! Signatures that the RFCs print, made by nobody here: RFC 7515 A.2 and A.3, RFC 7520 4.1 and 4.2,
//! RFC 8037 A.4. Only public halves of keys are written down.

use jsonwebtoken::Algorithm;

use super::*;
use stile::identify::verify_signature_with_jwks;

struct Vector {
    name: &'static str,
    algorithm: Algorithm,
    key: Value,
    header: &'static str,
    payload: &'static str,
    signature: &'static str,
}

fn vectors() -> Vec<Vector> {
    install_crypto();
    let joe = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let frodo = "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4";
    let bilbo = json!({
        "kty": "RSA", "kid": "bilbo.baggins@hobbiton.example", "use": "sig", "e": "AQAB",
        "n": "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw",
    });
    vec![
        Vector {
            name: "RFC 7515 A.2",
            algorithm: Algorithm::RS256,
            key: json!({
                "kty": "RSA", "e": "AQAB",
                "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
            }),
            header: r#"{"alg":"RS256"}"#,
            payload: joe,
            signature: "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        },
        Vector {
            name: "RFC 7515 A.3",
            algorithm: Algorithm::ES256,
            key: json!({
                "kty": "EC", "crv": "P-256",
                "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            }),
            header: r#"{"alg":"ES256"}"#,
            payload: joe,
            signature: "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        },
        Vector {
            name: "RFC 7520 4.1",
            algorithm: Algorithm::RS256,
            key: bilbo.clone(),
            header: r#"{"alg":"RS256","kid":"bilbo.baggins@hobbiton.example"}"#,
            payload: frodo,
            signature: "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg",
        },
        Vector {
            name: "RFC 7520 4.2",
            algorithm: Algorithm::PS384,
            key: bilbo,
            header: r#"{"alg":"PS384","kid":"bilbo.baggins@hobbiton.example"}"#,
            payload: frodo,
            signature: "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw",
        },
        Vector {
            name: "RFC 8037 A.4",
            algorithm: Algorithm::EdDSA,
            key: json!({
                "kty": "OKP", "crv": "Ed25519",
                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            }),
            header: r#"{"alg":"EdDSA"}"#,
            payload: "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
            signature: "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        },
    ]
}

fn verified(token: &str, key: &Value, algorithm: Algorithm) -> Result<(), Reason> {
    let jwks = json!({ "keys": [key] }).to_string();
    verify_signature_with_jwks(token, jwks.as_bytes(), &[algorithm])
        .map_err(|refusal| refusal.reason())
}

#[test]
fn the_signatures_that_the_rfcs_print_verify_and_no_changed_one_does() {
    for vector in vectors() {
        let message = format!("{}.{}", mint::b64(vector.header), vector.payload);
        let check = |token: &str| verified(token, &vector.key, vector.algorithm);
        let name = vector.name;
        let good = format!("{message}.{}", vector.signature);
        assert_eq!(check(&good), Ok(()), "{name}");
        let other = format!("{}.{}", mint::b64(vector.header), mint::b64("{}"));
        let swapped = format!("{other}.{}", vector.signature);
        assert_eq!(
            check(&swapped),
            Err(Reason::BadSignature),
            "{name}: payload"
        );
        let spaced = vector.header.replace(':', ": ");
        let spaced = format!("{}.{}", mint::b64(spaced), vector.payload);
        let spaced = format!("{spaced}.{}", vector.signature);
        assert_eq!(check(&spaced), Err(Reason::BadSignature), "{name}: header");
        for place in 0..vector.signature.len() - 1 {
            let letter = if &vector.signature[place..=place] == "A" {
                "B"
            } else {
                "A"
            };
            let (before, after) = (&vector.signature[..place], &vector.signature[place + 1..]);
            let changed = format!("{message}.{before}{letter}{after}");
            assert_eq!(
                check(&changed),
                Err(Reason::BadSignature),
                "{name}: {place}"
            );
        }
    }
}

#[test]
fn a_printed_signature_is_no_token_of_anybodys() {
    for vector in vectors() {
        let token = format!(
            "{}.{}.{}",
            mint::b64(vector.header),
            vector.payload,
            vector.signature
        );
        let jwks = json!({ "keys": [vector.key] }).to_string();
        let now = Time::from_secs(NOW_S);
        let outcome = verify_with_jwks(&token, jwks.as_bytes(), &gitlab(), now).outcome;
        let reason = match vector.payload.starts_with("eyJ") {
            true => Reason::UnknownIssuer,
            false => Reason::MalformedToken,
        };
        assert_is(vector.name, outcome, reason);
    }
}
