//! The tables, for both databases.
//!
//! | table | a row for each | holds |
//! | --- | --- | --- |
//! | `people_state` | number that all instances share | `version`: how often something changed |

use crate::database::{Table, Type};

pub(super) const STATE: Table = Table {
    name: "people_state",
    columns: &[("name", Type::Text), ("number", Type::Number)],
    keys: 1,
};
pub(super) const TABLES: &[&Table] = &[&STATE];
