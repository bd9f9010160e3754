//! Every claim of every table, with every wrong form: exactly its reason, and never "absent".
//!
//! The cases come from the tables themselves, so a claim that is added has them, and a form that is
//! added does not compile without.

use super::*;

/// What is wrong for a claim of a form.
fn wrong(form: Form) -> Vec<Value> {
    let deep = |links: usize| {
        (0..links).fold(json!(null), |act, _| match act {
            Value::Null => json!({ "sub": "x" }),
            act => json!({ "sub": "x", "act": act }),
        })
    };
    let no_text = || {
        vec![
            json!(null),
            json!(true),
            json!(false),
            json!(0),
            json!(1),
            json!(-1),
            json!(1.5),
            json!(u64::MAX),
            json!([]),
            json!(["x"]),
            json!([["x"]]),
            json!({}),
            json!({ "x": "x" }),
        ]
    };
    let no_container = || {
        vec![
            json!(null),
            json!(true),
            json!(0),
            json!(1.5),
            json!("x"),
            json!(""),
        ]
    };
    let with = |mut values: Vec<Value>, more: Vec<Value>| {
        values.extend(more);
        values
    };
    match form {
        Form::Text | Form::Mark => with(no_text(), vec![json!("")]),
        Form::MaybeText | Form::Truth => no_text(),
        Form::NullableText => no_text().into_iter().filter(|v| !v.is_null()).collect(),
        Form::Flag => vec![
            json!(null),
            json!("true"),
            json!("false"),
            json!(""),
            json!(0),
            json!(1),
            json!([]),
            json!([true]),
            json!({}),
        ],
        Form::Number => vec![
            json!(null),
            json!(true),
            json!("1"),
            json!(""),
            json!(-1),
            json!(1.5),
            json!(1e300),
            json!([]),
            json!([1]),
            json!({}),
        ],
        Form::Texts => with(
            no_container(),
            vec![
                json!({}),
                json!({ "0": "x" }),
                json!([1]),
                json!([null]),
                json!([true]),
                json!(["x", 1]),
                json!([["x"]]),
                json!([{}]),
            ],
        ),
        Form::Words => vec![
            json!(null),
            json!(true),
            json!(0),
            json!(1.5),
            json!({}),
            json!({ "x": "x" }),
            json!([1]),
            json!([null]),
            json!(["x", 1]),
            json!([["x"]]),
            json!([""]),
            json!(["x", ""]),
            json!(["a b"]),
            json!(["a\tb"]),
            json!(["a\u{a0}b"]),
            json!("a\tb"),
            json!("a\nb"),
            json!("a\u{a0}b"),
            json!("a\u{3000}b"),
        ],
        Form::Actors => with(
            no_container(),
            vec![
                json!([]),
                json!([{ "sub": "x" }]),
                json!({}),
                json!({ "sub": "" }),
                json!({ "sub": 1 }),
                json!({ "sub": null }),
                json!({ "sub": ["x"] }),
                json!({ "sub": "x".repeat(256) }),
                json!({ "iss": "https://a.example" }),
                json!({ "sub": "x", "iss": 1 }),
                json!({ "sub": "x", "iss": "" }),
                json!({ "sub": "x", "iss": null }),
                json!({ "sub": "x", "act": null }),
                json!({ "sub": "x", "act": "y" }),
                json!({ "sub": "x", "act": {} }),
                json!({ "sub": "x", "act": [{ "sub": "y" }] }),
                json!({ "sub": "x", "act": { "sub": "y", "act": { "sub": 1 } } }),
                deep(5),
                deep(12),
            ],
        ),
        Form::Object => with(no_container(), vec![json!([]), json!([{}])]),
        Form::Objects => with(
            no_container(),
            vec![
                json!({}),
                json!({ "x": {} }),
                json!([1]),
                json!(["x"]),
                json!([null]),
                json!([{}, 1]),
                json!([[]]),
            ],
        ),
        Form::Roles => with(no_container(), wrong_roles()),
        Form::RolesByClient => {
            let clients = wrong_roles().into_iter().chain(no_container());
            let clients = clients.map(|roles| json!({ "other": roles }));
            with(
                no_container(),
                with(clients.collect(), vec![json!([]), json!([{}])]),
            )
        }
        Form::Never => vec![
            json!(null),
            json!(true),
            json!(0),
            json!("x"),
            json!(""),
            json!([]),
            json!({}),
            json!({ "sub": "x" }),
        ],
    }
}

