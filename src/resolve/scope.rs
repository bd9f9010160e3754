//! Says whose records a page of the console is about.
//!
//! In: the id of what is looked at. Out: a [`Scope`].
//!
//! The scope is written into the id of the resource: what the policies are asked about, what the record
//! of the look names and what the index is asked for are one text, so that none can be wider than
//! another.

/// The type in policies of what the console shows.
pub const RECORDS: &str = "Records";

/// Whose records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    /// Everybody's.
    Everything,
    /// Those of a team's people and agents.
    Team(&'a str),
    /// Those of a repository's jobs, by the path that policies spell: `acme/shop/api`.
    Project(&'a str),
}

impl<'a> Scope<'a> {
    /// The scope of an id; none where it is no scope.
    pub fn of(id: Option<&'a str>) -> Option<Scope<'a>> {
        let Some(id) = id else {
            return Some(Scope::Everything);
        };
        let team = id.strip_prefix(TEAM).map(Scope::Team);
        team.or(id.strip_prefix(PROJECT).map(Scope::Project))
    }

    /// The id that says so.
    pub fn id(self) -> Option<String> {
        match self {
            Scope::Everything => None,
            Scope::Team(team) => Some(format!("{TEAM}{team}")),
            Scope::Project(path) => Some(format!("{PROJECT}{path}")),
        }
    }
}

const TEAM: &str = "team:";
const PROJECT: &str = "project:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_reads_back_from_its_id() {
        for scope in [
            Scope::Everything,
            Scope::Team("payments"),
            Scope::Project("github:acme/shop/api"),
        ] {
            assert_eq!(Scope::of(scope.id().as_deref()), Some(scope));
        }
        for other in ["", "payments", "Team:payments", "any"] {
            assert_eq!(Scope::of(Some(other)), None, "{other}");
        }
    }
}
