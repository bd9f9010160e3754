//! Makes a refutation plainer, as long as it still refutes.
//!
//! In: a [`Sketch`] and the judge's word on whether one refutes. Out: a sketch in which everything
//! that does not matter has its usual value.
//!
//! A solver answers with whatever fits: a branch called `!`, a Tuesday in 2041. So each fact in turn
//! is set to the value that a reader expects, or that a caller would least need, and kept where the
//! judge still agrees. What is left unusual is what the hole is about.

use jiff::civil::Date;

use super::found::Sketch;
use super::names::Names;
use crate::authorize::Moment;
use crate::identify::{Agent, Job, Person, Who};

/// The plainest that still refutes.
pub(super) fn plainer(sketch: Sketch, names: &Names, refutes: impl Fn(&Sketch) -> bool) -> Sketch {
    let mut best = sketch;
    let mut attempt = |change: &dyn Fn(&mut Sketch)| {
        let mut next = best.clone();
        change(&mut next);
        if refutes(&next) {
            best = next;
        }
    };
    attempt(&|it| it.ticket = None);
    attempt(&|it| {
        if it.ticket.is_some() {
            it.ticket = Some("TICKET-1".to_owned());
        }
    });
    attempt(&|it| it.owner = None);
    attempt(&|it| {
        if it.resource.kind != "Project" && it.resource.id.is_some() {
            it.resource.id = Some("1".to_owned());
        }
    });
    attempt(&|it| it.moment = Moment::on(WEDNESDAY, 12 * 60));
    attempt(&|it| it.moment = Moment::on(WEDNESDAY, it.moment.minute_of_day));
    attempt(&|it| it.facts.subject = "somebody".to_owned());
    for change in JOBS {
        attempt(&|it| of_job(it, change));
    }
    attempt(&|it| {
        if let Who::Job(job) = &mut it.facts.who
            && let Some(group) = names.group_above(&job.repository)
        {
            job.repository = format!("{group}/api");
        }
    });
    for change in PEOPLE {
        attempt(&|it| of_person(it, change));
    }
    for change in AGENTS {
        attempt(&|it| of_agent(it, change));
    }
    for at in (0..MOST_GROUPS).rev() {
        attempt(&|it| match &mut it.facts.who {
            Who::Person(Person { groups, .. }) | Who::Agent(Agent { groups, .. })
                if at < groups.len() =>
            {
                groups.remove(at);
            }
            _ => {}
        });
    }
    attempt(&|it| {
        let project = names.projects().first();
        if it.resource.kind != "Project" && it.resource.project.is_some() {
            it.resource.project = project.cloned();
        }
    });
    best
}

fn of_job(sketch: &mut Sketch, change: &fn(&mut Job)) {
    if let Who::Job(job) = &mut sketch.facts.who {
        change(job);
    }
}

fn of_person(sketch: &mut Sketch, change: &fn(&mut Person)) {
    if let Who::Person(person) = &mut sketch.facts.who {
        change(person);
    }
}

fn of_agent(sketch: &mut Sketch, change: &fn(&mut Agent)) {
    if let Who::Agent(agent) = &mut sketch.facts.who {
        change(agent);
    }
}

/// What a job would least need, and then names that a reader expects.
const JOBS: &[fn(&mut Job)] = &[
    |job| job.ref_protected = false,
    |job| job.from_fork = false,
    |job| job.pipeline_source = "push".to_owned(),
    |job| job.git_ref = if job.ref_protected { "main" } else { "feature" }.to_owned(),
    |job| job.ref_type = None,
    |job| job.namespace_id = None,
    |job| job.repository_id = "1".to_owned(),
    |job| job.job_repository = None,
    |job| job.job_repository_id = None,
    |job| job.workflow = None,
    |job| job.runner_environment = None,
    |job| job.job_source = None,
    |job| job.access_level = None,
    |job| job.visibility = None,
    |job| job.environment_protected = None,
    |job| job.deployment_tier = None,
    |job| {
        // Issuers tell these two of an environment only.
        let of_one = job.environment_protected.is_some() || job.deployment_tier.is_some();
        job.environment = of_one.then(|| "production".to_owned());
    },
    |job| job.environment_action = None,
    |job| job.sha = None,
];

const PEOPLE: &[fn(&mut Person)] = &[
    |person| person.mfa = false,
    |person| person.name = "somebody".to_owned(),
    |person| person.roles.clear(),
    |person| person.scopes.clear(),
    |person| person.client = None,
    |person| person.email = None,
    |person| person.domain = None,
];

const AGENTS: &[fn(&mut Agent)] = &[
    |agent| agent.name = "somebody".to_owned(),
    |agent| agent.actors.clear(),
    |agent| agent.acts_for = None,
    |agent| agent.roles.clear(),
    |agent| agent.scopes.clear(),
    |agent| agent.client = None,
];

/// A person in more groups than this keeps the rest.
const MOST_GROUPS: usize = 32;

const WEDNESDAY: Date = jiff::civil::date(2026, 1, 7);
