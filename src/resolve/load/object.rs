//! Checks what a catalogue file declares of objects.
//!
//! In: a file as written. Out: the [`ObjectShape`] of an operation, or everything that is wrong.
//!
//! An object that cannot be read is nobody's, so a declaration that can never lead to one is a
//! fault of the file and no quiet refusal later.

use std::sync::Arc;

use serde_saphyr::{Location, Spanned};

use crate::resolve::object::{BodyMeans, ObjectShape};
use crate::resolve::written::{Written, WrittenObject, WrittenResource};
use crate::setup_error::SetupError;

/// What an operation's objects say, where its type declares anything.
pub(super) fn of(holes: &WrittenResource, body: Option<BodyMeans>) -> Option<Arc<ObjectShape>> {
    let written = holes.object.as_ref()?;
    let same = written.same.iter();
    Some(Arc::new(ObjectShape {
        read: written.read.value.clone(),
        labels: steps(&written.labels.value)?,
        owner: written.owner.clone(),
        same: same
            .map(|(name, place)| Some((name.clone(), steps(&place.value)?)))
            .collect::<Option<_>>()?,
        body,
    }))
}

/// Everything wrong, each with its place.
pub(super) fn faults(written: &Written) -> Vec<(Location, SetupError)> {
    let mut faults = Vec::new();
    for resource in written.resources.values() {
        if let Some(object) = &resource.value.object {
            faults.extend(read_fault(written, object));
            faults.extend(pointer_fault(&object.labels));
            faults.extend(object.same.values().filter_map(pointer_fault));
        }
    }
    for operation in &written.operations {
        let resource = written.resources.get(&operation.value.resource.value);
        let declared = resource.is_some_and(|resource| resource.value.object.is_some());
        if operation.value.body.is_some() && !declared {
            let kind = &operation.value.resource.value;
            let fault = format!("`body` is judged, and `{kind}` declares no `object`");
            let fault = SetupError::new(fault)
                .hint("say under `resources` where one has its labels, or leave `body` out");
            faults.push((operation.referenced, fault));
        }
    }
    faults
}

fn read_fault(written: &Written, object: &WrittenObject) -> Option<(Location, SetupError)> {
    let named = &object.read.value;
    let mut operations = written.operations.iter();
    let found = operations.find(|operation| operation.value.action.value == *named);
    let fault = match found {
        None => {
            let known = written.operations.iter();
            let known = known.map(|operation| operation.value.action.value.as_str());
            SetupError::new(format!("no operation is `{named}`")).did_you_mean(named, known)
        }
        Some(found) => {
            let first = found.value.requests.first();
            if first.is_some_and(|request| request.value.starts_with("GET ")) {
                return None;
            }
            SetupError::new(format!("`{named}` is not asked with GET"))
                .hint("name the action that reads one object")
        }
    };
    Some((object.read.referenced, fault))
}

pub(super) fn pointer_fault(pointer: &Spanned<String>) -> Option<(Location, SetupError)> {
    if steps(&pointer.value).is_some() {
        return None;
    }
    let fault = SetupError::new(format!("`{}` is no place in an object", pointer.value))
        .hint("write the keys on the way to it: `/data/attributes/labels`");
    Some((pointer.referenced, fault))
}

/// The keys of a JSON pointer (RFC 6901) that has at least one, none of them escaped.
pub(super) fn steps(pointer: &str) -> Option<Vec<String>> {
    let keys = pointer.strip_prefix('/')?;
    let plain = |key: &str| !key.is_empty() && !key.contains('~');
    let keys: Vec<String> = keys.split('/').map(str::to_owned).collect();
    keys.iter().all(|key| plain(key)).then_some(keys)
}
