//! Says which items of a list a caller may read.
//!
//! In: who asks, the operation that reads one, the items. Out: yes or no for each, by the one judge.
//!
//! Items that no policy names are alike if one team owns them: they are decided once. What a policy or
//! the directory names is decided by itself. So a list of thousands costs as many decisions as it has
//! teams.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::Policies;
use crate::authorize::decision::Verdict;
use crate::authorize::schema::kind_of;
use crate::clock::Time;
use crate::identify::Facts;
use crate::resolve::{Entry, Item, Operation, Resource, Seen};

/// Who reads the items of which list.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// Who reads.
    pub facts: &'a Facts,
    /// The operation that reads one of them.
    pub read: &'a Arc<Entry>,
    /// The project of the list.
    pub project: Option<&'a str>,
    /// Whether each item is a project of its own.
    pub is_of_projects: bool,
    /// When.
    pub now: Time,
}

/// The names of resources that policies speak of: `Dashboard::"X/d1"` by type and id.
pub(in crate::authorize) type Named = BTreeSet<(String, String)>;

impl Policies {
    /// Whether it may depend on an item whether this caller may read it; nothing where it does not,
    /// and then the answer is the same for all.
    pub fn reads_all_alike(&self, reading: &Reading<'_>) -> Option<bool> {
        let any = reading.operation(&Item::unknown());
        if self.may_name(reading) || self.asks_for_owner(reading.facts, &any, reading.now) {
            return None;
        }
        Some(self.allows(reading, &any))
    }

    /// Whether this caller may read each.
    pub fn reads_each(&self, reading: &Reading<'_>, items: &[Item]) -> Vec<bool> {
        let mut known: HashMap<(Option<String>, Option<&str>), bool> = HashMap::new();
        let may_name = self.may_name(reading);
        let each = items.iter().map(|item| {
            let of = reading.operation(item);
            let named = may_name && self.names(reading, &of.resource);
            let owner = self.owner_of(reading.kind(), &of.resource, of.seen.as_deref());
            let class = (owner.map(str::to_owned), named.then_some(item.id.as_str()));
            let decide = || self.allows(reading, &of);
            *known.entry(class).or_insert_with(decide)
        });
        each.collect()
    }

    fn allows(&self, reading: &Reading<'_>, of: &Operation) -> bool {
        self.decide(reading.facts, of, reading.now).verdict == Verdict::Allow
    }

    /// Whether policies may tell items apart by what they are called.
    fn may_name(&self, reading: &Reading<'_>) -> bool {
        reading.is_of_projects || self.named().iter().any(|(of, _)| of == reading.kind())
    }

    fn names(&self, reading: &Reading<'_>, resource: &Resource) -> bool {
        let id = resource.id.as_deref().unwrap_or_default();
        let project = resource.project.as_deref().unwrap_or_default();
        let name = (reading.kind().to_owned(), format!("{project}/{id}"));
        reading.is_of_projects || self.named().contains(&name)
    }

    fn named(&self) -> &Named {
        self.named.get_or_init(|| {
            let policies = self.set.judge.index.policies();
            let literals = policies.flat_map(cedar_policy::Policy::entity_literals);
            literals
                .map(|uid| (uid.type_name().to_string(), uid.id().unescaped().to_owned()))
                .collect()
        })
    }
}

impl Reading<'_> {
    fn kind(&self) -> &str {
        kind_of(&self.read.resource_type, true)
    }

    /// What it is to read this one.
    fn operation(&self, item: &Item) -> Operation {
        let seen = item.team.as_ref().map(|team| {
            Arc::new(Seen {
                team: Some(team.clone()),
                found: "label".to_owned(),
                ..Seen::default()
            })
        });
        let project = match self.is_of_projects {
            true => Some(item.id.as_str()),
            false => self.project,
        };
        Operation {
            entry: Arc::clone(self.read),
            resource: Resource {
                kind: self.kind().to_owned(),
                id: Some(item.id.clone()),
                project: project.map(str::to_owned),
            },
            parameters: Vec::new(),
            seen,
        }
    }
}
