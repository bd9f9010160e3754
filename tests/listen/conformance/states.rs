//! Frames and the states of streams (RFC 9113 4 and 5).

use super::*;

/// Frames and states.
pub(super) fn frames_and_states() -> Vec<Case> {
    let two = |a: Vec<u8>, b: Vec<u8>| [a, b].concat();
    let part = frame(1, 1, 3, &block(&fields("GET")));
    vec![
        case(
            "4.2",
            "DATA that is too long",
            two(open(3), frame(0, 0, 3, &[0; 16_385])),
            Reset(SIZE),
        ),
        case(
            "4.2",
            "HEADERS that are too long",
            frame(1, 5, 3, &[0; 16_385]),
            Goaway(SIZE),
        ),
        case(
            "4.3",
            "a field block that cannot be read",
            frame(1, 5, 3, &[0xff; 20]),
            Goaway(&[9, 1]),
        ),
        case(
            "5.1",
            "DATA on an idle stream",
            frame(0, 0, 3, b"x"),
            Goaway(PROTOCOL),
        ),
        case(
            "5.1",
            "RST_STREAM on an idle stream",
            frame(3, 0, 3, &[0; 4]),
            Goaway(PROTOCOL),
        ),
        case(
            "5.1",
            "WINDOW_UPDATE on an idle stream",
            frame(8, 0, 3, &[0, 0, 0, 1]),
            Goaway(PROTOCOL),
        ),
        case(
            "5.1",
            "CONTINUATION on an idle stream",
            frame(9, 4, 3, b""),
            Goaway(PROTOCOL),
        ),
        case(
            "5.1",
            "DATA after the end",
            two(good(3), frame(0, 1, 3, b"x")),
            Reset(CLOSED_OR_GENERAL),
        ),
        case(
            "5.1",
            "DATA after a reset",
            [
                open(3),
                frame(3, 0, 3, &[0, 0, 0, 8]),
                frame(0, 1, 3, b"x"),
                good(5),
            ]
            .concat(),
            Reset(CLOSED),
        ),
        case(
            "5.1.1",
            "a stream of the server's",
            good(2),
            Goaway(PROTOCOL),
        ),
        case(
            "5.1.1",
            "a stream below the last one",
            two(good(7), good(5)),
            Goaway(&[1, 5]),
        ),
        case(
            "5.5",
            "a frame of an unknown kind",
            two(frame(0x77, 0xff, 0, b"what"), good(3)),
            Answer,
        ),
        case(
            "5.5",
            "an unknown frame in a field block",
            two(part.clone(), frame(0x77, 0, 3, b"")),
            Goaway(PROTOCOL),
        ),
        case(
            "6.10",
            "DATA in a field block",
            two(part.clone(), frame(0, 0, 3, b"x")),
            Goaway(PROTOCOL),
        ),
        case(
            "6.10",
            "CONTINUATION of another stream",
            two(part.clone(), frame(9, 4, 5, b"")),
            Goaway(PROTOCOL),
        ),
        case(
            "6.10",
            "CONTINUATION after the end of fields",
            two(open(3), frame(9, 4, 3, b"")),
            Goaway(PROTOCOL),
        ),
        case(
            "6.10",
            "CONTINUATION that ends the fields",
            two(part, frame(9, 4, 3, b"")),
            Answer,
        ),
    ]
}
