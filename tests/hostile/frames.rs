//! HTTP/2 written by hand, for what no library would send.
//!
//! Fields are literals without index and without Huffman code (RFC 7541 6.2.2), so that every byte
//! is on the wire as the test wrote it.

/// The preface, empty settings, and wide windows.
pub(crate) const PREFACE: &[u8] =
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// A request without a body on this stream.
pub(crate) fn request(
    stream: u32,
    method: &str,
    path: &str,
    authority: &str,
    token: &str,
) -> Vec<u8> {
    let bearer = format!("Bearer {token}");
    let fields = [
        (":method", method),
        (":scheme", "http"),
        (":authority", authority),
        (":path", path),
        ("authorization", bearer.as_str()),
    ];
    headers(stream, &fields.map(|(n, v)| (n.as_bytes(), v.as_bytes())))
}

/// HEADERS with these fields, ending head and stream.
pub(crate) fn headers(stream: u32, fields: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for part in [name, value] {
            length(&mut block, part.len());
            block.extend_from_slice(part);
        }
    }
    frame(0x1, 0x5, stream, &block)
}

/// One frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut out = vec![size[1], size[2], size[3], kind, flags];
    out.extend(stream.to_be_bytes());
    out.extend_from_slice(payload);
    out
}

/// A length of seven bits and what is over (RFC 7541 5.1).
fn length(block: &mut Vec<u8>, length: usize) {
    if length < 127 {
        block.push(length as u8);
        return;
    }
    block.push(127);
    let mut rest = length - 127;
    while rest >= 128 {
        block.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    block.push(rest as u8);
}
