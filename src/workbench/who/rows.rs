//! The rows of the matrix: the callers that people think of.
//!
//! In: the world. Out: [`Row`]s, each a caller of the classes, with words for people.
//!
//! Jobs stand for each place that policies tell apart: on a protected ref, on another, deploying to
//! production, of a fork or a merge request. People stand for each team that policies name and for
//! all others together; without a second factor, at another time and with the glass broken where
//! that makes a difference. Agents stand by themselves and for the teams.

use std::collections::BTreeSet;

use crate::authorize::{Literals, Moment, World};
use crate::identify::{Agent, Facts, Job, Person, Who};
use crate::workbench::classes::{
    Caller, all_places, all_spoken, moments_of, named_teams, of_kind, usual_job,
};

/// One caller.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// In words: `Team payments`, `CI acme/* protected`.
    pub name: String,
    /// Who asks.
    pub caller: Caller,
    /// The teams that it stands for.
    pub teams: Vec<String>,
    /// Of jobs: `protected`, `unprotected`, `production`, `fork or MR`.
    standing: &'static str,
    /// What makes it a variant of another row; of jobs the place.
    variants: Vec<String>,
    /// The name of that row.
    usual: String,
    /// That row, by place.
    pub(super) variant_of: Option<usize>,
}

impl Row {
    /// Whether it can stand for the other one too: a variant of the same row, or jobs of another
    /// place that stand alike.
    pub(super) fn joins(&self, other: &Row) -> bool {
        match self.variant_of {
            Some(usual) => other.variant_of == Some(usual),
            None => !self.standing.is_empty() && self.standing == other.standing,
        }
    }

    /// Stands for another one too, which may do the same.
    pub(super) fn take_in(&mut self, other: &Row) {
        self.variants.extend(other.variants.iter().cloned());
        let shown: Vec<&str> = self.variants.iter().take(2).map(String::as_str).collect();
        let more = match self.variants.len().saturating_sub(2) {
            0 => String::new(),
            more => format!(" +{more}"),
        };
        self.name = match self.standing {
            "" => format!("{}, {}{more}", self.usual, shown.join(" or ")),
            standing => format!("CI {}{more} {standing}", shown.join(", ")),
        };
    }

    /// Whether it stands for somebody of the team.
    pub(super) fn is_of(&self, team: &str) -> bool {
        self.teams.iter().any(|own| own == team)
    }
}

/// Every row, variants after what they are variants of.
pub(super) fn rows(worlds: &[World], now: Moment) -> Vec<Row> {
    let mut rows = Rows {
        worlds,
        now,
        rows: Vec::new(),
    };
    rows.jobs();
    rows.members("Person");
    rows.members("Agent");
    rows.rows
}

struct Rows<'a> {
    worlds: &'a [World],
    now: Moment,
    rows: Vec<Row>,
}

