//! The classes of people and of agents: their teams, their proofs, the words of their tokens.
//!
//! In: the teams of the directory, and what policies compare people or agents with. Out: callers.
//!
//! Membership is by the issuer's groups, so that a group that a changed directory moves to another
//! team is seen. Somebody may be in several teams, of one issuer.

use std::collections::{BTreeMap, BTreeSet};

use super::axes::{Axis, combined, inside, outside};
use super::{Caller, jobs, moments, named, named_teams};
use crate::authorize::{Literals, Moment, World};
use crate::identify::{Agent, Facts, Person, Who};

/// Every class of people (`Person`) or of agents (`Agent`).
pub(super) fn callers(
    worlds: &[World],
    kind: &str,
    spoken: &Literals,
    now: Moment,
    uncovered: &mut Vec<String>,
) -> Vec<Caller> {
    let is_agent = kind == "Agent";
    let word = if is_agent { "agent" } else { "person" };
    let issuers: BTreeSet<&String> = worlds
        .iter()
        .flat_map(|world| world.teams.iter().flat_map(|(_, pairs)| pairs))
        .map(|(issuer, _)| issuer)
        .collect();
    let usual = Caller {
        name: String::new(),
        facts: Facts {
            issuer: issuers.first().map_or("okta", |issuer| issuer).to_owned(),
            subject: "someone".to_owned(),
            who: match is_agent {
                true => Who::Agent(Agent {
                    name: "someone".to_owned(),
                    ..Agent::default()
                }),
                false => Who::Person(Person {
                    name: "someone".to_owned(),
                    mfa: true,
                    ..Person::default()
                }),
            },
        },
        moment: now,
        ticket: None,
    };
    let axes = [
        members(worlds, spoken, word, uncovered),
        selves(spoken, kind),
        second_factor(spoken, is_agent),
        words(spoken, "roles"),
        words(spoken, "scopes"),
        text(spoken, "name"),
        text(spoken, "client"),
        text(spoken, "email"),
        text(spoken, "domain"),
        text(spoken, "acts_for"),
        text(spoken, "actor"),
        words(spoken, "actors"),
        moments::axis(spoken, now),
        jobs::ticket(spoken),
    ];
    let (callers, whole) = combined(&usual, &axes);
    if !whole {
        uncovered.push(format!(
            "{word}s: attributes were varied two at a time, since there are too many combinations"
        ));
    }
    callers
}

/// A group of an issuer, and the teams that it makes somebody a member of.
struct Member {
    issuer: String,
    group: String,
    teams: BTreeSet<String>,
}

/// One group for each set of named teams that a group stands for, per issuer.
fn groups(worlds: &[World], named: &BTreeSet<String>) -> Vec<Member> {
    let mut pairs: BTreeMap<(&String, &String), Vec<BTreeSet<&String>>> = BTreeMap::new();
    for (place, world) in worlds.iter().enumerate() {
        for (team, of) in world.teams.iter().filter(|(team, _)| named.contains(team)) {
            for (issuer, group) in of {
                let sets = pairs.entry((issuer, group)).or_default();
                sets.resize(worlds.len(), BTreeSet::new());
                if let Some(set) = sets.get_mut(place) {
                    set.insert(team);
                }
            }
        }
    }
    let mut told = BTreeSet::new();
    let mut members = Vec::new();
    for ((issuer, group), sets) in pairs {
        let teams = sets.iter().flatten().map(|team| (*team).clone()).collect();
        if told.insert((issuer, sets)) {
            members.push(Member {
                issuer: issuer.clone(),
                group: group.clone(),
                teams,
            });
        }
    }
    members
}

