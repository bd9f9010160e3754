//! Says which groups a team is made of.
//!
//! In: the teams of the directory. Out: a condition without teams.
//!
//! Records keep what the issuer said: its groups. Which of them make up a team is the directory's
//! word and changes with it, so a team in a query is the team as the directory knows it when the
//! query is answered. The expanded text says which groups that were.

use std::collections::BTreeMap;
use std::fmt;

use crate::setup_error::{SetupError, nearest};

use super::{Condition, Field, Pattern};

/// Teams by name, each with the groups that make it up.
#[derive(Clone, Debug, Default)]
pub struct Teams(BTreeMap<String, Vec<(String, String)>>);

/// A team that the directory does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownTeam {
    /// As it was written.
    pub team: String,
    /// The one that was meant, perhaps.
    pub meant: Option<String>,
}

impl Teams {
    /// Adds a group of an issuer, named by its URL, to a team.
    pub fn add(&mut self, team: &str, issuer: &str, group: &str) {
        let groups = self.0.entry(team.to_owned()).or_default();
        groups.push((issuer.to_owned(), group.to_owned()));
    }

    pub(super) fn expand(&self, condition: &Condition) -> Result<Condition, UnknownTeam> {
        let each = |of: &[Condition]| -> Result<Vec<Condition>, UnknownTeam> {
            of.iter().map(|c| self.expand(c)).collect()
        };
        Ok(match condition {
            Condition::All(of) => Condition::all(each(of)?),
            Condition::Any(of) => Condition::any(each(of)?),
            Condition::Not(of) => Condition::opposite(self.expand(of)?),
            Condition::Is(Field::Team, pattern) => self.groups(pattern)?,
            other => other.clone(),
        })
    }

    fn groups(&self, pattern: &Pattern) -> Result<Condition, UnknownTeam> {
        let fitting = self.0.iter().filter(|(team, _)| pattern.fits(team));
        let member = |(issuer, group): &(String, String)| {
            Condition::all(vec![
                Condition::is(Field::Issuer, issuer),
                Condition::is(Field::Group, group),
            ])
        };
        let groups: Vec<Condition> = fitting.flat_map(|(_, of)| of.iter().map(member)).collect();
        if groups.is_empty() {
            let team = pattern.to_string();
            let meant = nearest(&team, self.0.keys().map(String::as_str)).map(str::to_owned);
            return Err(UnknownTeam { team, meant });
        }
        Ok(Condition::any(groups))
    }
}

impl From<UnknownTeam> for SetupError {
    fn from(unknown: UnknownTeam) -> SetupError {
        let fault = SetupError::new(unknown.to_string());
        match unknown.meant {
            Some(meant) => fault.hint(format!("did you mean `{meant}`?")),
            None => {
                fault.hint("teams are listed in directory.yaml; a group can be asked for alone")
            }
        }
    }
}

impl fmt::Display for UnknownTeam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no team is `{}`", self.team)
    }
}

impl std::error::Error for UnknownTeam {}
