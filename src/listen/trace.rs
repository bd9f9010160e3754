//! Takes the caller's trace over, or begins one.
//!
//! In: the `traceparent` field and fresh random bytes. Out: a [`Trace`].
//!
//! A trace is taken over only from exactly one well-formed field; our own span is always new.
//!
//! W3C Trace Context 3.2.

use http::HeaderMap;
use uuid::Uuid;

use super::Trace;

impl Trace {
    /// Of a request of our own.
    pub fn begun(id: Uuid) -> Trace {
        let (trace_id, mut span) = (id.into_bytes(), [0; 8]);
        for (to, from) in span.iter_mut().zip(trace_id.iter().rev()) {
            *to = *from;
        }
        Trace {
            trace_id,
            span_id: never_zero(span),
            parent_id: None,
            flags: 0,
        }
    }

    /// The trace that a request with these fields belongs to.
    pub(super) fn of(head: &HeaderMap, fresh_trace: [u8; 16], fresh_span: [u8; 8]) -> Trace {
        let mut fields = head.get_all("traceparent").iter();
        let parent = match (fields.next(), fields.next()) {
            (Some(only), None) => parent(only.as_bytes()),
            _ => None,
        };
        let span_id = never_zero(fresh_span);
        match parent {
            Some((trace_id, parent_id, flags)) => Trace {
                trace_id,
                span_id,
                parent_id: Some(parent_id),
                flags,
            },
            None => Trace {
                trace_id: never_zero(fresh_trace),
                span_id,
                parent_id: None,
                flags: 0,
            },
        }
    }
}

/// `version-trace-parent-flags`, lower-case hex; a later version may go on after another `-`.
fn parent(field: &[u8]) -> Option<([u8; 16], [u8; 8], u8)> {
    let (known, more) = field.split_at_checked(55)?;
    let mut parts = known.split(|byte| *byte == b'-');
    let [version] = hex::<1>(parts.next()?)?;
    let trace_id = hex::<16>(parts.next()?)?;
    let parent_id = hex::<8>(parts.next()?)?;
    let [flags] = hex::<1>(parts.next()?)?;
    let ends_well = match version {
        0 => more.is_empty(),
        0xff => false,
        _ => more.is_empty() || more.starts_with(b"-"),
    };
    let is_set = trace_id != [0; 16] && parent_id != [0; 8];
    // Sampled and random are the flags there are; unknown ones are not passed on.
    (ends_well && is_set && parts.next().is_none()).then_some((trace_id, parent_id, flags & 3))
}

fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let (pairs, rest) = digits.as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

fn never_zero<const N: usize>(mut id: [u8; N]) -> [u8; N] {
    if let Some(last @ 0) = id.last_mut() {
        *last = 1;
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn trace(fields: &[&str]) -> Trace {
        let mut head = HeaderMap::new();
        for field in fields {
            head.append("traceparent", field.parse().unwrap());
        }
        Trace::of(&head, [7; 16], [9; 8])
    }

    #[test]
    fn a_well_formed_trace_is_taken_over_with_a_span_of_our_own() {
        let taken = trace(&[GOOD]);
        assert_eq!(taken.trace_id[0], 0x0a);
        assert_eq!(taken.parent_id.unwrap()[7], 0x31);
        assert_eq!((taken.span_id, taken.flags), ([9; 8], 1));
        assert!(trace(&[&GOOD.replace("00-", "01-")]).parent_id.is_some());
        assert!(
            trace(&[&format!("{}-more", GOOD.replacen("00", "cc", 1))])
                .parent_id
                .is_some()
        );
    }

    #[test]
    fn any_other_trace_begins_here() {
        let zero_trace = format!("00-{}-b7ad6b7169203331-01", "0".repeat(32));
        let zero_parent = format!("00-0af7651916cd43dd8448eb211c80319c-{}-01", "0".repeat(16));
        for fields in [
            vec![],
            vec![GOOD, GOOD],
            vec![zero_trace.as_str()],
            vec![zero_parent.as_str()],
            vec![GOOD.trim_start_matches('0')],
            vec![GOOD.trim_end_matches('1')],
        ] {
            assert_eq!(trace(&fields).parent_id, None, "{fields:?}");
        }
        for wrong in [
            GOOD.replace("00-", "ff-"),
            GOOD.to_uppercase(),
            format!("{GOOD}-more"),
            format!("{}more", GOOD.replacen("00", "cc", 1)),
            GOOD.replace("-b7", "0b7"),
            GOOD.replace("0af", "0ag"),
        ] {
            let begun = trace(&[&wrong]);
            assert_eq!(
                (begun.parent_id, begun.trace_id),
                (None, [7; 16]),
                "{wrong}"
            );
        }
    }
}
