//! The reader of heads against plain cases, against cuts, and against a naive second reader.

use super::*;

const LIMITS: HeadLimits = HeadLimits {
    head_bytes: 1024,
    target_bytes: 256,
};

fn read(bytes: &[u8]) -> Reading {
    HeadReader::default().read(bytes, LIMITS)
}

/// The verdict on bytes that arrive in two parts, or one by one.
fn read_cut(bytes: &[u8], cuts: impl Iterator<Item = usize>) -> Reading {
    let mut reader = HeadReader::default();
    for cut in cuts {
        match reader.read(&bytes[..cut], LIMITS) {
            Reading::Incomplete => {}
            verdict => return verdict,
        }
    }
    reader.read(bytes, LIMITS)
}

/// What a verdict says, without what it says of the request.
fn word(reading: &Reading) -> String {
    match reading {
        Reading::Incomplete => "incomplete".to_owned(),
        Reading::Complete(head) => format!("{head:?}"),
        Reading::Refused(violation) => violation.reason.word().to_owned(),
    }
}

const GOOD: &[u8] =
    b"POST /a/b?c=d HTTP/1.1\r\nhost: a.example\r\ncontent-length: 12\r\nx-y: z\r\n\r\n";

#[test]
fn a_good_head_is_complete_at_its_last_byte_and_not_before() {
    for size in 0..GOOD.len() {
        assert_eq!(word(&read(&GOOD[..size])), "incomplete", "{size}");
    }
    let Reading::Complete(head) = read(&[GOOD, b"twelve bytes"].concat()) else {
        panic!("complete");
    };
    assert_eq!((head.size, head.framing), (GOOD.len(), Framing::length(12)));
}

#[test]
fn the_limits_are_exact() {
    let fill = |size: usize| {
        let line = b"x: \r\n".len();
        let value = vec![b'v'; size - GOOD.len() - line];
        [&GOOD[..GOOD.len() - 2], b"x: ", &value, b"\r\n\r\n"].concat()
    };
    assert!(matches!(read(&fill(1024)), Reading::Complete(_)));
    assert_eq!(word(&read(&fill(1025))), "header_too_large");
    let long = |size: usize| {
        let target = "a".repeat(size - 1);
        format!("GET /{target} HTTP/1.1\r\nhost: a\r\n\r\n").into_bytes()
    };
    assert!(matches!(read(&long(256)), Reading::Complete(_)));
    assert_eq!(word(&read(&long(257))), "uri_too_long");
    let fields = |count: usize| {
        let many = "x:y\r\n".repeat(count - 1);
        format!("GET / HTTP/1.1\r\nhost: a\r\n{many}\r\n").into_bytes()
    };
    assert!(matches!(read(&fields(100)), Reading::Complete(_)));
    assert_eq!(word(&read(&fields(101))), "header_too_large");
}

#[test]
fn a_refused_head_shows_what_could_be_read_of_it_and_only_plain_text() {
    let bytes = b"GET /a\x1b[31m?token=secret HTTP/1.1\r\nhost: a.example\r\n\r\n";
    let Reading::Refused(violation) = read(bytes) else {
        panic!("refused");
    };
    assert_eq!(violation.glimpse.method.as_deref(), Some("GET"));
    assert_eq!(violation.glimpse.path.as_deref(), Some("/a?[31m"));
    assert_eq!(violation.glimpse.host, None);
}

/// xorshift64: the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

const SEEDS: [&[u8]; 5] = [
    GOOD,
    b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"PUT /x HTTP/1.0\r\nContent-Length: 3\r\nHost: [::1]:80\r\nA: \r\n\r\n",
    b"DELETE http://a.example/ HTTP/1.1\r\nhost: a.example\r\naccept: */*\r\n\r\n",
    b"OPTIONS /?a[]=b HTTP/1.1\r\nx: \t y \r\nhost:a\r\ntransfer-encoding:\tchunked \r\n\r\n",
];

/// Bytes and pieces that matter to parsers.
const PIECES: [&[u8]; 26] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b"\0",
    b"\x0b",
    b"\x7f",
    b":",
    b"_",
    b",",
    b";",
    b"#",
    b"\xa0",
    b"\xff",
    b"\r\n ",
    b"0",
    b"chunked",
    b"Content-Length: 5\r\n",
    b"transfer-encoding: chunked\r\n",
    b"Host: b\r\n",
    b"content-length",
    b"HTTP/1.0",
    b"\"",
    b"GET / HTTP/1.1\r\n",
];

