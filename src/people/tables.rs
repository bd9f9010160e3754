//! The tables, for both databases.
//!
//! | table | a row for each | holds |
//! | --- | --- | --- |
//! | `people_state` | number that all instances share | `version`: how often something changed |
//! | `people_keys` | key that all instances share | `login`: seals sign-ins that have begun |
//! | `people_sessions` | session | whose it is and when it ends, under the digest of its id |
//! | `people_endings` | subject, session, token, group or address that was ended | until which moment, why, who said so |
//! | `people_notices` | notice of a provider | until when the same one does not count again |
//! | `people_users` | user of a provider's directory | what the provider said of them over SCIM |
//! | `people_groups` | group of a provider's directory | its name and the ids of its members |
//! | `people_gone` | subject that a directory had once | a keyed digest, so that they stay refused |

use crate::database::{Table, Type};

pub(super) const STATE: Table = Table {
    name: "people_state",
    columns: &[("name", Type::Text), ("number", Type::Number)],
    keys: 1,
};
pub(super) const KEYS: Table = Table {
    name: "people_keys",
    columns: &[("name", Type::Text), ("bytes", Type::Bytes)],
    keys: 1,
};
pub(super) const SESSIONS: Table = Table {
    name: "people_sessions",
    columns: &[
        ("digest", Type::Bytes),
        ("id", Type::Text),
        ("person", Type::Bytes),
        ("begun_ms", Type::Number),
        ("seen_ms", Type::Number),
        ("renewed_ms", Type::Number),
        ("asked_ms", Type::Number),
        ("ends_ms", Type::Number),
        ("sealed", Type::Bytes),
    ],
    keys: 1,
};
pub(super) const ENDINGS: Table = Table {
    name: "people_endings",
    columns: &[
        ("what", Type::Text),
        ("issuer", Type::Text),
        ("value", Type::Text),
        ("kind", Type::Text),
        ("at", Type::Number),
        ("why", Type::Text),
        ("who", Type::Text),
        ("said", Type::Number),
        ("needed_until", Type::Number),
    ],
    keys: 4,
};
pub(super) const NOTICES: Table = Table {
    name: "people_notices",
    columns: &[("id", Type::Bytes), ("until", Type::Number)],
    keys: 1,
};
pub(super) const USERS: Table = Table {
    name: "people_users",
    columns: &[
        ("provider", Type::Text),
        ("id", Type::Text),
        ("name_key", Type::Text),
        ("user_name", Type::Text),
        ("external_id", Type::Text),
        ("display_name", Type::Text),
        ("active", Type::Number),
        ("version", Type::Number),
        ("made_ms", Type::Number),
        ("changed_ms", Type::Number),
    ],
    keys: 2,
};
pub(super) const GROUPS: Table = Table {
    name: "people_groups",
    columns: &[
        ("provider", Type::Text),
        ("id", Type::Text),
        ("name_key", Type::Text),
        ("display_name", Type::Text),
        ("external_id", Type::Text),
        // The ids of members, 16 bytes each, in order: one row for 10,000 of them.
        ("members", Type::Bytes),
        ("version", Type::Number),
        ("made_ms", Type::Number),
        ("changed_ms", Type::Number),
    ],
    keys: 2,
};
pub(super) const GONE: Table = Table {
    name: "people_gone",
    columns: &[("provider", Type::Text), ("digest", Type::Bytes)],
    keys: 2,
};
pub(super) const TABLES: &[&Table] = &[
    &STATE, &KEYS, &SESSIONS, &ENDINGS, &NOTICES, &USERS, &GROUPS, &GONE,
];
