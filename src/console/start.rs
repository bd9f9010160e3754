//! The first page: who one is here, what one may do, what became of one's requests, what one may open.
//!
//! In: a look of anybody who is believed. Out: the page; nothing on it is of anybody else.

use askama::Template;
use serde::Serialize;

use super::frame::{Frame, Link, Made, PAGES, Stamp, WHOLE};
use super::texts::{counted, shown};
use super::view::View;
use crate::identify::Who;
use crate::own::Look;
use crate::own::report::Report;
use crate::refusal::Refusal;
use crate::resolve::Scope;

/// The page.
#[derive(Template, Serialize)]
#[template(path = "start.html")]
struct Start {
    #[serde(skip)]
    frame: Frame,
    kind: &'static str,
    name: String,
    issuer: String,
    teams: Vec<String>,
    token_ends: Stamp,
    may: Vec<Place>,
    requests: Option<u64>,
    came_through: u64,
    troubles: Vec<Trouble>,
    left_out: u64,
    /// Why requests are not shown.
    unknown: Option<String>,
    whose: &'static str,
    is_behind: bool,
    scopes: Vec<Open>,
}

/// What may be done somewhere.
#[derive(Serialize)]
struct Place {
    place: String,
    class: &'static str,
    what: String,
}

/// A request that did not come through.
#[derive(Serialize)]
struct Trouble {
    time: Stamp,
    verdict: &'static str,
    what: String,
    why: String,
    fix: Option<String>,
    id: String,
}

/// A scope with its pages.
#[derive(Serialize)]
struct Open {
    scope: String,
    pages: Vec<Link>,
}

pub(super) fn page(view: &View<'_>) -> Result<Made, Refusal> {
    view.pairs().only(&["tz"])?;
    let looking = view.looking;
    let facts = looking.principal.facts();
    let (kind, name) = match &facts.who {
        Who::Job(job) => ("job", format!("{} on {}", job.repository, job.git_ref)),
        Who::Person(person) => ("person", person.name.clone()),
        Who::Agent(agent) => ("agent", agent.name.clone()),
    };
    let look = Look {
        principal: looking.principal.clone(),
        time: looking.time,
        seq: looking.seq,
    };
    let report = Report::of(&look, view.policies(), view.parts.index.as_ref());
    let whose = report.whose;
    let (found, unknown) = match report.found {
        Ok(found) => (Some(found), None),
        Err(why) => (None, Some(why)),
    };
    let troubled = found.as_ref().map_or(0, |found| found.troubles);
    let requests = found.as_ref().map(|found| found.requests);
    let is_behind = found.as_ref().is_some_and(|found| found.is_behind);
    let lines = found.map_or_else(Vec::new, |found| found.lines);
    let troubles: Vec<Trouble> = lines
        .into_iter()
        .map(|line| Trouble {
            time: Stamp::of(view, line.time),
            verdict: line.verdict,
            what: shown(&line.what, 200),
            why: shown(&line.why, 400),
            fix: line.fix.map(|fix| shown(&fix, 400)),
            id: shown(&line.id, 40),
        })
        .collect();
    let teams = view.policies().teams_of(facts);
    let page = Start {
        frame: Frame::of(view, "You"),
        kind,
        name: shown(&name, 200),
        issuer: shown(&facts.issuer, 100),
        may: places(view),
        token_ends: Stamp::of(view, looking.principal.token().expires),
        requests,
        came_through: requests.unwrap_or(0).saturating_sub(troubled),
        left_out: troubled.saturating_sub(troubles.len() as u64),
        troubles,
        unknown,
        whose,
        is_behind,
        scopes: scopes(view, &teams),
        teams,
    };
    Made::of(view, &page)
}

fn places(view: &View<'_>) -> Vec<Place> {
    let policies = view.policies();
    let projects: Vec<&str> = policies.projects().take(MOST_PROJECTS).collect();
    let permitted = policies.permitted(view.looking.principal.facts(), view.now(), &projects);
    let place = |one: crate::authorize::Permitted| Place {
        place: match (&one.project, &one.owner) {
            (None, None) => "in no project".to_owned(),
            (None, Some(team)) => format!("of team {team}"),
            (Some(project), None) => format!("in {project}"),
            (Some(project), Some(team)) => format!("in {project}, of team {team}"),
        },
        class: one.class,
        what: match one.all {
            true => "all".to_owned(),
            false if one.actions.len() > MOST_ACTIONS => {
                counted(one.actions.len() as u64, "action")
            }
            false => one.actions.join(", "),
        },
    };
    permitted.into_iter().map(place).collect()
}

/// What the policies let this caller open: asked scope by scope, of everything, of each own team, and of
/// the own repository or those that the own teams' rules might name.
fn scopes(view: &View<'_>, teams: &[String]) -> Vec<Open> {
    let mut tried = vec![Scope::Everything];
    let world = view.policies().world();
    tried.extend(world.teams.iter().map(|(team, _)| Scope::Team(team)));
    let own = match &view.looking.principal.facts().who {
        Who::Job(job) => Some(job.repository.clone()),
        Who::Person(_) | Who::Agent(_) => None,
    };
    tried.extend(own.as_deref().map(Scope::Project));
    let named: Vec<String> = world
        .repositories
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    tried.extend(named.iter().map(|path| Scope::Project(path)));
    // Own teams first, since that is what most come for.
    tried.sort_by_key(|scope| match scope {
        Scope::Team(team) => !teams.iter().any(|own| own == team),
        Scope::Everything | Scope::Project(_) => false,
    });
    let mut open = Vec::new();
    for scope in tried {
        let pages = PAGES.iter().filter(|(_, page, action)| {
            (scope == Scope::Everything || !WHOLE.contains(page)) && view.may(action, scope)
        });
        let pages: Vec<Link> = pages
            .map(|(words, page, _)| Link {
                words: (*words).to_owned(),
                href: view.href_in(page, scope, &[]),
                is_here: false,
            })
            .collect();
        if !pages.is_empty() {
            let scope = match scope {
                Scope::Everything => "everything".to_owned(),
                Scope::Team(team) => format!("team {team}"),
                Scope::Project(path) => format!("project {}", shown(path, 200)),
            };
            open.push(Open { scope, pages });
        }
    }
    open
}

/// Projects beyond these are not asked about: one page is some hundred questions each.
const MOST_PROJECTS: usize = 100;

/// More actions than these are told by their number; `/.stile/me` lists them.
const MOST_ACTIONS: usize = 6;
