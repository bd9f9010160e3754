//! Says who was ended.
//!
//! In: what was ended, where, and when. Out: for a principal, whether that is of it.
//!
//! An *end* counts for what was issued until its moment, by the clock of whoever issued it; a *block*
//! for everything until it is lifted. Moments are whole seconds in tokens, so what was issued in the
//! very second of an end is ended with it: whoever signs in again in that second has to do so once more.
//! That is the side on which it errs, and the other one would be to let in who was ended.
//!
//! An issuer of whom nobody was ended costs one look into a map.
//!
//! Never: one issuer's word about what another one issued; whoever makes an [`Endings`] sees to that.

use std::collections::HashMap;

use super::facts::Who;
use super::principal::Principal;
use crate::clock::Time;

/// What an ending is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum What {
    /// Everything of a subject: by `sub`, by the issuer's own id of the person, and of who acts for it.
    Subject,
    /// Everything of one session at the issuer (`sid`).
    Session,
    /// What is of a subject and says of no session that it belongs to it.
    Sessionless,
    /// One token: its id (`jti`), the SHA-256 of its text, or its fingerprint in records.
    Token,
    /// Everybody in a group, and the jobs of every project below it.
    Group,
    /// Everybody with an e-mail address.
    Email,
}

/// Somebody or something that was ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ending {
    /// What it is about.
    pub what: What,
    /// The issuer's exact URL.
    pub issuer_url: String,
    /// Its name there.
    pub value: String,
    /// What was issued until then is ended; nothing is left where it is a block.
    pub until: Option<Time>,
    /// Why, in a few words.
    pub why: String,
    /// Who said so.
    pub by: String,
}

/// Everybody who was ended, as of one moment.
#[derive(Clone, Debug, Default)]
pub struct Endings {
    list: Vec<Ending>,
    by_issuer: HashMap<String, OfIssuer>,
}

/// Moments until which things are ended, by what they are about and their name.
#[derive(Clone, Debug, Default)]
struct OfIssuer {
    ended: HashMap<What, HashMap<String, Time>>,
}

impl What {
    /// Every one, in the order in which they are looked for.
    pub const ALL: [What; 6] = [
        What::Subject,
        What::Session,
        What::Sessionless,
        What::Token,
        What::Group,
        What::Email,
    ];

    /// The word in the database, in records and on the command line.
    pub fn word(self) -> &'static str {
        match self {
            What::Subject => "subject",
            What::Session => "session",
            What::Sessionless => "sessionless",
            What::Token => "token",
            What::Group => "group",
            What::Email => "email",
        }
    }

    /// That of a word.
    pub fn of(word: &str) -> Option<What> {
        What::ALL.into_iter().find(|what| what.word() == word)
    }

    /// A name in the one spelling in which it is looked for.
    pub fn spelled(self, value: &str) -> String {
        match self {
            // Nobody tells two people apart by the case of their addresses.
            What::Email => value.to_ascii_lowercase(),
            _ => value.to_owned(),
        }
    }
}

impl FromIterator<Ending> for Endings {
    fn from_iter<I: IntoIterator<Item = Ending>>(list: I) -> Endings {
        let mut list: Vec<Ending> = list.into_iter().collect();
        list.sort();
        let mut by_issuer: HashMap<String, OfIssuer> = HashMap::new();
        for one in &list {
            let of_issuer = by_issuer.entry(one.issuer_url.clone()).or_default();
            let names = of_issuer.ended.entry(one.what).or_default();
            let until = one.until.unwrap_or(FOR_EVER);
            let known = names.entry(one.what.spelled(&one.value)).or_insert(until);
            *known = until.max(*known);
        }
        Endings { list, by_issuer }
    }
}

impl Endings {
    /// Every one of them, in an order of their own.
    pub fn list(&self) -> &[Ending] {
        &self.list
    }

