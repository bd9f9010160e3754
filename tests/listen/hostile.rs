//! Heads with one thing wrong, by generator: fault x place x spelling.

use super::stand::{Answer, Call, Stand};

/// A head that differs from a good one in one thing.
struct Case {
    bytes: Vec<u8>,
    reasons: &'static [&'static str],
}

fn case(head: impl Into<Vec<u8>>, reasons: &'static [&'static str]) -> Case {
    Case {
        bytes: head.into(),
        reasons,
    }
}

/// A good request with these lines among its fields, first, in the middle and last.
fn with_lines(lines: &[u8]) -> Vec<Vec<u8>> {
    let (first, second): (&[u8], &[u8]) = (b"host: a.example\r\n", b"accept: */*\r\n");
    let start: &[u8] = b"POST /a HTTP/1.1\r\n";
    let end: &[u8] = b"\r\n0\r\n\r\nGET /b HTTP/1.1\r\nhost: a.example\r\n\r\n";
    vec![
        [start, lines, first, second, end].concat(),
        [start, first, lines, second, end].concat(),
        [start, first, second, lines, end].concat(),
    ]
}

const MALFORMED: &[&str] = &["malformed_request"];
const AMBIGUOUS: &[&str] = &["ambiguous_framing"];
const HOST: &[&str] = &["bad_host"];
const HOST_OR_SYNTAX: &[&str] = &["bad_host", "malformed_request"];
/// A hidden field: refused for its spelling, or as a second one.
const HIDDEN: &[&str] = &["malformed_request", "ambiguous_framing", "bad_host"];
const TARGET: &[&str] = &["bad_target"];
const TARGET_OR_SYNTAX: &[&str] = &["bad_target", "malformed_request"];

fn framing() -> Vec<Case> {
    let mut cases = Vec::new();
    let both_ways = |one: &str, other: &str| {
        [
            format!("{one}\r\n{other}\r\n"),
            format!("{other}\r\n{one}\r\n"),
        ]
    };
    for length in [
        "Content-Length: 5",
        "content-length:0",
        "CONTENT-LENGTH:\t5",
    ] {
        for chunked in [
            "Transfer-Encoding: chunked",
            "transfer-encoding:chunked",
            "TRANSFER-ENCODING: Chunked\t",
        ] {
            for lines in both_ways(length, chunked) {
                cases.extend(
                    with_lines(lines.as_bytes())
                        .into_iter()
                        .map(|b| case(b, AMBIGUOUS)),
                );
            }
        }
        let again = both_ways(length, "content-length: 5")
            .into_iter()
            .chain(both_ways(length, "Content-Length: 6"));
        for lines in again {
            cases.extend(
                with_lines(lines.as_bytes())
                    .into_iter()
                    .map(|b| case(b, AMBIGUOUS)),
            );
        }
    }
    for coding in [
        "",
        "gzip",
        "identity",
        "chunked, chunked",
        "gzip, chunked",
        "chunked, gzip",
        "cow, chunked",
        "identity, chunked",
        ", chunked",
        "chunked,",
        "chunked;a=b",
        "\"chunked\"",
        "xchunked",
        "chunkedx",
        "chunk ed",
        "'chunked'",
        "chunked chunked",
        "chunked\u{a0}",
        "\u{2003}chunked",
        "chunкed",
    ] {
        let lines = format!("Transfer-Encoding: {coding}\r\n");
        cases.extend(
            with_lines(lines.as_bytes())
                .into_iter()
                .map(|b| case(b, AMBIGUOUS)),
        );
    }
    for lines in both_ways("transfer-encoding: chunked", "Transfer-Encoding: chunked")
        .into_iter()
        .chain(both_ways(
            "transfer-encoding: chunked",
            "transfer-encoding: identity",
        ))
    {
        cases.extend(
            with_lines(lines.as_bytes())
                .into_iter()
                .map(|b| case(b, AMBIGUOUS)),
        );
    }
    for length in [
        "",
        " ",
        "+5",
        "-5",
        "0x5",
        "5,5",
        "5, 5",
        "5 5",
        "5;",
        "5.0",
        "5e0",
        "five",
        "\"5\"",
        "٥",
        "18446744073709551616",
        "9223372036854775808",
        "99999999999999999999999",
        "5\u{a0}",
    ] {
        let lines = format!("Content-Length: {length}\r\n");
        cases.extend(
            with_lines(lines.as_bytes())
                .into_iter()
                .map(|b| case(b, AMBIGUOUS)),
        );
    }
    cases
}

