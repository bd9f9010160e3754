//! Says in which groups a provider's directory has a person now, and whom it has no more.
//!
//! In: the rows that a provider keeps here over SCIM, as they are now. Out: a [`Directory`] that
//! principals of that provider are held against.
//!
//! The rule: whoever is in the directory has exactly its groups, and those of the token count for nothing;
//! whoever it holds as inactive, or had once, is refused; of others the token is believed, or nobody,
//! as it is set. It is the same for an agent that acts for a person. Jobs, and programs that act for
//! nobody, are in no directory.
//!
//! People are in it under a keyed digest of provider and subject, 16 bytes, so that one who was deleted stays
//! refused without being named. With 10,000 people in ten groups each it is about 1 MB.
//!
//! Never: a lock, or a question to the database, on the way of a request.

use std::collections::HashMap;
use std::sync::Arc;

use super::facts::Who;
use super::principal::Principal;
use crate::refusal::{Reason, Refusal};

/// What the providers' directories say. The default knows no provider.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    version: u64,
    key: [u8; 32],
    providers: HashMap<String, Provided>,
}

/// What one provider says.
#[derive(Clone, Debug, Default)]
pub struct Provided {
    /// Whether somebody whom it does not know is refused.
    pub refuses_unknown: bool,
    /// Whether tokens may name people by names, which are compared without regard to case.
    pub by_name: bool,
    /// The names of its groups.
    pub groups: Vec<String>,
    /// Everybody it knows or knew.
    pub people: HashMap<SubjectDigest, Standing>,
}

/// How somebody stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// In these groups, by their places in [`Provided::groups`].
    Active(Box<[u32]>),
    /// Inactive, or deleted.
    Ended,
}

/// Whom it is about, without a name.
pub type SubjectDigest = [u8; 16];

/// The digest under this key of a subject as a provider's tokens say it.
pub fn subject_digest(key: &[u8; 32], issuer: &str, subject: &str) -> SubjectDigest {
    digest(key, issuer, b'i', subject)
}

/// The same of a subject that is a name, where case does not count.
pub fn name_digest(key: &[u8; 32], issuer: &str, name: &str) -> SubjectDigest {
    digest(key, issuer, b'n', &name.to_lowercase())
}

fn digest(key: &[u8; 32], issuer: &str, form: u8, subject: &str) -> SubjectDigest {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    context.update(key);
    context.update(&[form]);
    context.update(&(issuer.len() as u64).to_be_bytes());
    context.update(issuer.as_bytes());
    context.update(subject.as_bytes());
    let whole = context.finish();
    whole.as_ref().first_chunk().copied().unwrap_or_default()
}

impl Provided {
    /// How whoever this subject is stands. Whom two entries mean that disagree is in neither.
    fn standing(&self, key: &[u8; 32], issuer: &str, subject: &str) -> Option<&Standing> {
        let by_id = self.people.get(&subject_digest(key, issuer, subject));
        if !self.by_name {
            return by_id;
        }
        let by_name = self.people.get(&name_digest(key, issuer, subject));
        match (by_id, by_name) {
            (Some(id), Some(name)) if id != name => Some(&Standing::Ended),
            (one, other) => one.or(other),
        }
    }
}

impl Directory {
    /// Of this many changes, under this key: what each provider says, by the issuer's name.
    pub fn new(version: u64, key: [u8; 32], providers: HashMap<String, Provided>) -> Directory {
        Directory {
            version,
            key,
            providers,
        }
    }

    /// How many changes are in it.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The principal with the groups that it has now.
    ///
    /// # Errors
    ///
    /// `ended` for whom the provider holds as inactive or deleted, and for a stranger to it where
    /// those are refused.
    pub(super) fn apply(&self, principal: Arc<Principal>) -> Result<Arc<Principal>, Refusal> {
        let facts = principal.facts();
        let Some(provided) = self.providers.get(&facts.issuer) else {
            return Ok(principal);
        };
        let (subject, groups, is_person) = match &facts.who {
            Who::Job(_) => return Ok(principal),
            Who::Person(person) => (&facts.subject, &person.groups, true),
            Who::Agent(agent) => match &agent.acts_for {
                Some(person) => (person, &agent.groups, true),
                None => (&facts.subject, &agent.groups, false),
            },
        };
        match provided.standing(&self.key, &facts.issuer, subject) {
            Some(Standing::Active(places)) => {
                let mut names = places
                    .iter()
                    .filter_map(|place| provided.groups.get(usize::try_from(*place).ok()?));
                if names.clone().eq(groups.iter()) {
                    return Ok(principal);
                }
                let names = names.by_ref().cloned().collect();
                Ok(with_groups(&principal, names))
            }
            Some(Standing::Ended) => Err(Refusal::new(Reason::Ended)
                .telling("the provider's directory does not hold you as active any more")),
            None if provided.refuses_unknown && is_person => Err(Refusal::new(Reason::Ended)
                .telling(
                    "the provider's directory does not have you: ask to be assigned to this \
                     application there",
                )),
            None => Ok(principal),
        }
    }
}

