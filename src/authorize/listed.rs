//! Lists a set as a reader looks at it: every policy with its place and text, every binding with whom it
//! binds to what.
//!
//! In: a loaded set. Out: [`ListedPolicy`]s and [`Bound`]s; nothing that decides.

use super::policies::Policies;

/// One rule, guardrail or binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedPolicy {
    /// Its id.
    pub id: String,
    /// `rule`, `guardrail` or `binding`.
    pub kind: &'static str,
    /// The file's name, with its line: `people.cedar:4`.
    pub place: String,
    /// Whether it is only tried.
    pub observed: bool,
    /// What it says, in Cedar.
    pub text: String,
}

/// One binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Its name.
    pub name: String,
    /// Who has it: `team payments`, `CI acme/*`, `agents`.
    pub holder: String,
    /// The team, where it is one's.
    pub team: Option<String>,
    /// The role's name.
    pub role: String,
    /// The actions and classes that the role names.
    pub actions: Vec<String>,
    /// The projects; none for all.
    pub projects: Vec<String>,
    /// Whether it is about the team's own things only.
    pub own: bool,
}

impl Policies {
    /// Every rule, guardrail and binding, by id.
    pub fn listed(&self) -> Vec<ListedPolicy> {
        let each = self.sources().iter().filter_map(|(id, source)| {
            let kind = match (&source.text, source.guardrail) {
                (None, _) => "binding",
                (Some(_), true) => "guardrail",
                (Some(_), false) => "rule",
            };
            let shown = self.shown(&format!("{kind}:{id}")).ok()?;
            let file = source.file.file_name()?.to_string_lossy().into_owned();
            Some(ListedPolicy {
                id: id.clone(),
                kind,
                place: format!("{file}:{}", source.line),
                observed: source.observed,
                text: shown.text,
            })
        });
        each.collect()
    }

    /// Every binding, in the order of their file.
    pub fn bound(&self) -> Vec<Bound> {
        let each = self.bindings().iter().map(|binding| {
            let mut roles = self.roles();
            let role = roles.find(|(name, _)| *name == binding.role);
            let (holder, team) = match &binding.principal {
                Some(("Team", team)) if binding.template.contains("principal is Agent") => {
                    (format!("agents of {team}"), Some(team.clone()))
                }
                Some(("Team", team)) => (format!("team {team}"), Some(team.clone())),
                Some(("Group", path)) => (format!("CI {path}/*"), None),
                Some((_, path)) => (format!("CI {path}"), None),
                None => ("agents".to_owned(), None),
            };
            Bound {
                name: binding.name.clone(),
                holder,
                team,
                role: binding.role.clone(),
                actions: role.map_or_else(Vec::new, |(_, actions)| actions.to_vec()),
                projects: binding.projects.clone(),
                own: binding.own,
            }
        });
        each.collect()
    }
}