fn obfuscated() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, value) in [
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "5"),
        ("Host", "b.example"),
        ("X-Any", "1"),
    ] {
        for bad in [
            format!("{name} : {value}\r\n"),
            format!("{name}\t: {value}\r\n"),
            format!(" {name}: {value}\r\n"),
            format!("\t{name}: {value}\r\n"),
            format!("{name}\u{b}: {value}\r\n"),
            format!("{name}\0: {value}\r\n"),
            format!(
                "{}: {value}\r\n",
                name.replace('-', "_").replace("Host", "Ho_st")
            ),
            format!("{name}.: {value}\r\n"),
            format!("{name}\r\n: {value}\r\n"),
            format!("{name}\n: {value}\r\n"),
            format!("{name}\r: {value}\r\n"),
            format!("\"{name}\": {value}\r\n"),
            format!("{name}!: {value}\r\n"),
            format!("{name}\u{e9}: {value}\r\n"),
            format!("{name}\r\n"),
            format!(": {value}\r\n"),
            format!("{name}: {value}\n"),
            format!("{name}: {value}\r"),
            format!("{name}: {value}\r\r\n"),
            format!("{name}:\r\n {value}\r\n"),
            format!("{name}:\r\n\t{value}\r\n"),
            format!("{name}: \u{b}{value}\r\n"),
            format!("{name}: \u{c}{value}\r\n"),
            format!("{name}: \0{value}\r\n"),
            format!("{name}: {value}\0\r\n"),
            format!("{name}: {value}\u{7f}\r\n"),
            format!("{name}: {value}\u{1b}[0m\r\n"),
            format!("x: y\n{name}: {value}\r\n"),
            format!("x: y\r{name}: {value}\r\n"),
            format!("x: y\r\n {name}: {value}\r\n"),
        ] {
            cases.extend(
                with_lines(bad.as_bytes())
                    .into_iter()
                    .map(|b| case(b, HIDDEN)),
            );
        }
    }
    cases
}

fn request_line() -> Vec<Case> {
    let mut cases = Vec::new();
    let rest = "host: a.example\r\n\r\nGET /b HTTP/1.1\r\nhost: a.example\r\n\r\n";
    let mut add = |line: &str, reasons| cases.push(case(format!("{line}{rest}"), reasons));
    for line in [
        "GET /a\r\n",
        "GET /a HTTP/0.9\r\n",
        "GET /a HTTP/1.2\r\n",
        "GET /a HTTP/2.0\r\n",
        "GET /a HTTP/2\r\n",
        "GET /a http/1.1\r\n",
        "GET /a HTTP/1.1 \r\n",
        "GET /a HTTP/1.1x\r\n",
        "GET /a HTTP/01.1\r\n",
        "GET /a HTTP/1.10\r\n",
        "GET  /a HTTP/1.1\r\n",
        "GET /a  HTTP/1.1\r\n",
        "GET\t/a HTTP/1.1\r\n",
        "GET /a\tHTTP/1.1\r\n",
        " GET /a HTTP/1.1\r\n",
        "\r\nGET /a HTTP/1.1\r\n",
        "\nGET /a HTTP/1.1\r\n",
        "GET /a HTTP/1.1\n",
        "GET /a HTTP/1.1\r\r\n",
        "GET /a b HTTP/1.1\r\n",
        "GET /a\0b HTTP/1.1\r\n",
        "GET /a\u{b}b HTTP/1.1\r\n",
        "GET /a\u{7f} HTTP/1.1\r\n",
        "GET /a\r/b HTTP/1.1\r\n",
        "GET HTTP/1.1\r\n",
        "GET\r\n",
        "\r\n",
        "G(T /a HTTP/1.1\r\n",
        "G\u{e9}T /a HTTP/1.1\r\n",
        "GET:/a HTTP/1.1\r\n",
        "PRI * HTTP/2.0\r\n",
        "GET /a HTTQ/1.1\r\n",
        "GET /a HTTP/1.1,\r\n",
        "\u{16}\u{3}\u{1} hello\r\n",
    ] {
        add(line, MALFORMED);
    }
    for method in [
        "get", "Get", "TRACE", "CONNECT", "PRI", "PURGE", "PROPFIND", "QUERY", "LINK", "GETT",
        "GE", "_GET", "M-SEARCH", "*",
    ] {
        add(&format!("{method} /a HTTP/1.1\r\n"), &["no_operation"]);
    }
    add("CONNECT a.example:443 HTTP/1.1\r\n", &["no_operation"]);
    add(
        &format!("{} /a HTTP/1.1\r\n", "M".repeat(5000)),
        &["no_operation"],
    );
    for target in [
        "*",
        "a",
        "?a",
        "#",
        "/a#b",
        "/#",
        "/a?b#c",
        "/a\\b",
        "\\a",
        "/a?b\\c",
        "/a\"b",
        "/<a>",
        "/a?<b>",
        "/{a}",
        "/a|b",
        "/a^b",
        "/[a]",
        "/a`b",
        "/\u{e9}",
        "/a?\u{e9}",
        "/a\u{ff0f}b",
        "a.example:443",
        "a.example",
        "ftp://a.example/",
        "file:///a",
        "http://u@a.example/",
        "http://u:p@a.example/",
        "http://@a.example/",
        "http:/a",
        "http:a",
        "http://",
        "http:///a",
        "://a.example/",
        "http://a.example#b",
        "http://a.example/a#b",
        "http://a.example?b",
        "http://a_b:x/",
        "http://[::1/",
        "javascript:1",
        "//\u{e9}",
        "http://a.example,b.example/",
    ] {
        add(&format!("GET {target} HTTP/1.1\r\n"), TARGET_OR_SYNTAX);
    }
    add("OPTIONS * HTTP/1.1\r\n", TARGET);
    add(
        "POST /a HTTP/1.0\r\ntransfer-encoding: chunked\r\n",
        AMBIGUOUS,
    );
    cases
}