fn wrong_roles() -> Vec<Value> {
    vec![
        json!([]),
        json!(["x"]),
        json!({ "roles": null }),
        json!({ "roles": "x" }),
        json!({ "roles": 1 }),
        json!({ "roles": {} }),
        json!({ "roles": [1] }),
        json!({ "roles": ["x", null] }),
        json!({ "roles": [["x"]] }),
    ]
}

#[test]
fn every_claim_with_every_wrong_form_has_exactly_its_reason() {
    let mut cases = std::collections::BTreeSet::new();
    for (word, _, accepted) in DIALECTS {
        let sample = Sample::named(accepted);
        sample.who();
        for line in sample.settings.dialect.table() {
            let claim = sample.claim(line.claim);
            let reason = match line.form {
                Form::Never => Reason::WrongType,
                _ => Reason::MalformedToken,
            };
            for value in wrong(line.form) {
                let case = format!("{word}: {claim} = {value}");
                let broken = Sample::named(accepted).with(&claim, value);
                assert_is(&case, broken.outcome(), reason);
                assert!(cases.insert(case), "twice: {claim}");
            }
            let absent = match line.form {
                Form::Mark => Reason::WrongType,
                Form::Text => Reason::MalformedToken,
                _ => continue,
            };
            let case = format!("{word}: {claim} absent");
            let broken = Sample::named(accepted).without(&claim);
            assert_is(&case, broken.outcome(), absent);
            assert!(cases.insert(case), "twice: {claim}");
        }
    }
    println!("{} distinct cases", cases.len());
    assert!(cases.len() >= 1_500, "{} distinct cases", cases.len());
}

#[test]
fn the_claims_of_every_token_are_as_strict_in_every_dialect() {
    let mut cases = 0;
    for (word, _, accepted) in DIALECTS {
        let standard: [(&str, Form, Reason); 6] = [
            ("iss", Form::Text, Reason::MalformedToken),
            ("sub", Form::Text, Reason::MalformedToken),
            ("jti", Form::MaybeText, Reason::MalformedToken),
            ("exp", Form::Flag, Reason::MalformedToken),
            ("iat", Form::Flag, Reason::MalformedToken),
            ("nbf", Form::Flag, Reason::MalformedToken),
        ];
        for (claim, form, reason) in standard {
            // A wrong flag is a wrong time, too, but for what is a number.
            let values = wrong(form).into_iter();
            let values = values.filter(|value| form != Form::Flag || !value.is_number());
            for value in values {
                let case = format!("{word}: {claim} = {value}");
                if claim == "iss" && value == json!("") {
                    continue; // an issuer that nobody knows, and no malformed one
                }
                let broken = Sample::named(accepted).with(claim, value);
                assert_is(&case, broken.outcome(), reason);
                cases += 1;
            }
        }
        for value in wrong(Form::Text) {
            let case = format!("{word}: aud = {value}");
            let broken = Sample::named(accepted).with("aud", value);
            assert_is(&case, broken.outcome(), Reason::WrongAudience);
            cases += 1;
        }
        for claim in ["iss", "sub", "exp", "iat"] {
            let case = format!("{word}: {claim} absent");
            let broken = Sample::named(accepted).without(claim);
            assert_is(&case, broken.outcome(), Reason::MalformedToken);
            cases += 1;
        }
    }
    println!("{cases} distinct cases");
    assert!(cases >= 500, "{cases} distinct cases");
}

#[test]
fn every_form_has_wrong_values_and_some_claim() {
    for form in Form::ALL {
        assert!(wrong(form).len() >= 8, "{form:?}");
        let claims = DIALECTS.iter().flat_map(|(word, ..)| {
            let table = dialect(word, "groups".to_owned()).table();
            table.iter().filter(|line| line.form == form)
        });
        assert!(claims.count() > 0, "{form:?} is of no claim");
    }
}

#[test]
fn no_table_has_a_claim_twice() {
    for (word, ..) in DIALECTS {
        let table = dialect(word, "groups".to_owned()).table();
        let mut names: Vec<_> = table.iter().map(|line| line.claim).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all, "{word}");
    }
}
