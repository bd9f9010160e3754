//! The classes of jobs: where their code is, what they run on, what they deploy to.
//!
//! In: groups and repositories of the directory, and what policies compare jobs with. Out: callers.

use super::axes::{Axis, combined, inside, outside};
use super::places::all_places;
use super::{Caller, moments};
use crate::authorize::{Literals, Moment, World};
use crate::identify::{Facts, Job, Who};

/// Every class of jobs.
pub(super) fn callers(
    worlds: &[World],
    spoken: &Literals,
    now: Moment,
    uncovered: &mut Vec<String>,
) -> Vec<Caller> {
    let usual = Caller {
        name: String::new(),
        facts: Facts {
            issuer: "gitlab".to_owned(),
            subject: String::new(),
            who: Who::Job(job()),
        },
        moment: now,
        ticket: None,
    };
    let axes = [
        places(worlds, spoken),
        protection(spoken),
        texts(spoken, "ref", &["main", "feat/x"], false, |job, value| {
            job.git_ref = value.unwrap_or_default();
        }),
        fork(spoken),
        texts(
            spoken,
            "pipeline_source",
            &["push", "web"],
            false,
            |job, value| {
                job.pipeline_source = value.unwrap_or_default();
            },
        ),
        environment(spoken),
        texts(
            spoken,
            "ref_type",
            &["branch", "tag"],
            true,
            |job, value| job.ref_type = value,
        ),
        texts(spoken, "workflow", &[], true, |job, value| {
            job.workflow = value
        }),
        texts(spoken, "runner_environment", &[], true, |job, value| {
            job.runner_environment = value;
        }),
        texts(spoken, "job_source", &[], true, |job, value| {
            job.job_source = value
        }),
        texts(spoken, "access_level", &[], true, |job, value| {
            job.access_level = value
        }),
        texts(spoken, "visibility", &[], true, |job, value| {
            job.visibility = value
        }),
        texts(spoken, "environment_action", &[], true, |job, value| {
            job.environment_action = value;
        }),
        texts(spoken, "job_repository", &[], true, |job, value| {
            job.job_repository = value
        }),
        texts(spoken, "sha", &[], true, |job, value| job.sha = value),
        moments::axis(spoken, now),
        ticket(spoken),
    ];
    let (callers, whole) = combined(&usual, &axes);
    if !whole {
        uncovered.push(
            "jobs: attributes were varied two at a time, since there are too many combinations"
                .to_owned(),
        );
    }
    callers
}

/// A job as usual.
pub(super) fn job() -> Job {
    Job {
        repository: String::new(),
        repository_id: "1".to_owned(),
        namespace_id: None,
        git_ref: "main".to_owned(),
        ref_type: Some("branch".to_owned()),
        ref_protected: true,
        pipeline_source: "push".to_owned(),
        from_fork: false,
        job_repository: None,
        job_repository_id: None,
        workflow: None,
        runner_environment: None,
        job_source: None,
        access_level: None,
        visibility: None,
        environment: None,
        environment_protected: None,
        deployment_tier: None,
        environment_action: None,
        sha: None,
        pipeline_id: "1".to_owned(),
        job_id: "1".to_owned(),
        started_by: None,
    }
}

fn places(worlds: &[World], spoken: &Literals) -> Axis {
    let places = all_places(worlds, spoken);
    places.into_iter().fold(Axis::default(), |axis, place| {
        axis.with(format!("CI {}", place.words), move |caller| {
            place.set(&mut caller.facts)
        })
    })
}

fn protection(spoken: &Literals) -> Axis {
    let read = spoken.reads.contains("ref_protected");
    let words = if read { "protected" } else { "" };
    let axis = Axis::default().with(words, |_| {});
    axis.with_if(read, "unprotected", |caller| {
        on_job(caller, |job| job.ref_protected = false)
    })
}

fn fork(spoken: &Literals) -> Axis {
    let axis = Axis::default().with("", |_| {});
    axis.with_if(spoken.reads.contains("from_fork"), "fork", |caller| {
        on_job(caller, |job| job.from_fork = true);
    })
}

/// Environments that policies name and one that they do not, each protected and not, of each tier.
fn environment(spoken: &Literals) -> Axis {
    let mut axis = Axis::default().with("", |_| {});
    let reads = |name: &str| spoken.reads.contains(name);
    if !["environment", "environment_protected", "deployment_tier"]
        .map(reads)
        .contains(&true)
    {
        return axis;
    }
    let literals = spoken.texts.get("environment").into_iter().flatten();
    let tiers = spoken.texts.get("deployment_tier").into_iter().flatten();
    let mut names: Vec<String> = literals.clone().map(|name| inside(name)).collect();
    names.push(outside(&["production", "staging", "review"], literals));
    let mut tier_words: Vec<Option<String>> =
        tiers.clone().map(|tier| Some(inside(tier))).collect();
    tier_words.push(None);
    if reads("deployment_tier") {
        tier_words.push(Some(outside(&["staging", "other"], tiers)));
    }
    let protections: &[bool] = match reads("environment_protected") {
        true => &[true, false],
        false => &[true],
    };
    for name in &names {
        for tier in &tier_words {
            for protected in protections.iter().copied() {
                let mut words = format!("environment {name}");
                if let Some(tier) = tier {
                    words.push_str(&format!(" of tier {tier}"));
                }
                if !protected {
                    words.push_str(" unprotected");
                }
                let (name, tier) = (name.clone(), tier.clone());
                axis = axis.with(words, move |caller| {
                    on_job(caller, |job| {
                        job.environment = Some(name.clone());
                        job.environment_protected = Some(protected);
                        job.deployment_tier = tier.clone();
                    });
                });
            }
        }
    }
    axis
}

/// A text: as usual, each literal, and one that is none of them.
fn texts(
    spoken: &Literals,
    attribute: &'static str,
    usual: &[&str],
    optional: bool,
    set: impl Fn(&mut Job, Option<String>) + Clone + 'static,
) -> Axis {
    let mut axis = Axis::default();
    if !spoken.reads.contains(attribute) {
        return axis.with("", |_| {});
    }
    let literals = spoken.texts.get(attribute).into_iter().flatten();
    let other = outside(usual, literals.clone());
    let word = attribute.replace('_', " ");
    let mut values = vec![(String::new(), Some(other))];
    values.extend(literals.map(|literal| (format!("{word} {literal}"), Some(inside(literal)))));
    if optional {
        values.push((format!("no {word}"), None));
    }
    for (words, value) in values {
        let set = set.clone();
        axis = axis.with(words, move |caller| {
            on_job(caller, |job| set(job, value.clone()));
        });
    }
    axis
}

/// With and without an open break-glass, where policies ask for one.
pub(super) fn ticket(spoken: &Literals) -> Axis {
    let mut axis = Axis::default().with("", |_| {});
    if spoken.reads.contains("break_glass") {
        let literals = spoken.texts.get("ticket").into_iter().flatten();
        let other = outside(&["INC-1"], literals.clone());
        for ticket in literals.map(|literal| inside(literal)).chain([other]) {
            axis = axis.with("break-glass", move |caller| {
                caller.ticket = Some(ticket.clone())
            });
        }
    }
    axis
}

fn on_job(caller: &mut Caller, set: impl Fn(&mut Job)) {
    if let Who::Job(job) = &mut caller.facts.who {
        set(job);
    }
}