fn hosts() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in ["1.1", "1.0"] {
        let start = format!("GET /a HTTP/{version}\r\n");
        cases.push(case(format!("{start}\r\n"), HOST));
        cases.push(case(format!("{start}accept: */*\r\n\r\n"), HOST));
        for value in [
            "",
            " ",
            "a.example,b.example",
            "a.example b.example",
            "u@a.example",
            "u:p@a.example",
            "a.example/",
            "a.example/b",
            "a.example?b",
            "a.example#b",
            "a.example\\b",
            "a.example:",
            "a.example:0",
            "a.example:080",
            "a.example:65536",
            "a.example:x",
            "a.example:-1",
            "a.example:80:80",
            ":80",
            "a..example",
            ".a.example",
            "a.example.",
            "a%2eexample",
            "b\u{fc}cher.example",
            "[::1",
            "::1",
            "[::1]x",
            "[::g]",
            "[fe80::1%25lo]",
            "http://a.example",
            "*",
            "a*b",
            "\"a\"",
            "<script>",
            "a.example;b",
            "a.example\tb",
            "a'b",
            "${jndi}",
            "a|b",
            "a`b`",
        ] {
            cases.push(case(
                format!("{start}host: {value}\r\n\r\n"),
                HOST_OR_SYNTAX,
            ));
        }
        for second in [
            "host: a.example",
            "Host: b.example",
            "HOST:a.example",
            "host:",
        ] {
            cases.push(case(
                format!("{start}host: a.example\r\n{second}\r\n\r\n"),
                HOST,
            ));
            cases.push(case(
                format!("{start}{second}\r\nx: y\r\nhost: a.example\r\n\r\n"),
                HOST,
            ));
        }
    }
    cases
}

fn sizes() -> Vec<Case> {
    let long = "a".repeat(70 * 1024);
    let many: String = (0..101).map(|at| format!("x-{at}: y\r\n")).collect();
    let start = "GET /a HTTP/1.1\r\nhost: a.example\r\n";
    vec![
        case(format!("{start}x: {long}\r\n\r\n"), &["header_too_large"]),
        case(format!("{start}{long}: x\r\n\r\n"), &["header_too_large"]),
        case(format!("{start}{many}\r\n"), &["header_too_large"]),
        case(
            format!(
                "{start}{}\r\n",
                "x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n".repeat(600)
            ),
            &["header_too_large"],
        ),
        case(
            format!("{start}{}", "x: ".repeat(20_000)),
            &["header_too_large"],
        ),
        case(
            format!("GET /{long} HTTP/1.1\r\nhost: a\r\n\r\n"),
            &["uri_too_long"],
        ),
        case(
            format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", &long[..8192]),
            &["uri_too_long"],
        ),
        case(
            format!("GET /?{} HTTP/1.1\r\nhost: a\r\n\r\n", &long[..9000]),
            &["uri_too_long"],
        ),
    ]
}

fn all() -> Vec<Case> {
    [framing(), obfuscated(), request_line(), hosts(), sizes()]
        .into_iter()
        .flatten()
        .collect()
}

fn assert_refused(stand: &Stand, case: &Case, answers: &[Answer], calls_before: usize) {
    let shown = String::from_utf8_lossy(&case.bytes[..case.bytes.len().min(300)]);
    let calls = &stand.memory.calls()[calls_before..];
    let [Call::TurnedAway { reason, .. }] = calls else {
        panic!("{shown:?}: {calls:?}");
    };
    assert!(case.reasons.contains(reason), "{shown:?}: {reason}");
    let [answer] = answers else {
        panic!("{shown:?}: {answers:?}");
    };
    let status = match *reason {
        "no_operation" => 404,
        "header_too_large" => 431,
        "uri_too_long" => 414,
        _ => 400,
    };
    assert_eq!(answer.status, status, "{shown:?}");
    assert_eq!(answer.field("connection"), Some("close"), "{shown:?}");
}

#[tokio::test]
async fn a_head_with_one_thing_wrong_is_refused_recorded_and_ends_its_connection() {
    let stand = Stand::clear();
    let cases = all();
    let mut distinct: Vec<_> = cases.iter().map(|case| &case.bytes).collect();
    distinct.sort();
    distinct.dedup();
    assert!(distinct.len() >= 300, "{}", distinct.len());
    for case in &cases {
        let before = stand.memory.calls().len();
        // `exchange` reads to the end: it returns because the listener has closed.
        let answers = stand.exchange(&case.bytes).await;
        assert_refused(&stand, case, &answers, before);
    }
}

#[tokio::test]
async fn the_verdict_is_the_same_byte_by_byte() {
    let stand = Stand::clear();
    for case in all()
        .iter()
        .step_by(7)
        .filter(|case| case.bytes.len() < 400)
    {
        let before = stand.memory.calls().len();
        let answers = stand.dribble(&case.bytes).await;
        assert_refused(&stand, case, &answers, before);
    }
}
