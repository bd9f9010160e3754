//! The kinds of requests that a claim is about: a type of caller, an action, a type of resource.
//!
//! In: a claim and the catalogue. Out: every [`Kind`] that some entry of the catalogue makes
//! possible. Inside one kind everything else is open, and left to the solver.

use std::collections::{BTreeMap, BTreeSet};

use super::{Subject, region};
use crate::authorize::{InProject, Invariant, kind_of};
use crate::resolve::{Class, Entry};

/// One kind of requests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    /// `Job`, `Person` or `Agent`.
    pub(super) who: &'static str,
    pub(super) action: String,
    pub(super) class: Class,
    /// The resource's type in policies.
    pub(super) on: String,
    pub(super) within: InProject,
}

/// Every kind that the claim is about.
pub(super) fn of(subject: Subject<'_>, claim: &Invariant) -> Vec<Kind> {
    let region = region(claim);
    let who = region.map_or(EVERYBODY, |region| region.who.as_slice());
    let mut kinds = Vec::new();
    for ((action, on), (class, places)) in asked_for(subject) {
        if region.is_some_and(|region| !region.actions.contains(&action)) {
            continue;
        }
        let within = match (places.contains(&true), places.contains(&false)) {
            (true, false) => InProject::Always,
            (false, true) => InProject::Never,
            _ => InProject::Sometimes,
        };
        kinds.extend(who.iter().map(|who| Kind {
            who,
            action: action.clone(),
            class,
            on: on.clone(),
            within,
        }));
    }
    kinds
}

/// Action and resource type → class, and whether its requests name a project.
fn asked_for(subject: Subject<'_>) -> BTreeMap<(String, String), (Class, BTreeSet<bool>)> {
    let mut all = BTreeMap::new();
    for entry in subject.catalogue.entries() {
        let on = resource_type(entry).to_owned();
        let (_, places) = all
            .entry((entry.action.clone(), on))
            .or_insert_with(|| (entry.class, BTreeSet::new()));
        places.insert(subject.catalogue.names_project(entry));
    }
    all
}

/// The type in policies of what an entry is about.
pub(super) fn resource_type(entry: &Entry) -> &str {
    kind_of(&entry.resource_type, entry.names_one)
}

const EVERYBODY: &[&str] = &["Job", "Person", "Agent"];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::authorize::{Policies, PolicySettings, Verdict, Vouching};
    use crate::clock::Time;
    use crate::resolve::{Catalogue, CatalogueSettings, CatalogueUse};
    use crate::workbench::Classes;
    use crate::workbench::prove::found::Sketch;
    use crate::workbench::prove::refutation::requests;

    /// A proof about requests that exist must leave none of them out. Whatever the judge allows to a
    /// representative of any class is possible.
    #[test]
    fn nothing_that_the_judge_allows_is_called_impossible() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        let uses = ["lightstep", "otlp"].map(|name| CatalogueUse {
            upstream: name.to_owned(),
            operations: name.to_owned(),
            pinned: Vec::new(),
        });
        let catalogue = Catalogue::load(&CatalogueSettings {
            folder: folder.join("operations"),
            uses: uses.to_vec(),
        });
        let (catalogue, now) = (catalogue.unwrap(), Time::from_secs(1_795_000_000));
        let settings = PolicySettings {
            folder,
            time_zone: "Europe/Berlin".to_owned(),
            explain: crate::authorize::Explain::Checks,
            mode: crate::authorize::Mode::Enforce,
            shared_audience: None,
        };
        let policies = Policies::load(&settings, catalogue.entries(), now).unwrap();
        let vouching = Vouching {
            jobs: vec!["gitlab".to_owned()],
            others: vec!["okta".to_owned()],
        };
        let beyond = BTreeMap::new();
        let subject = Subject {
            policies: &policies,
            catalogue: &catalogue,
            vouching: &vouching,
            now: policies.moment(now),
            beyond: &beyond,
        };
        let provable = policies.provable(&vouching, &[]).unwrap();
        let mut sets = BTreeMap::new();
        for kind in of(subject, &Invariant::nothing_beyond("")) {
            let set = provable.policies(kind.class, kind.within).unwrap();
            sets.insert((kind.action, kind.on), set);
        }
        let mut allowed = 0;
        for (caller, ask) in Classes::of(&[policies.world()], subject.now).each() {
            let sketch = Sketch {
                facts: caller.facts.clone(),
                action: ask.action().to_owned(),
                resource: ask.resource.clone(),
                owner: ask.owner.clone(),
                ticket: caller.ticket.clone(),
                moment: caller.moment,
            };
            for (sketch, _) in requests(subject, &sketch) {
                let posed = sketch.posed();
                if policies.weigh(&posed).verdict == Verdict::Allow {
                    allowed += 1;
                    let set = &sets[&(sketch.action.clone(), sketch.resource.kind.clone())];
                    assert!(!policies.is_impossible(set, &posed), "{sketch:?}");
                }
            }
        }
        assert!(allowed > 100, "{allowed} were allowed");
    }
}
