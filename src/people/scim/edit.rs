//! Reads what is to become of a user or a group.
//!
//! In: a resource, or a PATCH in the manner of Okta or of Entra ID. Out: [`Edit`]s in their order.
//!
//! What is not kept is read over: of people names, addresses and phones would be personal data that
//! nothing here needs. What is kept must have the right type, and a name is not there twice in two
//! spellings.
//!
//! RFC 7643 2.1, 3.1, 4.1, 4.2; RFC 7644 3.5.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::entry::{Id, Kind, id_of};
use super::filter::{Path, path};
use super::problem::Problem;

/// One step of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    /// A user's `userName`, a group's `displayName`.
    Name(String),
    ExternalId(Option<String>),
    DisplayName(Option<String>),
    Active(bool),
    AddMembers(Vec<Id>),
    RemoveMembers(Vec<Id>),
    SetMembers(Vec<Id>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Op {
    Add,
    Replace,
    Remove,
}

/// What a whole resource says.
pub(super) fn of_resource(kind: Kind, body: Map<String, Value>) -> Result<Vec<Edit>, Problem> {
    let mut named = lower(body)?;
    expect_schema(named.remove("schemas"), kind.schema())?;
    of_named(kind, named, Op::Replace)
}

/// What a PATCH says.
pub(super) fn of_patch(kind: Kind, body: Map<String, Value>) -> Result<Vec<Edit>, Problem> {
    let mut named = lower(body)?;
    expect_schema(named.remove("schemas"), PATCH)?;
    let Some(Value::Array(operations)) = named.remove("operations") else {
        return Err(syntax("`Operations` is no list"));
    };
    if operations.is_empty() {
        return Err(syntax("`Operations` is empty"));
    }
    let mut edits = Vec::new();
    for operation in operations {
        edits.extend(of_operation(kind, operation)?);
    }
    Ok(edits)
}

fn of_operation(kind: Kind, operation: Value) -> Result<Vec<Edit>, Problem> {
    let Value::Object(operation) = operation else {
        return Err(syntax("an operation is no object"));
    };
    let mut named = lower(operation)?;
    let op = match named.remove("op") {
        Some(Value::String(op)) => op.to_ascii_lowercase(),
        _ => return Err(syntax("an operation has no `op`")),
    };
    let op = match op.as_str() {
        "add" => Op::Add,
        "replace" => Op::Replace,
        "remove" => Op::Remove,
        _ => return Err(syntax("`op` is none of `add`, `replace`, `remove`")),
    };
    let value = named.remove("value");
    match named.remove("path") {
        Some(Value::String(text)) => {
            let path = path(&text)?;
            if matches!(
                path.attribute.as_str(),
                "id" | "meta" | "schemas" | "groups"
            ) {
                let detail = format!("`{}` is set here and by nobody else", path.attribute);
                return Err(Problem::bad("mutability", detail));
            }
            Ok(of_attribute(kind, &path, value, op)?.into_iter().collect())
        }
        None | Some(Value::Null) if op == Op::Remove => {
            Err(Problem::bad("noTarget", "`remove` says no path"))
        }
        None | Some(Value::Null) => match value {
            Some(Value::Object(value)) => of_named(kind, lower(value)?, op),
            _ => Err(value_of("value", "an object where there is no path")),
        },
        Some(_) => Err(Problem::bad("invalidPath", "`path` is no text")),
    }
}

/// Each name is a path; what is ours to set, and comes back with what we said, is read over.
fn of_named(kind: Kind, named: BTreeMap<String, Value>, op: Op) -> Result<Vec<Edit>, Problem> {
    let mut edits = Vec::new();
    for (name, value) in named {
        // Names of extensions have no form that we know.
        let Ok(path) = path(&name) else { continue };
        edits.extend(of_attribute(kind, &path, Some(value), op)?);
    }
    Ok(edits)
}

fn of_attribute(
    kind: Kind,
    path: &Path,
    value: Option<Value>,
    op: Op,
) -> Result<Option<Edit>, Problem> {
    let whole = path.tests.is_none() && path.part.is_none();
    let removes = op == Op::Remove;
    let edit = match (kind, path.attribute.as_str()) {
        (Kind::Group, "members") => return of_members(path, value, op).map(Some),
        (Kind::User, "username") | (Kind::Group, "displayname") if whole => {
            let name = if kind == Kind::User {
                "userName"
            } else {
                "displayName"
            };
            let text = if removes { None } else { text(name, value)? };
            Edit::Name(text.ok_or_else(|| value_of(name, "not empty"))?)
        }
        (_, "externalid") if whole => Edit::ExternalId(match removes {
            true => None,
            false => text("externalId", value)?,
        }),
        (Kind::User, "displayname") if whole => Edit::DisplayName(match removes {
            true => None,
            false => text("displayName", value)?,
        }),
        (Kind::User, "active") if whole => match value {
            Some(Value::Bool(active)) if !removes => Edit::Active(active),
            // Entra ID sends texts, unless it is told otherwise.
            Some(Value::String(text)) if !removes && text.eq_ignore_ascii_case("true") => {
                Edit::Active(true)
            }
            Some(Value::String(text)) if !removes && text.eq_ignore_ascii_case("false") => {
                Edit::Active(false)
            }
            _ => return Err(value_of("active", "true or false")),
        },
        (_, "username" | "externalid" | "displayname" | "active") if !whole => {
            let detail = format!("`{}` has one value and no parts", path.attribute);
            return Err(Problem::bad("invalidPath", detail));
        }
        _ => return Ok(None),
    };
    Ok(Some(edit))
}

fn of_members(path: &Path, value: Option<Value>, op: Op) -> Result<Edit, Problem> {
    if path.part.is_some() {
        return Err(Problem::bad(
            "invalidPath",
            "a member is changed as a whole",
        ));
    }
    if let Some(tests) = &path.tests {
        let mut ids = Vec::new();
        for test in tests {
            match &test.value {
                Value::String(id) if test.attribute == "value" => ids.extend(id_of(id)),
                _ => {
                    let detail = "members are told apart by `members[value eq \"ID\"]`";
                    return Err(Problem::bad("invalidPath", detail));
                }
            }
        }
        return match (op, tests.len()) {
            (Op::Remove, 1) => Ok(Edit::RemoveMembers(ids)),
            _ => Err(Problem::bad(
                "invalidPath",
                "with a filter one member is removed, and nothing else",
            )),
        };
    }
    match (op, value) {
        (Op::Remove, None | Some(Value::Null)) => Ok(Edit::SetMembers(Vec::new())),
        // Whoever is removed may be unknown: they are no member, as was asked.
        (Op::Remove, Some(value)) => {
            let ids = member_ids(value)?;
            let known = ids.iter().filter_map(|id| id_of(id));
            Ok(Edit::RemoveMembers(known.collect()))
        }
        (_, value) => {
            let ids = member_ids(value.unwrap_or_default())?;
            let known = ids.iter().map(|id| {
                id_of(id).ok_or_else(|| {
                    let id: String = id.chars().take(64).collect();
                    let what = format!("ids of users; there is none of {id:?}");
                    value_of("members", &what)
                })
            });
            let known = known.collect::<Result<_, _>>()?;
            Ok(match op {
                Op::Add => Edit::AddMembers(known),
                _ => Edit::SetMembers(known),
            })
        }
    }
}

fn member_ids(value: Value) -> Result<Vec<String>, Problem> {
    let wrong = || value_of("members", "a list of objects with a `value`");
    let list = match value {
        Value::Array(list) => list,
        one @ Value::Object(_) => vec![one],
        Value::Null => Vec::new(),
        _ => return Err(wrong()),
    };
    let id = |member: Value| match member {
        Value::Object(member) => match lower(member)?.remove("value") {
            Some(Value::String(id)) => Ok(id),
            _ => Err(wrong()),
        },
        _ => Err(wrong()),
    };
    list.into_iter().map(id).collect()
}

/// A text of reasonable length that can be shown; none for null and the empty text.
fn text(name: &str, value: Option<Value>) -> Result<Option<String>, Problem> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => {
            if text.len() > LONGEST || text.chars().any(char::is_control) {
                return Err(value_of(name, "one line of at most 512 bytes"));
            }
            Ok((!text.trim().is_empty()).then_some(text))
        }
        Some(_) => Err(value_of(name, "a text")),
    }
}

/// By names in lower case (RFC 7643 2.1).
fn lower(object: Map<String, Value>) -> Result<BTreeMap<String, Value>, Problem> {
    let mut named = BTreeMap::new();
    for (name, value) in object {
        let name = super::filter::attribute_of(&name).unwrap_or_else(|| name.to_lowercase());
        if named.insert(name, value).is_some() {
            return Err(syntax("an attribute is there twice, spelt in two ways"));
        }
    }
    Ok(named)
}

fn expect_schema(schemas: Option<Value>, schema: &str) -> Result<(), Problem> {
    let named = match &schemas {
        Some(Value::Array(list)) => list.iter().any(|one| {
            let text = one.as_str().unwrap_or_default();
            text.eq_ignore_ascii_case(schema)
        }),
        _ => false,
    };
    match named {
        true => Ok(()),
        false => Err(syntax(&format!("`schemas` does not name `{schema}`"))),
    }
}

fn syntax(detail: &str) -> Problem {
    Problem::bad("invalidSyntax", detail)
}

fn value_of(name: &str, what: &str) -> Problem {
    Problem::bad("invalidValue", format!("`{name}` must be {what}"))
}

const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const LONGEST: usize = 512;
