//! Proposes the smallest binding that would allow something, with the case that proves it.
//!
//! In: who asks, what for, and the set that does not allow it. Out: a [`Proposal`] of YAML, or why no
//! binding can allow it.
//!
//! Smallest: this very repository or team, this project, a role of as few actions as there is, or a
//! new one of just those that are asked for; `own`, `mfa` and `env` where they hold anyway.
//!
//! Never: put in force, or believed: whoever prints it loads it first and asks the judge again. A
//! guardrail is never worked around.

use std::collections::BTreeSet;

use crate::authorize::{Answer, Moment, Policies, Posed, Verdict, World};
use crate::identify::{Facts, Job, Who};
use crate::resolve::{Class, Resource};

mod written;

use written::{case, plain, scalar, token};

/// YAML for three files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The binding's name.
    pub name: String,
    /// For `bindings.yaml`.
    pub binding: String,
    /// For `roles.yaml`, where no role is small enough.
    pub role: Option<String>,
    /// For a file of `tests/`.
    pub cases: String,
}

/// Something that was or would be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// The action.
    pub action: String,
    /// On what.
    pub resource: Resource,
    /// The team that owns it.
    pub owner: Option<String>,
    /// When.
    pub moment: Moment,
}

impl Deed {
    /// As the judge takes it.
    pub fn posed<'a>(&'a self, facts: &'a Facts) -> Posed<'a> {
        Posed {
            facts,
            action: &self.action,
            resource: &self.resource,
            owner: self.owner.as_deref(),
            ticket: None,
            moment: self.moment,
        }
    }
}

