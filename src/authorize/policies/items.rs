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

/// The names of resources that policies speak of: `Dashboard::"X/d1"` by type and id.
pub(in crate::authorize) type Named = BTreeSet<(String, String)>;

impl Policies {
    /// Whether it may depend on an item whether this caller may read it; nothing where it does not,
    /// and then the answer is the same for all.
    pub fn reads_all_alike(
        &self,
        facts: &Facts,
        read: &Arc<Entry>,
        project: Option<&str>,
        now: Time,
    ) -> Option<bool> {
        let kind = kind_of(&read.resource_type, true);
        let item = Item::unknown();
        let any = operation(read, kind, project, &item);
        let names_some = self.named().iter().any(|(of, _)| of == kind);
        if names_some || kind == "Project" || self.asks_for_owner(facts, &any, now) {
            return None;
        }
        Some(self.decide(facts, &any, now).verdict == Verdict::Allow)
    }

    /// Whether this caller may read each.
    pub fn reads_each(
        &self,
        facts: &Facts,
        read: &Arc<Entry>,
        project: Option<&str>,
        items: &[Item],
        now: Time,
    ) -> Vec<bool> {
        let kind = kind_of(&read.resource_type, true);
        let mut known: HashMap<(Option<String>, Option<&str>), bool> = HashMap::new();
        let names_some = kind == "Project" || self.named().iter().any(|(of, _)| of == kind);
        let each = items.iter().map(|item| {
            let of = operation(read, kind, project, item);
            let named = names_some && self.is_named(kind, &of.resource);
            let owner = self.owner_of(kind, &of.resource, of.seen.as_deref());
            let class = (owner.map(str::to_owned), named.then_some(item.id.as_str()));
            let decide = || self.decide(facts, &of, now).verdict == Verdict::Allow;
            *known.entry(class).or_insert_with(decide)
        });
        each.collect()
    }

    fn is_named(&self, kind: &str, resource: &Resource) -> bool {
        let id = resource.id.as_deref().unwrap_or_default();
        if kind == "Project" {
            return true;
        }
        let project = resource.project.as_deref().unwrap_or_default();
        let name = (kind.to_owned(), format!("{project}/{id}"));
        self.named().contains(&name)
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

fn operation(read: &Arc<Entry>, kind: &str, project: Option<&str>, item: &Item) -> Operation {
    let is_project = kind == "Project";
    let seen = item.team.as_ref().map(|team| {
        Arc::new(Seen {
            team: Some(team.clone()),
            found: "label".to_owned(),
            ..Seen::default()
        })
    });
    Operation {
        entry: Arc::clone(read),
        resource: Resource {
            kind: kind.to_owned(),
            id: Some(item.id.clone()),
            project: match is_project {
                true => Some(item.id.clone()),
                false => project.map(str::to_owned),
            },
        },
        parameters: Vec::new(),
        seen,
    }
}
