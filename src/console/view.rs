//! What one look is about, and what it may see.
//!
//! In: a look that was allowed. Out: its scope, zone and moment; queries of the index that cannot leave
//! the scope; addresses of other pages that keep it; and the answers of the policies to what else this
//! caller may open.

use jiff::tz::TimeZone;

use super::Parts;
use super::texts::escaped;
use crate::admin::Readiness;
use crate::authorize::{Policies, Posed, Verdict};
use crate::clock::Time;
use crate::index::{Asked, Condition, Field, Index, Query, Teams, shown_in};
use crate::own::{Pairs, malformed};
use crate::pipeline::{Looking, Pipeline};
use crate::refusal::{Reason, Refusal};
use crate::resolve::{RECORDS, Resource, Scope};

/// One look.
pub(super) struct View<'a> {
    pub(super) parts: &'a Parts,
    pub(super) pipeline: &'a Pipeline,
    pub(super) looking: &'a Looking,
    pub(super) scope: Scope<'a>,
    pub(super) zone: TimeZone,
    /// The zone's name, as the address says it.
    pub(super) zone_name: &'a str,
}

impl<'a> View<'a> {
    pub(super) fn of(
        parts: &'a Parts,
        pipeline: &'a Pipeline,
        looking: &'a Looking,
    ) -> Result<View<'a>, Refusal> {
        // The one that was allowed; not the one that the address names.
        let scope = Scope::of(looking.scope.as_deref());
        let scope = scope.ok_or_else(|| Refusal::new(Reason::PolicyDenied))?;
        let zone_name = looking.pairs.get("tz").unwrap_or("UTC");
        let asked = Asked::at(looking.time).in_zone(zone_name);
        let asked = asked
            .ok_or_else(|| malformed("`tz` is a time zone such as `UTC` or `Europe/Berlin`"))?;
        Ok(View {
            parts,
            pipeline,
            looking,
            scope,
            zone: asked.zone,
            zone_name,
        })
    }

    /// The path behind `/.stile/console`, without the ending of the twin.
    pub(super) fn page(&self) -> &'a str {
        let path = &self.looking.path;
        let below = path.strip_prefix("/.stile/console").unwrap_or(path);
        below.strip_suffix(".json").unwrap_or(below)
    }

    /// Whether the twin is asked for.
    pub(super) fn is_twin(&self) -> bool {
        self.looking.path.ends_with(".json")
    }

    pub(super) fn pairs(&self) -> &'a Pairs {
        &self.looking.pairs
    }

    pub(super) fn now(&self) -> Time {
        self.looking.time
    }

    pub(super) fn policies(&self) -> &'a Policies {
        &self.looking.ruling.policies
    }

    /// When and where a query is asked.
    pub(super) fn asked(&self) -> Asked {
        Asked {
            now: self.now(),
            zone: self.zone.clone(),
        }
    }

    /// A moment, in the zone of the page.
    pub(super) fn time(&self, time: Time) -> String {
        shown_in(time, &self.zone)
    }

    /// How the instance stands; none while it starts.
    pub(super) fn readiness(&self) -> Option<Readiness> {
        let notices = self.parts.notices.get()?;
        Some(Readiness::of(self.pipeline, notices))
    }

    /// The index.
    ///
    /// # Errors
    ///
    /// `overloaded` where there is none, or it does not answer.
    pub(super) fn index(&self) -> Result<Index, Refusal> {
        let Some(index) = &self.parts.index else {
            let told = "this proxy keeps no index of its journal, so nothing can be searched";
            return Err(Refusal::new(Reason::Overloaded).telling(told));
        };
        Index::open(&index.settings).map_err(unread)
    }

    /// A query within the scope, each team as the groups that make it up.
    ///
    /// # Errors
    ///
    /// `malformed_request` for a team that the directory does not know.
    pub(super) fn narrowed(&self, query: Query) -> Result<Query, Refusal> {
        let narrowed = match self.of_scope() {
            Some(condition) => query.and(condition),
            None => query,
        };
        if !narrowed.names_teams() {
            return Ok(narrowed);
        }
        let mut teams = Teams::default();
        for (team, groups) in self.policies().world().teams {
            for (issuer, group) in groups {
                let url = self.looking.ruling.issuers.url_of(&issuer);
                teams.add(&team, url.unwrap_or(&issuer), &group);
            }
        }
        narrowed
            .with_teams(&teams)
            .map_err(|unknown| malformed(&unknown.to_string()))
    }

    /// What holds of everything in the scope.
    fn of_scope(&self) -> Option<Condition> {
        match self.scope {
            Scope::Everything => None,
            // A record of a job has the groups around its project, which are no groups of people.
            Scope::Team(team) => Some(Condition::all(vec![
                Condition::is(Field::Team, team),
                Condition::opposite(Condition::is(Field::Kind, "job")),
            ])),
            Scope::Project(spelled) => {
                let (issuer, path) = spelled.split_once(':').unwrap_or((UNNAMED, spelled));
                Some(Condition::all(vec![
                    Condition::is(Field::Kind, "job"),
                    Condition::is(Field::Issuer, issuer),
                    Condition::is(Field::Project, path),
                ]))
            }
        }
    }

    /// The scope, as people say it.
    pub(super) fn scope_words(&self) -> String {
        match self.scope {
            Scope::Everything => "everything".to_owned(),
            Scope::Team(team) => format!("team {team}"),
            Scope::Project(path) => format!("project {path}"),
        }
    }

    /// Whether this caller may do this in a scope, by the policies in force.
    pub(super) fn may(&self, action: &str, scope: Scope<'_>) -> bool {
        let resource = Resource {
            kind: match action {
                "deployments.list" => "Deployment".to_owned(),
                _ => RECORDS.to_owned(),
            },
            id: scope.id(),
            project: None,
        };
        let posed = Posed {
            facts: self.looking.principal.facts(),
            action,
            resource: &resource,
            owner: None,
            ticket: None,
            moment: self.policies().moment(self.now()),
        };
        self.policies().weigh(&posed).verdict == Verdict::Allow
    }

    /// The address of a page in the same scope and zone.
    pub(super) fn href(&self, page: &str, fields: &[(&str, &str)]) -> String {
        self.href_in(page, self.scope, fields)
    }

    /// The address of a page in some scope.
    pub(super) fn href_in(&self, page: &str, scope: Scope<'_>, fields: &[(&str, &str)]) -> String {
        let mut href = format!("/.stile/console{page}");
        let scope = match scope {
            Scope::Everything => None,
            Scope::Team(team) => Some(("team", team)),
            Scope::Project(path) => Some(("project", path)),
        };
        let is_named = |name: &str| fields.iter().any(|(known, _)| *known == name);
        let zone =
            Some(("tz", self.zone_name)).filter(|(tz, zone)| *zone != "UTC" && !is_named(tz));
        let fields = fields
            .iter()
            .copied()
            .filter(|(_, value)| !value.is_empty());
        for (at, (name, value)) in scope.into_iter().chain(fields).chain(zone).enumerate() {
            href.push(if at == 0 { '?' } else { '&' });
            href.push_str(&format!("{name}={}", escaped(value)));
        }
        href
    }

    /// This very page with one field otherwise.
    pub(super) fn same(&self, page: &str, name: &str, value: &str) -> String {
        let kept = self.pairs().all();
        let kept =
            kept.filter(|(known, _)| *known != name && !matches!(*known, "team" | "project"));
        let fields: Vec<(&str, &str)> = kept.chain([(name, value)]).collect();
        self.href(page, &fields)
    }
}

/// The index did not answer.
pub(super) fn unread(fault: impl std::fmt::Display) -> Refusal {
    Refusal::new(Reason::Overloaded)
        .telling("the index of the journal cannot be read at the moment")
        .noting(fault.to_string())
}

/// The issuer whose paths stand alone in policies.
const UNNAMED: &str = "gitlab";
