//! Checks which catalogue each upstream uses, which of them takes deployments, and whether there is a
//! console.
//!
//! In: `upstreams` as written and the folder of policies. Out: the settings of the catalogue; the
//! files are there.

use std::path::Path;

use crate::config::check::{Checks, elements};
use crate::config::file::File;
use crate::config::origin::Place;
use crate::config::tree::shortened;
use crate::resolve::{CONSOLE, CatalogueSettings, CatalogueUse, OWN};
use crate::setup_error::nearest;

/// Which catalogue each upstream uses; the files must be there.
pub(in crate::config::check) fn catalogue(
    file: &File,
    policies: Option<&Path>,
    checks: &mut Checks,
) -> Option<CatalogueSettings> {
    let folder = policies?.join("operations");
    let mut uses = Vec::new();
    for (place, upstream) in elements(file.upstreams.get()?) {
        let operations = upstream
            .operations
            .required("operations", place, &mut checks.faults);
        let Some(operations) = operations else {
            continue;
        };
        known_operations(operations, upstream.operations.place(), &folder, checks);
        let pinned = upstream.pinned.get().into_iter().flatten();
        uses.push(CatalogueUse {
            upstream: upstream.name.get().cloned().unwrap_or_default(),
            operations: operations.clone(),
            pinned: pinned
                .filter_map(|(name, value)| Some((name.clone(), value.get()?.clone())))
                .collect(),
        });
    }
    uses.extend(deployments(file, checks));
    if *file.console.get()? {
        uses.push(CatalogueUse {
            upstream: CONSOLE.to_owned(),
            operations: CONSOLE.to_owned(),
            pinned: Vec::new(),
        });
    }
    Some(CatalogueSettings { folder, uses })
}

/// The use of stile's own catalogue, by the upstream that deployments go to.
fn deployments(file: &File, checks: &mut Checks) -> Option<CatalogueUse> {
    let mut takers = elements(file.upstreams.get()?)
        .filter(|(_, upstream)| upstream.deployments.get() == Some(&true));
    let (_, first) = takers.next()?;
    if let Some((_, second)) = takers.next() {
        let what = "deployments go to one upstream, and another one takes them already";
        checks.refuse(
            second.deployments.place(),
            what,
            "keep `deployments: true` at one of them",
        );
    }
    Some(CatalogueUse {
        upstream: first.name.get().cloned().unwrap_or_default(),
        operations: OWN.to_owned(),
        pinned: Vec::new(),
    })
}

fn known_operations(operations: &str, place: &Place, folder: &Path, checks: &mut Checks) {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if operations.is_empty() || !operations.chars().all(plain) {
        let what = format!("`{}` cannot be a catalogue's name", shortened(operations));
        return checks.refuse(place, what, "the file's name without folder and `.yaml`");
    }
    let file = folder.join(format!("{operations}.yaml"));
    if file.is_file() {
        return;
    }
    let there: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            name.strip_suffix(".yaml").map(str::to_owned)
        })
        .collect();
    let hint = match nearest(operations, there.iter().map(String::as_str)) {
        Some(word) => format!("did you mean `{word}`?"),
        None => "`stile operations import` makes one from an OpenAPI file".to_owned(),
    };
    checks.refuse(
        place,
        format!("there is no catalogue `{}`", file.display()),
        &hint,
    );
}
