//! A catalogue as its author wrote it.
//!
//! In: the name of one YAML file. Out: a [`Written`], every value with its place in the file.
//!
//! Nothing is left to guessing: an unknown, missing or doubled key is an error, a word is taken as
//! written, and what YAML offers to make files clever (anchors, merge keys, tags, several documents)
//! is refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::{DuplicateKeyPolicy, Error, Location, MergeKeyPolicy, Options, Spanned};

use super::object::BodyMeans;
use super::operation::{Class, Speech};
use crate::setup_error::{SetupError, nearest};

/// One catalogue file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    /// How callers want refusals spelled.
    pub(super) speaks: Speech,
    /// What every path begins with.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) base: Option<Spanned<String>>,
    /// The largest request body of operations that do not say so themselves, in bytes.
    #[serde(default)]
    pub(super) body_bytes: Option<u64>,
    /// The resource types, by name.
    #[schemars(with = "BTreeMap<String, WrittenResource>")]
    pub(super) resources: BTreeMap<String, Spanned<WrittenResource>>,
    /// The operations.
    #[schemars(with = "Vec<WrittenOperation>")]
    pub(super) operations: Vec<Spanned<WrittenOperation>>,
}

/// Where the path says which resource is meant.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenResource {
    /// The parameter that is the resource's id.
    #[serde(default)]
    pub(super) id: Option<String>,
    /// The parameter that is the project it lies in.
    #[serde(default)]
    pub(super) project: Option<String>,
    /// How one says whose it is.
    #[serde(default)]
    pub(super) object: Option<WrittenObject>,
}

/// How an object says whose it is: in the upstream's answer, and in the bodies that make or change
/// it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenObject {
    /// The action that reads one, with `GET`.
    #[schemars(with = "String")]
    pub(super) read: Spanned<String>,
    /// Where its labels are, as a JSON pointer: `/data/attributes/labels`.
    #[schemars(with = "String")]
    pub(super) labels: Spanned<String>,
    /// The label whose value is a team: `team`.
    pub(super) owner: String,
    /// What a body must not say otherwise than the path: parameter to JSON pointer.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub(super) same: BTreeMap<String, Spanned<String>>,
}

/// Where the items of a list are.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenList {
    /// The action that reads one item: who may do that sees it.
    #[schemars(with = "String")]
    pub(super) read: Spanned<String>,
    /// Where the items are in the answer, as a JSON pointer: `/data`; empty where the answer is the list.
    #[schemars(with = "String")]
    pub(super) items: Spanned<String>,
    /// Where an item has its id: `/id`.
    #[schemars(with = "String")]
    pub(super) id: Spanned<String>,
    /// Where an item has its labels, as the type's `object` reads them: `/attributes/labels`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) labels: Option<Spanned<String>>,
}

/// One action and the requests that ask for it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenOperation {
    /// Its name in policies.
    #[schemars(with = "String")]
    pub(super) action: Spanned<String>,
    /// What it does, by meaning.
    pub(super) class: Class,
    /// The type of what it is done to.
    #[schemars(with = "String")]
    pub(super) resource: Spanned<String>,
    /// `METHOD /path/{parameter}`, under the file's base.
    #[serde(rename = "do")]
    #[schemars(with = "Vec<String>")]
    pub(super) requests: Vec<Spanned<String>>,
    /// The parameters that the upstream decodes twice on these paths.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) decoded_twice: Vec<Spanned<String>>,
    /// The largest request body, in bytes.
    #[serde(default)]
    pub(super) body_bytes: Option<u64>,
    /// Whether a token does this once and never again: for acts that must not be repeated with a
    /// token that was caught. The token needs a `jti`.
    #[serde(default)]
    pub(super) once: bool,
    /// Where the answer has its items, of which those are left out that the caller may not read.
    #[serde(default)]
    pub(super) list: Option<WrittenList>,
    /// What the body says of the object, which then is judged before it is sent on.
    #[serde(default)]
    pub(super) body: Option<BodyMeans>,
    /// What a reader should know.
    #[serde(default)]
    #[allow(dead_code, reason = "for readers of the file")]
    pub(super) note: Option<String>,
}

