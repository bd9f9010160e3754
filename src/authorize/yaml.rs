//! Reads one YAML file of the policy folder into its type, with a place for every fault.
//!
//! In: a file in memory. Out: the typed content, or a [`SetupError`] at line and column.
//!
//! Never: an unknown or doubled key passed over. Aliases are refused: a policy file has no use for
//! them and a bomb has.

use serde::de::DeserializeOwned;
use serde_saphyr::{Error, Location};

use super::folder::File;
use crate::setup_error::{Code, SetupError};

/// The file's content as `T`; an empty file is `T`'s default.
pub(super) fn read<T: DeserializeOwned + Default>(file: &File) -> Result<T, SetupError> {
    let spoken = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    if !file.text.lines().any(spoken) {
        return Ok(T::default());
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: 16, max_aliases: 0, max_nodes: 250_000 },
        with_snippet: false,
        strict_booleans: true, // `Y` is a name
    };
    serde_saphyr::from_str_with_options(&file.text, options).map_err(|why| {
        let why = why.without_snippet();
        let said = why.to_string();
        let said = said.lines().next().unwrap_or("not well-formed YAML");
        let fault = SetupError::in_file(&file.path, lower_first(said.trim_end_matches('.')))
            .coded(Code::NotYaml);
        let fault = match why {
            Error::SerdeUnknownField {
                field, expected, ..
            } => SetupError {
                fault: format!("unknown key `{field}`"),
                ..fault.hint(format!("known keys are `{}`", expected.join("`, `")))
            }
            .wide(field.chars().count())
            .did_you_mean(field, expected.iter().copied()),
            _ => fault,
        };
        match why.location() {
            Some(place) => at(fault, place),
            None => fault,
        }
    })
}

/// Puts a YAML place into a fault.
pub(super) fn at(fault: SetupError, place: Location) -> SetupError {
    match (
        usize::try_from(place.line()),
        usize::try_from(place.column()),
    ) {
        (Ok(line), Ok(column)) if line > 0 => fault.at(line, column),
        _ => fault,
    }
}

/// The text with its first letter in lower case, as messages of ours begin.
pub(super) fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        // `IP` and the like stay as they are.
        (Some(first), second) if !second.is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}
