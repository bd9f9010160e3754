//! Reads a receiver's answer: whether it took everything.
//!
//! In: the body of a 2xx, `ExportLogsServiceResponse` in protobuf. Out: how many records it refused,
//! and its words about that.
//!
//! Never: a fault; a body that is none of that means that all was taken, as an empty one does.

/// How many records were refused and why, where the answer says so.
pub(super) fn partial(body: &[u8]) -> Option<(u64, String)> {
    let partial = fields(body)?.into_iter().find_map(|field| match field {
        (1, Value::Bytes(bytes)) => Some(bytes),
        _ => None,
    })?;
    let (mut refused, mut why) = (0, String::new());
    for field in fields(partial)? {
        match field {
            (1, Value::Number(number)) => refused = number,
            (2, Value::Bytes(bytes)) => why = shortened(bytes),
            _ => {}
        }
    }
    Some((refused, why))
}

enum Value<'b> {
    Number(u64),
    Bytes(&'b [u8]),
}

/// The fields of a message, those of fixed width left out.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Value<'_>)>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let field = tag >> 3;
        match tag & 7 {
            0 => found.push((field, Value::Number(varint(&mut bytes)?))),
            1 => bytes = bytes.get(8..)?,
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let (value, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                found.push((field, Value::Bytes(value)));
            }
            5 => bytes = bytes.get(4..)?,
            _ => return None,
        }
    }
    Some(found)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Its words, which go into a line of ours.
fn shortened(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let visible = text.chars().filter(|c| !c.is_control());
    visible.take(LONGEST_WORDS).collect()
}

const LONGEST_WORDS: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_success_is_read() {
        let body = b"\x0a\x09\x08\x03\x12\x05sorry";
        assert_eq!(partial(body), Some((3, "sorry".to_owned())));
        assert_eq!(partial(b"\x0a\x00"), Some((0, String::new())));
    }

    #[test]
    fn what_is_no_partial_success_is_none() {
        for body in [
            &b""[..],
            b"{}",
            b"\x0a\x09\x08",
            b"\x0a\xff",
            b"\x08\x01",
            b"<html>",
        ] {
            assert_eq!(partial(body), None, "{body:?}");
        }
        let endless = [0xff; 20];
        assert_eq!(partial(&endless), None);
    }
}