fn with_groups(principal: &Principal, names: Vec<String>) -> Arc<Principal> {
    let mut changed = principal.clone();
    match &mut changed.facts.who {
        Who::Person(person) => person.groups = names,
        Who::Agent(agent) => agent.groups = names,
        Who::Job(_) => {}
    }
    Arc::new(changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;
    use crate::identify::KeptPerson;

    fn person(subject: &str, groups: &[&str]) -> Arc<Principal> {
        let person = KeptPerson {
            issuer: "okta".into(),
            issuer_url: "https://okta.example".into(),
            subject: subject.into(),
            session_id: None,
            name: subject.into(),
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
            mfa: false,
        };
        let end = Time::from_secs(1);
        Arc::new(person.principal([0; 32], end, end))
    }

    fn agent(acts_for: Option<&str>) -> Arc<Principal> {
        let mut agent = (*person("agent", &[])).clone();
        agent.facts.who = Who::Agent(crate::identify::Agent {
            groups: vec!["of-token".into()],
            acts_for: acts_for.map(str::to_owned),
            ..Default::default()
        });
        Arc::new(agent)
    }

    fn directory(refuses_unknown: bool, standings: &[(&str, Standing)]) -> Directory {
        let key = [7; 32];
        let people = standings
            .iter()
            .map(|(who, how)| (subject_digest(&key, "okta", who), how.clone()))
            .collect();
        let provided = Provided {
            refuses_unknown,
            by_name: false,
            groups: vec!["a".into(), "b".into()],
            people,
        };
        Directory::new(1, key, [("okta".to_owned(), provided)].into())
    }

    fn groups(principal: &Principal) -> Vec<String> {
        match &principal.facts().who {
            Who::Person(person) => person.groups.clone(),
            Who::Agent(agent) => agent.groups.clone(),
            Who::Job(_) => panic!("a job"),
        }
    }

    #[test]
    fn whoever_is_known_has_exactly_the_groups_of_the_directory() {
        let known = [
            ("mira", Standing::Active([1].into())),
            ("none", Standing::Active([].into())),
        ];
        let directory = directory(false, &known);
        let told = |who: &str| groups(&directory.apply(person(who, &["a", "of-token"])).unwrap());
        assert_eq!(told("mira"), ["b"]);
        assert_eq!(told("none"), [""; 0]);
        assert_eq!(told("Mira"), ["a", "of-token"], "another subject");
        let agent = directory.apply(agent(Some("mira"))).unwrap();
        assert_eq!(groups(&agent), ["b"], "as the person has");
    }

    #[test]
    fn names_are_compared_without_case_and_two_that_disagree_let_nobody_in() {
        let mut directory = directory(false, &[("x", Standing::Active([0].into()))]);
        let provided = directory.providers.get_mut("okta").unwrap();
        provided.by_name = true;
        let name = |name: &str| name_digest(&[7; 32], "okta", name);
        provided
            .people
            .insert(name("Mira@Acme"), Standing::Active([1].into()));
        provided
            .people
            .insert(name("X"), Standing::Active([0].into()));
        let told = |who: &str| groups(&directory.apply(person(who, &[])).unwrap());
        assert_eq!(told("mira@acme"), ["b"]);
        assert_eq!(told("x"), ["a"], "both say the same");
        let provided = directory.providers.get_mut("okta").unwrap();
        provided
            .people
            .insert(name("X"), Standing::Active([1].into()));
        assert!(directory.apply(person("x", &[])).is_err());
        assert!(
            directory.apply(person("X", &[])).is_ok(),
            "one of them only"
        );
    }

    #[test]
    fn whoever_is_ended_is_refused_and_an_agent_of_theirs_too() {
        let directory = directory(false, &[("mira", Standing::Ended)]);
        for one in [person("mira", &["a"]), agent(Some("mira"))] {
            assert_eq!(directory.apply(one).unwrap_err().reason(), Reason::Ended);
        }
        assert!(directory.apply(person("other", &["a"])).is_ok());
    }

    #[test]
    fn a_stranger_to_the_directory_is_refused_where_that_is_set() {
        assert!(directory(false, &[]).apply(person("x", &[])).is_ok());
        let strict = directory(true, &[]);
        let refused = strict.apply(person("x", &[])).unwrap_err();
        assert_eq!(refused.reason(), Reason::Ended);
        assert!(strict.apply(agent(Some("x"))).is_err());
        assert!(strict.apply(agent(None)).is_ok(), "nobody assigns programs");
    }

    #[test]
    fn ten_thousand_people_cost_little_and_are_found_soon() {
        let known: Vec<_> = (0..10_000_u32)
            .map(|n| {
                let places: Box<[u32]> = (0..10).map(|g| (n + g) % 2).collect();
                (format!("00u{n:017}"), Standing::Active(places))
            })
            .collect();
        let known: Vec<_> = known.iter().map(|(n, s)| (n.as_str(), s.clone())).collect();
        let directory = directory(false, &known);
        let provided = &directory.providers["okta"];
        let bytes = provided.people.capacity() * 8 / 7
            * (size_of::<SubjectDigest>() + size_of::<Standing>() + 1)
            + 10_000 * 10 * size_of::<u32>();
        assert!(bytes < 2_000_000, "{bytes} bytes");
        let one = person("00u00000000000000042", &["a"]);
        let began = std::time::Instant::now();
        for _ in 0..1_000 {
            assert!(directory.apply(Arc::clone(&one)).is_ok());
        }
        let each = began.elapsed() / 1_000;
        println!("10,000 people: about {bytes} bytes; a look-up takes {each:?}");
        assert!(each.as_micros() < 1_000, "{each:?}");
    }
}
