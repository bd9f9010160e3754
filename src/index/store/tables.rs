//! The tables, for both databases.

use crate::database::{Table, Type};

pub(super) const ORIGINS: Table = Table {
    name: "stile_origins",
    columns: &[
        ("origin", Type::Text),
        ("first_seq", Type::Number),
        ("next_seq", Type::Number),
    ],
    keys: 1,
};
pub(super) const POSTINGS: Table = Table {
    name: "stile_postings",
    columns: &[
        ("origin", Type::Text),
        ("field", Type::Text),
        ("value", Type::Bytes),
        ("block", Type::Number),
        ("places", Type::Bytes),
    ],
    keys: 4,
};
pub(super) const CHUNKS: Table = Table {
    name: "stile_chunks",
    columns: &[
        ("origin", Type::Text),
        ("chunk", Type::Number),
        ("earliest_ms", Type::Number),
        ("latest_ms", Type::Number),
    ],
    keys: 2,
};
pub(super) const TEXTS: Table = Table {
    name: "stile_texts",
    columns: &[
        ("origin", Type::Text),
        ("chunk", Type::Number),
        ("text", Type::Bytes),
    ],
    keys: 2,
};
pub(super) const LINKS: Table = Table {
    name: "stile_links",
    columns: &[
        ("origin", Type::Text),
        ("chunk", Type::Number),
        ("links", Type::Bytes),
    ],
    keys: 2,
};
pub(super) const WAITING: Table = Table {
    name: "stile_waiting",
    columns: &[
        ("origin", Type::Text),
        ("id", Type::Bytes),
        ("seq", Type::Number),
    ],
    keys: 2,
};
pub(super) const TABLES: &[&Table] = &[&ORIGINS, &POSTINGS, &CHUNKS, &TEXTS, &LINKS, &WAITING];
