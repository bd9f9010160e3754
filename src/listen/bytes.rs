//! Says which bytes may stand where in a request head.
//!
//! In: one byte, or a slice. Out: whether it belongs to a class.
//!
//! One table of 256 entries, filled at compile time, so that a look is one load and the classes
//! cannot drift apart.
//!
//! Never: wider than the grammar; narrower where two readers could differ (field names).
//!
//! RFC 9110 5.1, 5.5, 5.6.2; RFC 3986 3.3, 3.4.

/// `tchar`: what a method may consist of.
pub(super) const TOKEN: u8 = 1;
/// Letters, digits and `-`: what a field name may consist of. Underscores and dots are left out
/// on purpose: upstreams that map names to variables confuse them with `-`.
pub(super) const NAME: u8 = 2;
/// `pchar` and `/`.
pub(super) const PATH: u8 = 4;
/// `pchar`, `/`, `?`, and the brackets, bars and carets that browsers send raw.
pub(super) const QUERY: u8 = 8;
/// Letters, digits, `-`, `.`, `_`: what a host name may consist of.
pub(super) const HOST: u8 = 16;

/// Whether `byte` belongs to `class`.
pub(super) fn is(byte: u8, class: u8) -> bool {
    // The index is a byte and the table has 256 entries: there is no other case.
    CLASSES
        .get(usize::from(byte))
        .is_some_and(|has| has & class != 0)
}

/// How many leading bytes belong to `class`.
pub(super) fn run(bytes: &[u8], class: u8) -> usize {
    let end = bytes.iter().position(|byte| !is(*byte, class));
    end.unwrap_or(bytes.len())
}

/// How many leading bytes may stand in a field value: all but control bytes, tab excepted.
pub(super) fn value_run(bytes: &[u8]) -> usize {
    let (blocks, _) = bytes.as_chunks::<16>();
    let mut sure = 0;
    for block in blocks {
        // No early exit inside the block, so that the compiler may look at 16 bytes at once.
        let plain = block.iter().fold(true, |all, byte| all & is_plain(*byte));
        if !plain {
            break;
        }
        sure += block.len();
    }
    let rest = bytes.get(sure..).unwrap_or_default();
    let end = rest
        .iter()
        .position(|byte| !is_plain(*byte) && *byte != b'\t');
    match end {
        Some(more) => sure + more,
        None => bytes.len(),
    }
}

/// The value without the blanks around it.
pub(super) fn trimmed(value: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let start = value.iter().position(|byte| !is_blank(byte));
    let end = value.iter().rposition(|byte| !is_blank(byte));
    match (start, end) {
        (Some(start), Some(end)) => value.get(start..=end).unwrap_or_default(),
        _ => &[],
    }
}

fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && byte != 0x7f
}

const CLASSES: [u8; 256] = classes();

#[allow(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler; an index out of bounds does not build"
)]
const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        if byte.is_ascii_alphanumeric() {
            table[at] = TOKEN | NAME | PATH | QUERY | HOST;
        }
        at += 1;
    }
    mark(&mut table, b"!#$%&'*+-.^_`|~", TOKEN);
    mark(&mut table, b"-", NAME);
    mark(&mut table, b"-._~!$&'()*+,;=:@%/", PATH | QUERY);
    mark(&mut table, b"?[]{}|^`", QUERY);
    mark(&mut table, b"-._", HOST);
    table
}

#[allow(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler; an index out of bounds does not build"
)]
const fn mark(table: &mut [u8; 256], bytes: &[u8], class: u8) {
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] |= class;
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_at_the_first_control_byte_wherever_it_stands() {
        for length in 0..70 {
            for bad in [0u8, b'\r', b'\n', 0x1f, 0x7f] {
                let mut value = vec![b'a'; length];
                value.push(bad);
                value.extend_from_slice(b"more and more and more and more");
                assert_eq!(value_run(&value), length);
            }
        }
    }

    #[test]
    fn a_tab_does_not_end_a_value() {
        assert_eq!(value_run(b"0123456789\tabcdefghijklmnop"), 27);
    }

    #[test]
    fn an_underscore_is_no_part_of_a_field_name() {
        assert_eq!(run(b"content_length", NAME), 7);
    }
}