    /// What of this principal was ended, if anything was. `fingerprint` is how records name its token;
    /// it is asked for only where a token of that issuer was ended.
    pub(super) fn about(
        &self,
        principal: &Principal,
        fingerprint: impl Fn() -> Option<String>,
    ) -> Option<What> {
        let of_issuer = self.by_issuer.get(&principal.issuer_url)?;
        let found = |what: &What| of_issuer.is_about(*what, principal, &fingerprint);
        What::ALL.into_iter().find(found)
    }
}

impl OfIssuer {
    fn is_about(
        &self,
        what: What,
        principal: &Principal,
        fingerprint: impl Fn() -> Option<String>,
    ) -> bool {
        let Some(names) = self.ended.get(&what) else {
            return false;
        };
        let issued = principal.token.issued;
        let is_ended = |name: &str| names.get(name).is_some_and(|until| issued <= *until);
        let (facts, token) = (&principal.facts, &principal.token);
        let subjects = || {
            let acts_for = match &facts.who {
                Who::Agent(agent) => agent.acts_for.as_deref(),
                Who::Person(_) | Who::Job(_) => None,
            };
            let known = [
                Some(facts.subject.as_str()),
                token.user_id.as_deref(),
                acts_for,
            ];
            known.into_iter().flatten()
        };
        match what {
            What::Subject => subjects().any(is_ended),
            What::Sessionless => token.session_id.is_none() && subjects().any(is_ended),
            What::Session => token.session_id.as_deref().is_some_and(is_ended),
            What::Token => {
                token.jti.as_deref().is_some_and(is_ended)
                    || is_ended(&hex(&principal.digest))
                    || fingerprint().is_some_and(|print| is_ended(&print))
            }
            What::Group => match &facts.who {
                Who::Person(person) => person.groups.iter().any(|group| is_ended(group)),
                Who::Agent(agent) => agent.groups.iter().any(|group| is_ended(group)),
                Who::Job(job) => above(&job.repository).any(is_ended),
            },
            What::Email => {
                let email = match &facts.who {
                    Who::Person(person) => person.email.as_deref(),
                    Who::Agent(_) | Who::Job(_) => None,
                };
                // Okta's `sub` is the login, which is an address in most places.
                let addresses = email.into_iter().chain(subjects());
                addresses
                    .filter(|name| name.contains('@'))
                    .any(|name| is_ended(&What::Email.spelled(name)))
            }
        }
    }
}

/// The groups that a project lies in, the nearest first: of `a/b/c` those are `a/b` and `a`.
fn above(project: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(project.rsplit_once('/'), |(group, _)| {
        group.rsplit_once('/')
    })
    .map(|(group, _)| group)
}

/// Lower case hexadecimal, as records write it.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const FOR_EVER: Time = Time::from_ms(u64::MAX);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_above_a_project_are_all_of_them_and_not_itself() {
        assert_eq!(above("a/b/c").collect::<Vec<_>>(), ["a/b", "a"]);
        assert_eq!(above("a").count(), 0);
    }

    #[test]
    fn every_word_is_read_back() {
        for what in What::ALL {
            assert_eq!(What::of(what.word()), Some(what));
        }
        assert_eq!(What::of("everything"), None);
    }

    #[test]
    fn the_later_of_two_moments_counts_and_a_block_above_both() {
        let ending = |until: Option<u64>| Ending {
            what: What::Subject,
            issuer_url: "https://a".to_owned(),
            value: "dana".to_owned(),
            until: until.map(Time::from_ms),
            why: String::new(),
            by: String::new(),
        };
        let until =
            |endings: &Endings| endings.by_issuer["https://a"].ended[&What::Subject]["dana"];
        let twice = Endings::from_iter([ending(Some(9)), ending(Some(5))]);
        assert_eq!(until(&twice), Time::from_ms(9));
        let blocked = Endings::from_iter([ending(None), ending(Some(5))]);
        assert_eq!(until(&blocked), FOR_EVER);
    }
}