fn mutated(dice: &mut Dice) -> Vec<u8> {
    let mut bytes = SEEDS[dice.throw(SEEDS.len())].to_vec();
    for _ in 0..=dice.throw(3) {
        let at = dice.throw(bytes.len());
        match dice.throw(6) {
            0 => bytes[at] = dice.throw(256) as u8,
            1 => bytes.insert(at, dice.throw(256) as u8),
            2 => drop(bytes.remove(at)),
            3 => bytes[at] ^= 1 << dice.throw(8),
            4 => {
                let end = (at + dice.throw(30)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                let to = dice.throw(bytes.len());
                bytes.splice(to..to, copy);
            }
            _ => drop(bytes.splice(at..at, PIECES[dice.throw(PIECES.len())].iter().copied())),
        }
        if bytes.is_empty() {
            bytes.push(b'G');
        }
    }
    bytes.extend_from_slice(b"GET /next HTTP/1.1\r\nhost: a\r\n\r\n");
    bytes
}

/// A second reader that shares no code with the first. It knows nothing of what may be refused,
/// only where a lenient reader would see the body begin and how it would see it end.
fn naive(bytes: &[u8]) -> Option<(usize, Framing)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let lone = |at: usize| match bytes[at] {
        b'\n' => at == 0 || bytes[at - 1] != b'\r',
        b'\r' => bytes[at + 1] != b'\n',
        byte => byte == 0,
    };
    if (0..end).any(lone) {
        return None;
    }
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let mut lines = head.split("\r\n");
    let version = lines.next()?.rsplit(' ').next()?.to_owned();
    let (mut lengths, mut codings, mut hosts) = (Vec::new(), Vec::new(), 0);
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let value = value.trim_matches([' ', '\t']).to_owned();
        // Blanks and look-alikes in names count as the name: some readers would see it so.
        match name.trim().replace('_', "-").as_str() {
            "content-length" => lengths.push(value),
            "transfer-encoding" => codings.push(value),
            "host" => hosts += 1,
            _ => {}
        }
    }
    let framing = match (&lengths[..], &codings[..]) {
        ([], []) => Framing::length(0),
        ([length], []) => Framing::length(length.parse().ok()?),
        ([], [coding]) if coding == "chunked" && version == "http/1.1" => Framing::chunked(),
        _ => return None,
    };
    (hosts == 1).then_some((end + 4, framing))
}

#[test]
fn what_is_accepted_a_naive_reader_frames_alike() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..60_000 {
        let bytes = mutated(&mut dice);
        match read(&bytes) {
            Reading::Complete(head) => {
                accepted += 1;
                let shown = String::from_utf8_lossy(&bytes);
                assert_eq!(naive(&bytes), Some((head.size, head.framing)), "{shown:?}");
            }
            Reading::Refused(_) => refused += 1,
            Reading::Incomplete => {}
        }
    }
    // The dice must reach both sides, or the claim above is empty.
    assert!(accepted > 5_000 && refused > 20_000, "{accepted} {refused}");
}

#[test]
fn the_verdict_does_not_depend_on_the_cuts() {
    let mut dice = Dice(42);
    for _ in 0..4_000 {
        let bytes = mutated(&mut dice);
        let whole = word(&read(&bytes));
        let cut = dice.throw(bytes.len());
        let shown = String::from_utf8_lossy(&bytes);
        assert_eq!(
            word(&read_cut(&bytes, [cut].into_iter())),
            whole,
            "{shown:?} cut at {cut}"
        );
        assert_eq!(word(&read_cut(&bytes, 1..bytes.len())), whole, "{shown:?}");
    }
}

#[test]
fn what_is_accepted_the_parser_behind_accepts() {
    // hyper's own parser must not refuse what passed: it would answer in our place, unrecorded.
    let mut dice = Dice(7);
    for _ in 0..20_000 {
        let bytes = mutated(&mut dice);
        let Reading::Complete(head) = read(&bytes) else {
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..head.size]).into_owned();
        let mut lines = head.split("\r\n");
        let target = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
        target.parse::<http::Uri>().expect("a uri");
        for line in lines.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').expect("a field");
            http::HeaderName::from_bytes(name.as_bytes()).expect("a name");
            http::HeaderValue::from_bytes(value.trim().as_bytes()).expect("a value");
        }
    }
}
