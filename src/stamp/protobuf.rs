//! Stamps a message in Protobuf.
//!
//! In: the bytes of an export, and the facts. Out: the same bytes without what is stripped and with
//! what is set; what is kept is copied, never decoded and encoded again.
//!
//! Parsers merge a message that occurs twice where one belongs, and take the last key of several; so
//! both are refused, and what is judged is what will be read.
//!
//! Recursion goes as deep as the table of shapes and no deeper: values are not looked into.

use super::facts::Provenance;
use super::flaw::Flaw;
use super::message::Output;
use super::shape::{FIRST, Kind, LeadsTo, Shape};
use super::wire::{Fields, put_varint, varint_length};

/// Writes the stamped message.
pub(super) fn rewrite(
    bytes: &[u8],
    shape: &Shape,
    provenance: &Provenance,
    out: &mut Output<'_>,
) -> Result<(), Flaw> {
    let mut fields = Fields::of(bytes);
    let (mut kept_from, mut seen) = (0, 0u32);
    while let Some(field) = fields.next()? {
        let Some(at) = shape.lines.iter().position(|l| l.number == field.number) else {
            continue;
        };
        let Some(line) = shape.lines.get(at) else {
            continue;
        };
        let value = field.value.ok_or(Flaw::Unclear(
            "a field is not of the form that OTLP gives it",
        ))?;
        let inner = match line.leads_to {
            LeadsTo::Attributes => {
                if strips(value, provenance)? {
                    out.copy(slice(bytes, kept_from, field.start));
                    kept_from = field.end;
                }
                continue;
            }
            LeadsTo::One(inner) => {
                if seen & 1 << at != 0 {
                    return Err(Flaw::Unclear("a part occurs twice where OTLP has one"));
                }
                seen |= 1 << at;
                inner
            }
            LeadsTo::Many(inner) => inner,
        };
        // The tag goes along with what lies before it; the length is written anew.
        let head = field.end - value.len() - varint_length(value.len() as u64);
        out.copy(slice(bytes, kept_from, head));
        kept_from = field.end;
        let place = out.begin_length(value.len());
        rewrite(value, inner, provenance, out)?;
        out.end_length(place);
    }
    out.copy(slice(bytes, kept_from, bytes.len()));
    let facts = provenance.protobuf();
    match shape.kind {
        Kind::Resource => out.add(facts),
        // The resource is the first line of every block.
        Kind::Block if seen & 1 == 0 && !facts.is_empty() => {
            let mut resource = Vec::with_capacity(facts.len() + 6);
            put_varint(&mut resource, u64::from(FIRST) << 3 | 2);
            put_varint(&mut resource, facts.len() as u64);
            resource.extend_from_slice(facts);
            out.add(&resource)
        }
        Kind::Block | Kind::Plain => Ok(()),
    }
}

/// Whether this key with its value goes.
fn strips(bytes: &[u8], provenance: &Provenance) -> Result<bool, Flaw> {
    let mut fields = Fields::of(bytes);
    let (mut key, mut value) = (None, None);
    while let Some(field) = fields.next()? {
        let part = match field.number {
            KEY => &mut key,
            VALUE => &mut value,
            _ => continue,
        };
        let said = field.value.ok_or(Flaw::Unclear(
            "a field is not of the form that OTLP gives it",
        ))?;
        if part.replace(said).is_some() {
            return Err(Flaw::Unclear("an attribute has two keys or two values"));
        }
    }
    let key = std::str::from_utf8(key.unwrap_or_default())
        .map_err(|_| Flaw::Unclear("the key of an attribute is not UTF-8"))?;
    provenance.strips(key, |commit| {
        value.is_some_and(|value| is_text(value, commit.as_bytes()))
    })
}

/// Whether a value is this text and nothing else.
fn is_text(value: &[u8], text: &[u8]) -> bool {
    let mut fields = Fields::of(value);
    let first = fields.next().ok().flatten();
    let same = first.is_some_and(|field| field.number == STRING && field.value == Some(text));
    same && matches!(fields.next(), Ok(None))
}

fn slice(bytes: &[u8], from: usize, to: usize) -> &[u8] {
    bytes.get(from..to).unwrap_or_default()
}

const KEY: u32 = 1;
const VALUE: u32 = 2;
const STRING: u32 = 1;