impl Rows<'_> {
    fn jobs(&mut self) {
        let spoken = of_kind(self.worlds, "Job");
        let environments = spoken.texts.get("environment").into_iter().flatten();
        let production = environments.clone().find(|name| name.starts_with("prod"));
        let production = production.or(environments.clone().next());
        let production = production.map_or("production", String::as_str).to_owned();
        let has_environments = ["environment", "environment_protected", "deployment_tier"];
        let has_environments = has_environments
            .iter()
            .any(|name| spoken.reads.contains(*name));
        for place in all_places(self.worlds, &spoken) {
            let words = place.words.clone();
            let mut add = |standing: &'static str, change: &dyn Fn(&mut Job)| {
                let mut job = usual_job();
                change(&mut job);
                let mut facts = Facts {
                    issuer: String::new(),
                    subject: String::new(),
                    who: Who::Job(job),
                };
                place.set(&mut facts);
                self.add(
                    &format!("CI {words} {standing}"),
                    "",
                    facts,
                    Vec::new(),
                    None,
                );
                if let Some(row) = self.rows.last_mut() {
                    row.standing = standing;
                    row.variants = vec![words.clone()];
                }
            };
            if words == UNLISTED {
                continue;
            }
            add("protected", &|_| {});
            add("unprotected", &|job| {
                job.ref_protected = false;
                job.git_ref = "feat/x".to_owned();
            });
            if has_environments {
                add("production", &|job| {
                    job.environment = Some(production.clone());
                    job.environment_protected = Some(true);
                    job.deployment_tier = Some("production".to_owned());
                });
            }
            add("fork or MR", &|job| {
                job.from_fork = true;
                job.pipeline_source = "merge_request_event".to_owned();
            });
        }
    }

    /// People or agents, by team.
    fn members(&mut self, kind: &str) {
        let spoken = of_kind(self.worlds, kind);
        let named = named_teams(self.worlds, &spoken);
        let mut all: Vec<(&String, &(String, String))> = Vec::new();
        for world in self.worlds {
            for (team, pairs) in &world.teams {
                if let Some(pair) = pairs.first()
                    && !all.contains(&(team, pair))
                {
                    all.push((team, pair));
                }
            }
        }
        let others: BTreeSet<&String> = all
            .iter()
            .map(|(team, _)| *team)
            .filter(|team| !named.contains(*team))
            .collect();
        let agents = kind == "Agent";
        let issuer = all
            .first()
            .map_or("okta", |(_, (issuer, _))| issuer.as_str());
        let facts = match all.iter().find(|(team, _)| others.contains(*team)) {
            Some((_, (issuer, group))) => member(kind, issuer, std::slice::from_ref(group)),
            None => member(kind, issuer, &[]),
        };
        let names: Vec<&str> = others.iter().map(|team| team.as_str()).collect();
        let name = match (names.as_slice(), agents) {
            (_, true) => "AI agent".to_owned(),
            ([], _) => "Anybody else".to_owned(),
            (few, _) if few.len() <= 2 => format!("Other team ({})", few.join(", ")),
            (many, _) => format!("Other team (any of {})", many.len()),
        };
        let others: Vec<String> = others.iter().map(|team| (*team).clone()).collect();
        let anybody = (name, facts, others);
        if agents {
            let (name, facts, others) = anybody.clone();
            self.with_variants(&name, facts, others, &spoken);
        }
        let usual_agent = agents.then(|| self.first_agent()).flatten();
        for (team, (issuer, group)) in &all {
            if named.contains(*team) {
                let facts = member(kind, issuer, std::slice::from_ref(group));
                let same_name = all.iter().filter(|(name, _)| name == team).count() > 1;
                let who = match same_name {
                    true => format!("{team} ({group})"),
                    false => (*team).clone(),
                };
                let teams = vec![(*team).clone()];
                match usual_agent {
                    Some(_) => {
                        let variant = format!(" for team {who}");
                        self.add("AI agent", &variant, facts, teams, usual_agent);
                    }
                    None => self.with_variants(&format!("Team {who}"), facts, teams, &spoken),
                }
            }
        }
        if !agents {
            let (name, facts, others) = anybody;
            self.with_variants(&name, facts, others, &spoken);
        }
    }

    fn first_agent(&self) -> Option<usize> {
        let is_agent = |row: &Row| matches!(row.caller.facts.who, Who::Agent(_));
        self.rows.iter().position(is_agent)
    }

    /// The row, and what it is at other times and with other proofs.
    fn with_variants(&mut self, name: &str, facts: Facts, teams: Vec<String>, spoken: &Literals) {
        let moments = moments_of(spoken, self.now);
        let usual = self.rows.len();
        self.add(name, "", facts.clone(), teams.clone(), None);
        if let Who::Person(person) = &facts.who
            && spoken.reads.contains("mfa")
        {
            let mut facts = facts.clone();
            facts.who = Who::Person(Person {
                mfa: false,
                ..person.clone()
            });
            self.add(name, ", no MFA", facts, teams.clone(), Some(usual));
        }
        for moment in moments.into_iter().skip(1) {
            let variant = format!(", {} {}", moment.weekday, moment.clock());
            self.add(name, &variant, facts.clone(), teams.clone(), Some(usual));
            if let Some(row) = self.rows.last_mut() {
                row.caller.moment = moment;
            }
        }
        if spoken.reads.contains("break_glass") {
            self.add(name, ", break-glass", facts, teams, Some(usual));
            if let Some(row) = self.rows.last_mut() {
                row.caller.ticket = Some("INC-1".to_owned());
            }
        }
    }

    /// A moment in everybody's hours.
    fn usual(&self) -> Moment {
        let spoken = all_spoken(self.worlds);
        moments_of(&spoken, self.now)
            .first()
            .copied()
            .unwrap_or(self.now)
    }

    fn add(
        &mut self,
        name: &str,
        variant: &str,
        facts: Facts,
        teams: Vec<String>,
        variant_of: Option<usize>,
    ) {
        let usual = name.to_owned();
        let name = format!("{name}{variant}");
        self.rows.push(Row {
            caller: Caller {
                name: name.clone(),
                facts,
                moment: self.usual(),
                ticket: None,
            },
            name,
            teams,
            variants: vec![variant.trim_start_matches(", ").to_owned()],
            usual,
            standing: "",
            variant_of,
        });
    }
}

fn member(kind: &str, issuer: &str, groups: &[String]) -> Facts {
    let groups = groups.to_vec();
    Facts {
        issuer: issuer.to_owned(),
        subject: "someone".to_owned(),
        who: match kind {
            "Agent" => Who::Agent(Agent {
                name: "someone".to_owned(),
                groups,
                ..Agent::default()
            }),
            _ => Who::Person(Person {
                name: "someone".to_owned(),
                groups,
                mfa: true,
                ..Person::default()
            }),
        },
    }
}

const UNLISTED: &str = "unlisted/*";
