//! Tells what one caller may do by the set in force.
//!
//! In: facts and a moment. Out: [`Permitted`]s, place by place.

use super::Policies;
use crate::authorize::moment::Moment;
use crate::authorize::permitted::{Permitted, Places};
use crate::clock::Time;
use crate::identify::Facts;

impl Policies {
    /// What a caller may do now, in these projects and in none. What is only observed counts as what
    /// it would be in force.
    pub fn permitted(&self, facts: &Facts, now: Time, projects: &[&str]) -> Vec<Permitted> {
        let places = Places {
            set: self.set(),
            facts,
            moment: Moment::of(now, &self.judge().zone),
        };
        places.of(projects)
    }

    /// The upstream's projects that the directory lists.
    pub fn projects(&self) -> impl Iterator<Item = &str> + Clone {
        self.judge().directory.projects()
    }
}
