//! Makes a binding a policy: its template, parsed once, with its slots filled.
//!
//! In: a [`Binding`]. Out: the set with a policy of the binding's name in it.
//!
//! Never: two policies of one name.

use std::collections::HashMap;

use cedar_policy as cedar;

use super::{Building, Source};
use crate::authorize::bindings::Binding;
use crate::authorize::folder::File;
use crate::setup_error::Code;

impl Building<'_> {
    pub(super) fn link(&mut self, file: &File, binding: &Binding) -> Result<(), (Code, String)> {
        let source = Source {
            file: file.path.clone(),
            line: binding.line,
            column: binding.column,
            guardrail: false,
            observed: binding.observed,
            accepted: binding.accepted.clone(),
            text: None,
        };
        if self.sources.contains_key(&binding.name) {
            let why = format!("a policy is called `{}` already", binding.name);
            return Err((Code::TwoAlike, why));
        }
        let next = format!("template {}", self.templates.len() + 1);
        let template = self.templates.entry(binding.template.clone());
        let template = template.or_insert(next).clone();
        let invalid = |why| (Code::Invalid, why);
        put(&mut self.set, binding, &template).map_err(invalid)?;
        if binding.org_admin {
            put(&mut self.org_admins, binding, &template).map_err(invalid)?;
        }
        self.sources.insert(binding.name.clone(), source);
        Ok(())
    }
}

fn put(set: &mut cedar::PolicySet, binding: &Binding, template: &str) -> Result<(), String> {
    let wrong = |why: &dyn std::fmt::Display| format!("binding `{}`: {why}", binding.name);
    let id = cedar::PolicyId::new(&binding.name);
    let mut slots = HashMap::new();
    let filled = [
        (cedar::SlotId::principal(), &binding.principal),
        (cedar::SlotId::resource(), &binding.resource),
    ];
    for (slot, with) in filled {
        if let Some((kind, name)) = with {
            let kind: cedar::EntityTypeName = kind.parse().map_err(|why| wrong(&why))?;
            let name = cedar::EntityId::new(name);
            slots.insert(slot, cedar::EntityUid::from_type_name_and_id(kind, name));
        }
    }
    if slots.is_empty() {
        let policy = cedar::Policy::parse(Some(id), &binding.template);
        return set
            .add(policy.map_err(|why| wrong(&why))?)
            .map_err(|why| wrong(&why));
    }
    let template = cedar::PolicyId::new(template);
    if set.template(&template).is_none() {
        let parsed = cedar::Template::parse(Some(template.clone()), &binding.template);
        set.add_template(parsed.map_err(|why| wrong(&why))?)
            .map_err(|why| wrong(&why))?;
    }
    set.link(template, id, slots).map_err(|why| wrong(&why))
}