fn members(worlds: &[World], spoken: &Literals, word: &str, uncovered: &mut Vec<String>) -> Axis {
    let members = groups(worlds, &named_teams(worlds, spoken));
    let mut axis = Axis::default().with(format!("{word} of no named team"), |_| {});
    let few = members.len() <= FEW_TEAMS;
    if !few {
        uncovered.push(format!(
            "{word}s: of {} teams that policies name, nobody was in more than two at once",
            members.len()
        ));
    }
    let sets = 1_u64..(1 << members.len().min(20));
    for set in sets.filter(|set| few || set.count_ones() <= 2) {
        let chosen: Vec<&Member> = members
            .iter()
            .enumerate()
            .filter(|(place, _)| set >> place & 1 == 1)
            .map(|(_, member)| member)
            .collect();
        let Some(issuer) = chosen.first().map(|member| member.issuer.clone()) else {
            continue;
        };
        if chosen.iter().any(|member| member.issuer != issuer) {
            continue; // a token is of one issuer
        }
        let teams: BTreeSet<&String> = chosen.iter().flat_map(|member| &member.teams).collect();
        let teams: Vec<&str> = teams.into_iter().map(String::as_str).collect();
        let groups: Vec<String> = chosen.iter().map(|member| member.group.clone()).collect();
        axis = axis.with(
            format!("{word} of {}", teams.join(" and ")),
            move |caller| {
                caller.facts.issuer = issuer.clone();
                match &mut caller.facts.who {
                    Who::Person(person) => person.groups = groups.clone(),
                    Who::Agent(agent) => agent.groups = groups.clone(),
                    Who::Job(_) => {}
                }
            },
        );
    }
    axis
}

/// Those that policies name themselves: `okta:ada`.
fn selves(spoken: &Literals, kind: &str) -> Axis {
    let axis = Axis::default().with("", |_| {});
    named(spoken, kind).fold(axis, |axis, id| {
        let (issuer, subject) = id.split_once(':').unwrap_or(("", id));
        let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
        axis.with(format!("who is {id}"), move |caller| {
            caller.facts.issuer = issuer.clone();
            caller.facts.subject = subject.clone();
        })
    })
}

fn second_factor(spoken: &Literals, is_agent: bool) -> Axis {
    let axis = Axis::default().with("", |_| {});
    axis.with_if(
        spoken.reads.contains("mfa") && !is_agent,
        "without MFA",
        |caller| {
            if let Who::Person(person) = &mut caller.facts.who {
                person.mfa = false;
            }
        },
    )
}

/// A list of words: none, each literal alone, all of them.
fn words(spoken: &Literals, attribute: &'static str) -> Axis {
    let literals = spoken.texts.get(attribute).into_iter().flatten();
    let literals: Vec<String> = literals.map(|literal| inside(literal)).collect();
    let mut lists: Vec<Vec<String>> = literals.iter().map(|one| vec![one.clone()]).collect();
    if literals.len() > 1 {
        lists.push(literals);
    }
    let axis = Axis::default().with("", |_| {});
    lists.into_iter().fold(axis, |axis, list| {
        let words = format!("{attribute} {}", list.join(" and "));
        axis.with(words, move |caller| set_words(caller, attribute, &list))
    })
}

fn set_words(caller: &mut Caller, attribute: &str, list: &[String]) {
    let list = list.to_vec();
    match (&mut caller.facts.who, attribute) {
        (Who::Person(person), "roles") => person.roles = list,
        (Who::Person(person), "scopes") => person.scopes = list,
        (Who::Agent(agent), "roles") => agent.roles = list,
        (Who::Agent(agent), "scopes") => agent.scopes = list,
        (Who::Agent(agent), "actors") => agent.actors = list,
        _ => {}
    }
}

/// A text: none, each literal, and one that is none of them.
fn text(spoken: &Literals, attribute: &'static str) -> Axis {
    let axis = Axis::default().with("", |_| {});
    if !spoken.reads.contains(attribute) {
        return axis;
    }
    let literals = spoken.texts.get(attribute).into_iter().flatten();
    let other = outside(&["another"], literals.clone());
    let values = literals.map(|literal| inside(literal)).chain([other]);
    values.fold(axis, |axis, value| {
        let words = format!("{} {value}", attribute.replace('_', " "));
        axis.with(words, move |caller| set_text(caller, attribute, &value))
    })
}

fn set_text(caller: &mut Caller, attribute: &str, value: &str) {
    let value = value.to_owned();
    match (&mut caller.facts.who, attribute) {
        (Who::Person(person), "name") => person.name = value,
        (Who::Person(person), "client") => person.client = Some(value),
        (Who::Person(person), "email") => person.email = Some(value),
        (Who::Person(person), "domain") => person.domain = Some(value),
        (Who::Agent(agent), "name") => agent.name = value,
        (Who::Agent(agent), "client") => agent.client = Some(value),
        (Who::Agent(agent), "acts_for") => agent.acts_for = Some(value),
        (Who::Agent(agent), "actor") => agent.actors.insert(0, value),
        _ => {}
    }
}

/// Up to so many teams are combined in every way.
const FEW_TEAMS: usize = 6;
