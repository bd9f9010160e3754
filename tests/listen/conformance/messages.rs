//! Requests as sequences of frames (RFC 9113 8).

use super::*;

/// Messages.
pub(super) fn messages() -> Vec<Case> {
    let two = |a: Vec<u8>, b: Vec<u8>| [a, b].concat();
    let mut twice = fields("GET");
    twice.insert(1, (b":method", b"GET"));
    let mut late = fields("GET");
    late.insert(1, (b"x", b"y"));
    vec![
        case(
            "8.1",
            "trailers that do not end the stream",
            two(open(3), frame(1, 4, 3, &block(&[(b"x", b"y")]))),
            Reset(PROTOCOL),
        ),
        case(
            "8.1.1",
            "a body shorter than its length",
            two(length("5"), frame(0, 1, 3, b"four")),
            Reset(PROTOCOL),
        ),
        case(
            "8.1.1",
            "a body longer than its length",
            two(length("5"), frame(0, 1, 3, b"sixsix")),
            Reset(PROTOCOL),
        ),
        case(
            "8.2.1",
            "a name in capitals",
            with(b"X-A", b"b"),
            Reset(PROTOCOL),
        ),
        case(
            "8.2.2",
            "`connection`",
            with(b"connection", b"keep-alive"),
            Reset(PROTOCOL),
        ),
        case(
            "8.2.2",
            "`te` that is not `trailers`",
            with(b"te", b"gzip"),
            Reset(PROTOCOL),
        ),
        case(
            "8.3",
            "a pseudo-field that is none",
            with(b":test", b"x"),
            Reset(PROTOCOL),
        ),
        case(
            "8.3",
            "a pseudo-field of answers",
            with(b":status", b"200"),
            Reset(PROTOCOL),
        ),
        case(
            "8.3",
            "a pseudo-field behind a field",
            headers(3, &late),
            Reset(PROTOCOL),
        ),
        case(
            "8.3.1",
            "a method twice",
            headers(3, &twice),
            Reset(PROTOCOL),
        ),
        case("8.3.1", "no method", without(b":method"), Reset(PROTOCOL)),
        case("8.3.1", "no scheme", without(b":scheme"), Reset(PROTOCOL)),
        case("8.3.1", "no path", without(b":path"), Reset(PROTOCOL)),
    ]
}

fn length(value: &'static str) -> Vec<u8> {
    let mut all = fields("POST");
    all.push((b"content-length", value.as_bytes()));
    frame(1, 4, 3, &block(&all))
}