/// Opens and reads a catalogue by its name.
pub(super) fn open(folder: &Path, name: &str) -> Result<(PathBuf, Written), SetupError> {
    for (built_in, text) in [(OWN, OWN_TEXT), (CONSOLE, CONSOLE_TEXT)] {
        if name == built_in {
            let file = PathBuf::from(format!("{name}.yaml (built in)"));
            let mut written = read(&file, text)?;
            if name == CONSOLE {
                for operation in &mut written.operations {
                    operation.value.class = Class::Look;
                }
            }
            return Ok((file, written));
        }
    }
    if !is_file_name(name) {
        return Err(
            SetupError::new(format!("`{name}` is no name for a catalogue"))
                .hint("it is the name of a file in the folder of catalogues, without `.yaml`"),
        );
    }
    let file = folder.join(format!("{name}.yaml"));
    let size = std::fs::metadata(&file)
        .map_err(|error| unreadable(folder, &file, name, &error))?
        .len();
    if size > FILE_BYTES {
        return Err(SetupError::in_file(
            &file,
            format!("the file is larger than {FILE_BYTES} bytes"),
        ));
    }
    let text =
        std::fs::read_to_string(&file).map_err(|error| unreadable(folder, &file, name, &error))?;
    let written = read(&file, &text)?;
    Ok((file, written))
}

fn unreadable(folder: &Path, file: &Path, name: &str, error: &std::io::Error) -> SetupError {
    let known: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            entry
                .ok()?
                .file_name()
                .to_str()?
                .strip_suffix(".yaml")
                .map(str::to_owned)
        })
        .collect();
    let fault = SetupError::in_file(file, format!("the catalogue cannot be read: {error}"));
    match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None => fault,
    }
}

/// Reads one catalogue file's text.
fn read(file: &Path, text: &str) -> Result<Written, SetupError> {
    serde_saphyr::from_str_with_options(text, options()).map_err(|error| explain(file, &error))
}

/// Says where in a file.
pub(super) fn at(error: SetupError, location: Location) -> SetupError {
    match (
        usize::try_from(location.line()),
        usize::try_from(location.column()),
    ) {
        (Ok(line), Ok(column)) if line > 0 => error.at(line, column),
        _ => error,
    }
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_anchors: 0, max_aliases: 0, max_depth: 8, max_documents: 1 },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

fn explain(file: &Path, error: &Error) -> SetupError {
    let error = error.without_snippet();
    let told = |fault: String| SetupError::in_file(file, fault);
    let told = match error {
        Error::SerdeUnknownField {
            field, expected, ..
        } => {
            let known = expected.join("`, `");
            told(format!("unknown key `{field}`"))
                .hint(format!("known keys are `{known}`"))
                .did_you_mean(field, expected.iter().copied())
        }
        Error::SerdeUnknownVariant {
            variant, expected, ..
        } => {
            let known = expected.join("`, `");
            told(format!("unknown word `{variant}`"))
                .hint(format!("known words are `{known}`"))
                .did_you_mean(variant, expected.iter().copied())
        }
        Error::SerdeMissingField { field, .. } => told(format!("the key `{field}` is missing")),
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            told(format!("the key `{key}` is written twice"))
        }
        other => told(format!(
            "this is not a catalogue: {}",
            first_line(&other.to_string())
        )),
    };
    match error.location() {
        Some(location) => at(told, location),
        None => told,
    }
}

fn first_line(text: &str) -> &str {
    text.lines()
        .next()
        .unwrap_or_default()
        .trim_end_matches('.')
}

fn is_file_name(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    !text.is_empty() && text.bytes().all(is_plain)
}

/// The largest catalogue file, in bytes.
const FILE_BYTES: u64 = 8 * 1024 * 1024;

/// The name under which stile's own operations are used like any catalogue.
pub const OWN: &str = "stile";
const OWN_TEXT: &str = include_str!("own.yaml");

/// The name under which the pages of the console are used like any catalogue, and of the upstream that
/// they have instead of one: no upstream of a settings file can be called so.
pub const CONSOLE: &str = "stile.console";
const CONSOLE_TEXT: &str = include_str!("console.yaml");
