//! Shows a caller who it is to us and what it may do.
//!
//! In: the facts of its token and the policies in force. Out: the page; each answer in it is the
//! judge's.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Form, Look, Shown};
use crate::authorize::{Mode, Permitted, Policies};
use crate::clock::Time;
use crate::identify::Who;
use crate::index::shown_in;
use crate::refusal::plain;

/// The page.
pub(super) fn show(form: Form, look: &Look, policies: &Policies) -> Shown {
    let me = Me::of(look, policies);
    match form {
        Form::Json | Form::GitlabAnnotations => Shown {
            media_type: "application/json",
            body: Bytes::from(me.document().to_string()),
        },
        Form::Text => Shown {
            media_type: "text/plain; charset=utf-8",
            body: Bytes::from(me.text()),
        },
    }
}

struct Me<'a> {
    look: &'a Look,
    policies: &'a Policies,
    permitted: Vec<Permitted>,
    left_out: usize,
}

impl<'a> Me<'a> {
    fn of(look: &'a Look, policies: &'a Policies) -> Me<'a> {
        let known: Vec<&str> = policies.projects().collect();
        let (shown, left_out) = known.split_at(known.len().min(MOST_PROJECTS));
        Me {
            look,
            policies,
            permitted: policies.permitted(look.principal.facts(), look.time, shown),
            left_out: left_out.len(),
        }
    }

    fn document(&self) -> Value {
        let (facts, token) = (self.look.principal.facts(), self.look.principal.token());
        let may = self.permitted.iter().map(|one| {
            json!({
                "project": one.project,
                "owner": one.owner,
                "class": one.class,
                "all": one.all,
                "actions": one.actions,
            })
        });
        json!({
            "who": facts,
            "teams": self.policies.teams_of(facts),
            "token": {"issued": stamp(token.issued), "expires": stamp(token.expires)},
            "may": may.collect::<Vec<_>>(),
            "projects_left_out": self.left_out,
            "mode": self.mode(),
            "policies": self.policies.digest(),
            "as_of": stamp(self.look.time),
        })
    }

    fn text(&self) -> String {
        let principal = &self.look.principal;
        let facts = principal.facts();
        let kind = match &facts.who {
            Who::Job(job) => format!("job of {} on {}", job.repository, job.git_ref),
            Who::Person(person) => format!("person {}", person.name),
            Who::Agent(agent) => format!("agent {}", agent.name),
        };
        let kind = plain(&kind, LONG);
        let expires = stamp(principal.token().expires);
        let mut text = format!("you are {kind}, by issuer {}\n", facts.issuer);
        let teams = self.policies.teams_of(facts);
        if !teams.is_empty() {
            text.push_str(&format!("teams: {}\n", teams.join(", ")));
        }
        text.push_str(&format!("your token ends at {expires}\n\nyou may\n"));
        for one in &self.permitted {
            let place = match (&one.project, &one.owner) {
                (None, None) => "in no project".to_owned(),
                (None, Some(team)) => format!("of team {team}"),
                (Some(project), None) => format!("in {project}"),
                (Some(project), Some(team)) => format!("in {project}, of team {team}"),
            };
            let what = match one.all {
                true => "all".to_owned(),
                false => one.actions.join(" "),
            };
            text.push_str(&format!("  {place}  {}: {what}\n", one.class));
        }
        if self.permitted.is_empty() {
            text.push_str("  nothing: no policy allows you anything at this minute\n");
        }
        if self.left_out > 0 {
            text.push_str(&format!("  and {} more projects\n", self.left_out));
        }
        if self.policies.mode() == Mode::Observe {
            text.push_str("\nmode: observe. What is missing above passes all the same for now\n");
        }
        text.push_str(&format!("\npolicies {}\n", self.policies.short_digest()));
        text
    }

    fn mode(&self) -> &'static str {
        match self.policies.mode() {
            Mode::Enforce => "enforce",
            Mode::Observe => "observe",
        }
    }
}

fn stamp(time: Time) -> String {
    shown_in(time, &jiff::tz::TimeZone::UTC)
}

/// Projects beyond these are counted and not asked about: one page is some hundred questions each.
const MOST_PROJECTS: usize = 200;

/// The longest name on the page, in bytes.
const LONG: usize = 400;
