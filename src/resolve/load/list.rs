//! Checks what a catalogue file declares of lists.
//!
//! In: a file as written. Out: the [`ListShape`] of an operation, or everything that is wrong.

use std::sync::Arc;

use serde_saphyr::Location;

use super::object::{pointer_fault, steps};
use crate::resolve::list::ListShape;
use crate::resolve::written::{Written, WrittenOperation, WrittenResource};
use crate::setup_error::SetupError;

/// Where the items of an operation's answer are, where it declares that.
pub(super) fn of(
    operation: &WrittenOperation,
    holes: &WrittenResource,
    written: &Written,
) -> Option<Arc<ListShape>> {
    let list = operation.list.as_ref()?;
    let mut read = written.operations.iter().map(|one| &one.value);
    let read = read.find(|one| one.action.value == list.read.value);
    let name = &read?.resource.value;
    let kind = &written.resources.get(name)?.value;
    let labels = list.labels.as_ref().map(|labels| steps(&labels.value));
    Some(Arc::new(ListShape {
        read: list.read.value.clone(),
        items: way(&list.items.value)?,
        id: steps(&list.id.value)?,
        labels: match labels {
            Some(labels) => Some(labels?),
            None => None,
        },
        object: super::object::of(holes, None).map(|shape| (*shape).clone()),
        is_of_projects: kind.id.is_some() && (kind.id == kind.project || name == "Project"),
    }))
}

/// Everything wrong, each with its place.
pub(super) fn faults(written: &Written) -> Vec<(Location, SetupError)> {
    let mut faults = Vec::new();
    for operation in &written.operations {
        let Some(list) = &operation.value.list else {
            continue;
        };
        faults.extend(read_fault(written, &operation.value));
        if way(&list.items.value).is_none() {
            faults.extend(pointer_fault(&list.items));
        }
        faults.extend(pointer_fault(&list.id));
        let Some(labels) = &list.labels else {
            continue;
        };
        faults.extend(pointer_fault(labels));
        let resource = written.resources.get(&operation.value.resource.value);
        if resource.is_none_or(|resource| resource.value.object.is_none()) {
            let kind = &operation.value.resource.value;
            let fault = format!("items have `labels`, and `{kind}` declares no `object`");
            let fault = SetupError::new(fault)
                .hint("say under `resources` which label is the owner, or leave `labels` out");
            faults.push((labels.referenced, fault));
        }
    }
    faults
}

/// The keys on the way to a list; none where the answer is the list itself (RFC 6901: the empty
/// pointer is the whole document).
fn way(pointer: &str) -> Option<Vec<String>> {
    match pointer {
        "" => Some(Vec::new()),
        pointer => steps(pointer),
    }
}

fn read_fault(written: &Written, operation: &WrittenOperation) -> Option<(Location, SetupError)> {
    let named = &operation.list.as_ref()?.read;
    let known = || written.operations.iter().map(|one| &one.value);
    let mut found = known().filter(|one| one.action.value == named.value);
    let fault = match found.next() {
        None => {
            let names = known().map(|one| one.action.value.as_str());
            let fault = format!("no operation is `{}`", named.value);
            SetupError::new(fault).did_you_mean(&named.value, names)
        }
        Some(read) if read.resource.value != operation.resource.value => {
            SetupError::new(format!("`{}` reads another type", named.value))
                .hint("name the action that reads one of what is listed")
        }
        Some(read) => {
            let first = read.requests.first();
            if first.is_some_and(|request| request.value.starts_with("GET ")) {
                return None;
            }
            SetupError::new(format!("`{}` is not asked with GET", named.value))
                .hint("name the action that reads one item")
        }
    };
    Some((named.referenced, fault))
}
