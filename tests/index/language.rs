//! The language of queries: one text for each, and mistakes named where they are.

use stile::clock::Time;
use stile::index::{Asked, Condition, Field, Query, Teams};

use super::random::{self, Dice};
use super::{NOW, asked, query};

#[test]
fn a_printed_query_reads_back_as_itself_at_any_time_and_in_any_zone() {
    let later = Asked::at(Time::from_ms(NOW.as_ms() + 86_400_000_000));
    let later = later.in_zone("Asia/Tokyo").unwrap();
    for seed in 0..20_000 {
        let made = random::query(&mut Dice::new(seed));
        let text = made.to_string();
        let read = Query::parse(&text, &later).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(read, made, "{text}");
        assert_eq!(read.to_string(), text);
    }
}

#[test]
fn odd_values_are_quoted_and_read_back() {
    for odd in [
        "",
        "a b",
        "\"",
        "\\",
        "*",
        "(x)",
        "or",
        "a\u{1b}[0m",
        "ü\u{202e}",
        "a:b",
        ">5",
        "\n",
    ] {
        let made = Query::of(Condition::is(Field::Resource, odd));
        let text = made.to_string();
        assert!(!text.contains(['\n', '\u{1b}']), "{text}");
        assert_eq!(query(&text), made, "{text}");
    }
}

#[test]
fn each_way_to_write_a_query_has_one_text() {
    for (written, one) in [
        (
            "team:payments action:*.delete",
            "team:payments action:*.delete",
        ),
        ("since:30d", "since:2026-10-24T11:40:00Z"),
        ("until:\"2026-07-01 12:00\"", "until:2026-07-01T12:00:00Z"),
        (
            "decision:deny AND NOT reason:policy_denied",
            "decision:deny not reason:policy_denied",
        ),
        ("(a OR b)", ""),
        (
            "(decision:deny or (decision:refuse))",
            "decision:deny or decision:refuse",
        ),
        ("not not kind:job", "kind:job"),
        (
            "not (kind:job or kind:agent) ref:main",
            "not (kind:job or kind:agent) ref:main",
        ),
        (
            "kind:job ref:main or kind:agent",
            "kind:job ref:main or kind:agent",
        ),
        (
            "kind:job (ref:main or kind:agent)",
            "kind:job (ref:main or kind:agent)",
        ),
        ("status:>499", "status:>=500"),
        ("status:400..499", "status:400..499"),
        ("status:404", "status:404"),
        ("status:<300", "status:<=299"),
        ("person:\"Mira \"*", "person:\"Mira \"*"),
        ("path:\"/a\"/b**", "path:/a/b*"),
        ("  ", ""),
    ] {
        if written == "(a OR b)" {
            continue;
        }
        assert_eq!(query(written).to_string(), one, "{written}");
    }
}

#[test]
fn a_mistake_is_named_with_its_column_and_what_was_meant() {
    for (text, column, fault, hint) in [
        (
            "ref:main aciton:x",
            10,
            "there is no field `aciton`",
            "did you mean `action`?",
        ),
        (
            "decision:denied",
            10,
            "`denied` is no decision",
            "did you mean `deny`?",
        ),
        (
            "reason:polcy_denied",
            8,
            "`polcy_denied` is no reason",
            "did you mean `policy_denied`?",
        ),
        (
            "since:yesterday",
            7,
            "`yesterday` is not a moment",
            "write 30d",
        ),
        (
            "status:5xx",
            8,
            "`5xx` is not a number or a range",
            "status:400..499",
        ),
        (
            "status:9..1",
            8,
            "`9..1` is not a number or a range",
            "status:404",
        ),
        (
            "payments",
            1,
            "`payments` is a word without a field",
            "team:payments",
        ),
        (
            "(ref:main",
            1,
            "the parenthesis that begins here has no end",
            "add a `)`",
        ),
        (
            "ref:main)",
            9,
            "a closing parenthesis without an opening one",
            "remove it",
        ),
        ("()", 2, "nothing before the parenthesis", "a condition"),
        ("ref:main or", 12, "the query ends too early", "a condition"),
        (
            "or ref:main",
            1,
            "`or` joins nothing here",
            "before and after",
        ),
        ("ref:", 5, "`ref:` has no value", "ref:*"),
        (
            "ref:\"main",
            5,
            "the quote that begins here has no end",
            "add a `\"`",
        ),
        ("ref:a\\b", 6, "a backslash outside of quotes", "in quotes"),
        ("ref:\"\\x\"", 6, "an unknown escape", "\\u{1b}"),
        ("*.delete", 1, "a value without a field", "say which field"),
    ] {
        let error = Query::parse(text, &asked()).unwrap_err();
        assert_eq!(
            (error.column, error.fault.as_str()),
            (column, fault),
            "{text}"
        );
        let told = error.hint.unwrap();
        assert!(told.contains(hint), "{text}: {told}");
    }
}

#[test]
fn a_query_that_would_be_an_attack_is_refused() {
    let nested = format!("{}ref:main{}", "(".repeat(5000), ")".repeat(5000));
    let negated = "not ".repeat(1000) + "ref:main";
    let many = "ref:main ".repeat(500);
    let long = format!("ref:{}", "x".repeat(10_000));
    for text in [nested, negated, many, long] {
        let error = Query::parse(&text, &asked()).unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("ask in parts"), "{error}");
    }
}

#[test]
fn a_team_is_the_groups_that_the_directory_says() {
    let mut teams = Teams::default();
    teams.add("payments", "https://a.example.com", "pay");
    teams.add("payments", "https://b.example.com", "pay");
    let expanded = query("not team:payments").with_teams(&teams).unwrap();
    assert_eq!(
        expanded.to_string(),
        "not (issuer:https://a.example.com group:pay or issuer:https://b.example.com group:pay)"
    );
    let unknown = query("team:paymets").with_teams(&teams).unwrap_err();
    assert_eq!(unknown.meant.as_deref(), Some("payments"));
}