/// The binding that would allow all of these to this caller.
///
/// # Errors
///
/// Why no binding can, in one sentence.
pub fn propose(policies: &Policies, facts: &Facts, deeds: &[Deed]) -> Result<Proposal, String> {
    let world = policies.world();
    for deed in deeds {
        refuse_forbidden(&policies.weigh(&deed.posed(facts)), deed, &world)?;
    }
    let holder = holder(policies, &world, facts)?;
    let actions: BTreeSet<&str> = deeds.iter().map(|deed| deed.action.as_str()).collect();
    let (role, new_role) = role(policies, &actions, &holder.slug);
    let projects: BTreeSet<&str> = deeds
        .iter()
        .filter_map(|deed| deed.resource.project.as_deref())
        .collect();
    let everywhere = deeds.iter().any(|deed| deed.resource.project.is_none());
    let on = match (everywhere, projects.iter().collect::<Vec<_>>().as_slice()) {
        (true, _) | (_, []) => "all".to_owned(),
        (_, [one]) => scalar(one),
        (_, many) => format!(
            "[{}]",
            many.iter()
                .map(|name| scalar(name))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    };
    let name = unused(policies, &format!("{}-{role}", holder.slug));
    let mut binding = format!(
        "- name: {}\n  {}\n  role: {}\n  on: {on}\n",
        scalar(&name),
        holder.line,
        scalar(&role)
    );
    let own = holder
        .team
        .as_ref()
        .filter(|team| deeds.iter().all(|deed| deed.owner.as_ref() == Some(team)));
    if own.is_some() {
        binding.push_str("  own: true\n");
    }
    for narrower in &holder.narrower {
        binding.push_str(&format!("  {narrower}\n"));
    }
    let reads_clock = world.literals.iter().any(|one| {
        ["weekday", "minute_of_day", "date", "open_hours"]
            .iter()
            .any(|name| one.reads.contains(*name))
    });
    let mut cases = format!(
        "tokens:\n  asker: {}\ncases:\n",
        token(facts, holder.teams.as_slice())
    );
    for deed in deeds {
        cases.push_str(&format!("  - {}\n", case(deed, &name, reads_clock)));
    }
    Ok(Proposal {
        name,
        binding,
        role: new_role,
        cases,
    })
}

fn refuse_forbidden(answer: &Answer, deed: &Deed, world: &World) -> Result<(), String> {
    let power = world
        .actions
        .iter()
        .any(|one| one.action == deed.action && one.class == Class::Power);
    match (answer.verdict, answer.policies.as_slice()) {
        (Verdict::Deny, [_, ..]) if power => Err(format!(
            "no everyday binding can allow this: `{}` hands out secrets or rights, which only a \
             binding of the role org-admin may, and such a one is not proposed",
            deed.action
        )),
        (Verdict::Deny, forbidding @ [_, ..]) => Err(format!(
            "no binding can allow this: the guardrail `{}` forbids it, whatever is bound",
            forbidding.join("`, `")
        )),
        (Verdict::Error, _) => {
            Err("no binding can allow this: a policy cannot be evaluated for it".to_owned())
        }
        _ => Ok(()),
    }
}

/// Who would have it.
struct Holder {
    line: String,
    slug: String,
    team: Option<String>,
    teams: Vec<String>,
    narrower: Vec<String>,
}

fn holder(policies: &Policies, world: &World, facts: &Facts) -> Result<Holder, String> {
    let teams: Vec<String> = policies.teams_of(facts);
    let no_team = || {
        "no binding can allow this: it is in no team of directory.yaml, and bindings are for teams"
            .to_owned()
    };
    match &facts.who {
        Who::Job(job) => job_holder(facts, job),
        Who::Person(person) => {
            let team = smallest(world, &teams).ok_or_else(no_team)?;
            let narrower = match person.mfa {
                true => vec!["mfa: true".to_owned()],
                false => Vec::new(),
            };
            Ok(Holder {
                line: format!("team: {}", scalar(&team)),
                slug: plain(&team),
                team: Some(team),
                teams,
                narrower,
            })
        }
        Who::Agent(_) => {
            let team = smallest(world, &teams).ok_or_else(no_team)?;
            Ok(Holder {
                line: format!("agent: {}", scalar(&team)),
                slug: format!("agents-of-{}", plain(&team)),
                team: Some(team),
                teams,
                narrower: Vec::new(),
            })
        }
    }
}

fn job_holder(facts: &Facts, job: &Job) -> Result<Holder, String> {
    if !job.ref_protected || job.from_fork || job.pipeline_source == "merge_request_event" {
        let why = match (job.from_fork, job.ref_protected) {
            (true, _) => "its code is of a fork",
            (_, false) => "its branch or tag is not protected",
            _ => "it is of a merge request",
        };
        return Err(format!(
            "no binding can allow this: bindings of jobs hold on protected refs only, never for \
             forks or merge requests, and here {why}"
        ));
    }
    let path = match facts.issuer == "gitlab" {
        true => job.repository.clone(),
        false => format!("{}:{}", facts.issuer, job.repository),
    };
    let narrower = match (&job.environment, job.environment_protected) {
        (Some(name), Some(true)) => vec![format!("env: {}", scalar(name))],
        _ => Vec::new(),
    };
    Ok(Holder {
        line: format!("ci: {}", scalar(&path)),
        slug: format!("ci-{}", plain(&path)),
        team: None,
        teams: Vec::new(),
        narrower,
    })
}

/// Of several teams the one that the fewest groups make somebody a member of.
fn smallest(world: &World, teams: &[String]) -> Option<String> {
    let size = |team: &&String| {
        let of = world.teams.iter().find(|(name, _)| name == *team);
        of.map_or(0, |(_, groups)| groups.len())
    };
    teams.iter().min_by_key(size).cloned()
}

/// A role that is small enough, or a new one of just these actions.
fn role(policies: &Policies, actions: &BTreeSet<&str>, slug: &str) -> (String, Option<String>) {
    let roles = policies.roles_with(actions);
    let small = roles
        .into_iter()
        .filter(|(_, size)| *size <= actions.len() + FEW_MORE);
    if let Some((name, _)) = small.min_by_key(|(_, size)| *size) {
        return (name, None);
    }
    let name = match actions.iter().collect::<Vec<_>>().as_slice() {
        [one] => plain(one),
        _ => format!("{slug}-work"),
    };
    let list: Vec<&str> = actions.iter().copied().collect();
    let line = format!("{name}: [{}]\n", list.join(", "));
    (name, Some(line))
}

/// The name, or with a number where it is taken.
fn unused(policies: &Policies, name: &str) -> String {
    let taken = |name: &str| policies.ids().any(|id| id == name);
    let mut found = name.to_owned();
    let mut number = 2;
    while taken(&found) {
        found = format!("{name}-{number}");
        number += 1;
    }
    found
}

/// A role of so many more actions is still small enough to be proposed.
const FEW_MORE: usize = 2;
