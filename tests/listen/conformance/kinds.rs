//! Each kind of frame (RFC 9113 6).

use super::*;

/// Each kind of frame.
pub(super) fn kinds() -> Vec<Case> {
    let two = |a: Vec<u8>, b: Vec<u8>| [a, b].concat();
    let most = 0x7fff_ffff_u32.to_be_bytes();
    vec![
        case(
            "6.1",
            "DATA on no stream",
            frame(0, 0, 0, b"x"),
            Goaway(PROTOCOL),
        ),
        case(
            "6.1",
            "DATA with more padding than payload",
            two(open(3), padded(0, 3)),
            Reset(PROTOCOL),
        ),
        case("6.2", "HEADERS on no stream", good(0), Goaway(PROTOCOL)),
        case(
            "6.2",
            "HEADERS with more padding than payload",
            padded(1, 3),
            Goaway(PROTOCOL),
        ),
        case(
            "6.3",
            "PRIORITY on no stream",
            frame(2, 0, 0, &[0, 0, 0, 1, 0]),
            Goaway(PROTOCOL),
        ),
        case(
            "6.3",
            "PRIORITY of four bytes",
            two(open(3), frame(2, 0, 3, &[0; 4])),
            Reset(SIZE_OR_GENERAL),
        ),
        case(
            "6.3",
            "PRIORITY as it should be",
            two(frame(2, 0, 9, &[0, 0, 0, 1, 0]), good(3)),
            Answer,
        ),
        case(
            "6.4",
            "RST_STREAM on no stream",
            frame(3, 0, 0, &[0; 4]),
            Goaway(PROTOCOL),
        ),
        case(
            "6.4",
            "RST_STREAM of three bytes",
            two(open(3), frame(3, 0, 3, &[0; 3])),
            Goaway(SIZE_OR_GENERAL),
        ),
        case(
            "6.5",
            "an ACK of SETTINGS with a payload",
            frame(4, 1, 0, &[0; 6]),
            Goaway(SIZE_OR_GENERAL),
        ),
        case(
            "6.5",
            "SETTINGS on a stream",
            frame(4, 0, 1, b""),
            Goaway(PROTOCOL),
        ),
        case(
            "6.5",
            "SETTINGS of five bytes",
            frame(4, 0, 0, &[0; 5]),
            Goaway(SIZE_OR_GENERAL),
        ),
        case(
            "6.5.2",
            "ENABLE_PUSH that is neither 0 nor 1",
            setting(2, 2),
            Goaway(PROTOCOL),
        ),
        case(
            "6.5.2",
            "a first window above the largest",
            setting(4, 1 << 31),
            Goaway(FLOW_OR_GENERAL),
        ),
        case(
            "6.5.2",
            "a largest frame below the least",
            setting(5, 16_383),
            Goaway(PROTOCOL),
        ),
        case(
            "6.5.2",
            "a largest frame above the most",
            setting(5, 1 << 24),
            Goaway(PROTOCOL),
        ),
        case(
            "6.5.2",
            "a setting that nobody knows",
            two(setting(0x77, 1), good(3)),
            Answer,
        ),
        case("6.5.3", "SETTINGS", setting(3, 10), Ack(4)),
        case(
            "6.6",
            "PUSH_PROMISE of a caller",
            two(open(3), frame(5, 4, 3, &[0, 0, 0, 4])),
            Goaway(PROTOCOL),
        ),
        case("6.7", "PING", frame(6, 0, 0, b"12345678"), Ack(6)),
        case(
            "6.7",
            "PING on a stream",
            frame(6, 0, 1, &[0; 8]),
            Goaway(PROTOCOL),
        ),
        case(
            "6.7",
            "PING of six bytes",
            frame(6, 0, 0, &[0; 6]),
            Goaway(SIZE_OR_GENERAL),
        ),
        case(
            "6.8",
            "GOAWAY on a stream",
            frame(7, 0, 1, &[0; 8]),
            Goaway(PROTOCOL),
        ),
        case(
            "6.9",
            "WINDOW_UPDATE by nothing",
            frame(8, 0, 0, &[0; 4]),
            Goaway(PROTOCOL),
        ),
        case(
            "6.9",
            "WINDOW_UPDATE by nothing, of a stream",
            two(open(3), frame(8, 0, 3, &[0; 4])),
            Reset(PROTOCOL),
        ),
        case(
            "6.9",
            "WINDOW_UPDATE of three bytes",
            frame(8, 0, 0, &[0; 3]),
            Goaway(SIZE_OR_GENERAL),
        ),
        case(
            "6.9.1",
            "a window above the largest",
            two(frame(8, 0, 0, &most), frame(8, 0, 0, &most)),
            Goaway(FLOW),
        ),
        case(
            "6.9.1",
            "a stream's window above the largest",
            [open(3), frame(8, 0, 3, &most), frame(8, 0, 3, &most)].concat(),
            Reset(FLOW),
        ),
    ]
}
