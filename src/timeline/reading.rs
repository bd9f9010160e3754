//! Puts the timeline together.
//!
//! In: the index and what is wanted of it. Out: deployments, the newest first, each with what ran
//! there before, the commits since and what its pipeline did.
//!
//! What ran before the stretch that is asked for is looked up too, as far back as [`BEFORE_MS`], so that
//! the first line of a timeline does not seem to be the first of all.

use std::collections::BTreeMap;

use super::around::look_around;
use super::commits::Commits;
use super::deploy::{Deploy, Status};
use super::gathered::deploys_in;
use crate::clock::Time;
use crate::hook::is_bot;
use crate::index::{Condition, Field, Index, IndexError, Order, Query, Row};

/// Which part of the timeline somebody wants.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// From then on.
    pub since: Time,
    /// Before then.
    pub until: Time,
    /// Of this environment only.
    pub environment: Option<String>,
    /// Of this service only.
    pub service: Option<String>,
    /// With commits that this machine helped to write only; `any` for each of them.
    pub machine: Option<String>,
    /// At most so many.
    pub most: usize,
}

/// Deployments, the newest first.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// They.
    pub deploys: Vec<Deploy>,
    /// Whether there are more in the stretch.
    pub has_more: bool,
}

impl Timeline {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// As asking the index.
    pub fn read(index: &mut Index, wanted: &Wanted) -> Result<Timeline, IndexError> {
        let back = wanted.since.as_ms().saturating_sub(BEFORE_MS);
        let rows = rows_of(index, deployments(Time::from_ms(back), wanted.until))?;
        let mut all = deploys_in(&rows);
        all.retain(|deploy| wanted.takes(deploy));
        all.sort_by_key(|deploy| deploy.time);
        let mut histories = BTreeMap::new();
        for deploy in &all {
            if !histories.contains_key(&deploy.project) {
                let commits = commits_of(index, &deploy.project)?;
                histories.insert(deploy.project.clone(), commits);
            }
        }
        let none = Commits::default();
        let mut ran: BTreeMap<(String, Option<String>), Vec<String>> = BTreeMap::new();
        for deploy in &mut all {
            let place = (deploy.service.clone(), deploy.environment.clone());
            let before = ran.entry(place).or_default();
            deploy.compare(before, histories.get(&deploy.project).unwrap_or(&none));
            if let (Status::Deployed, Some(commit)) = (&deploy.status, &deploy.commit) {
                before.push(commit.clone());
            }
        }
        all.retain(|deploy| deploy.time >= wanted.since && wanted.is_by_machine(deploy));
        all.reverse();
        let has_more = all.len() > wanted.most;
        all.truncate(wanted.most);
        for deploy in &mut all {
            look_around(index, deploy)?;
        }
        Ok(Timeline {
            deploys: all,
            has_more,
        })
    }
}

impl Wanted {
    fn is_by_machine(&self, deploy: &Deploy) -> bool {
        match self.machine.as_deref() {
            None => true,
            Some("any") => !deploy.machines.is_empty(),
            Some(machine) => deploy.machines.contains(machine),
        }
    }

    fn takes(&self, deploy: &Deploy) -> bool {
        let fits = |wanted: &Option<String>, is: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| Some(wanted) == is)
        };
        fits(&self.environment, deploy.environment.as_deref())
            && fits(&self.service, Some(&deploy.service))
            && deploy.time < self.until
    }
}

impl Deploy {
    /// What it changed, by what ran there before, the newest last.
    fn compare(&mut self, before: &[String], commits: &Commits) {
        if self.by.as_deref().is_some_and(is_bot) {
            self.machines.insert("gitlab".to_owned());
        }
        let Some(commit) = &self.commit else { return };
        if let Some((change, title)) = commits.change_of(commit) {
            self.change = Some(change.clone());
            self.title = Some(title.clone());
        }
        if self.title.is_none() {
            self.title = commits.get(commit).map(|known| known.title.clone());
        }
        self.previous = before.last().cloned();
        let Some(previous) = &self.previous else {
            return;
        };
        self.is_rollback = previous != commit && before.contains(commit);
        self.between = commits.between(previous, commit);
        let between = self.between.iter().flatten();
        self.machines
            .extend(between.filter_map(|one| one.machine.clone()));
    }
}

/// Announcements and what GitLab told of deployments.
fn deployments(since: Time, until: Time) -> Condition {
    Condition::all(vec![
        Condition::any(vec![
            Condition::is(Field::Action, "deployments.create"),
            Condition::is(Field::Event, "gitlab.deployment"),
        ]),
        Condition::Since(since),
        Condition::Until(until),
    ])
}

fn commits_of(index: &mut Index, project: &str) -> Result<Commits, IndexError> {
    let rows = rows_of(
        index,
        Condition::all(vec![
            Condition::is(Field::Project, project),
            Condition::any(vec![
                Condition::is(Field::Event, "gitlab.push"),
                Condition::is(Field::Event, "gitlab.merge_request"),
            ]),
        ]),
    )?;
    Ok(Commits::in_rows(&rows))
}

/// The newest, as many as a timeline needs.
fn rows_of(index: &mut Index, condition: Condition) -> Result<Vec<Row>, IndexError> {
    let found = index.find(&Query::of(condition))?;
    let mut rows: Vec<Row> = found
        .rows(Order::Newest)
        .take(MOST_ROWS)
        .collect::<Result<_, _>>()?;
    rows.reverse();
    Ok(rows)
}

const BEFORE_MS: u64 = 30 * 24 * 3_600_000;
const MOST_ROWS: usize = 5_000;
