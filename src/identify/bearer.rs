//! What the dialects of people have in common: a person, a program, or a program for a person.
//!
//! In: what a dialect read of a token. Out: [`Who`].
//!
//! A token with actors is of the one that acts now, for the subject; without, the dialect says
//! whether a program got it for itself.
//!
//! RFC 8176 2 (`amr`); RFC 8693 4.1 (`act`).

use super::facts::{Agent, Person, Who};
use super::reading::Reading;
use crate::refusal::{Reason, Refusal};

/// Who holds a token, as a dialect read it.
#[derive(Debug, Default)]
pub(super) struct Bearer {
    /// The issuer's name for whoever the token is about.
    pub(super) subject: String,
    /// A name to show; the subject where there is none.
    pub(super) name: Option<String>,
    /// Whether a program got the token for itself.
    pub(super) is_program: bool,
    /// The program that got the token.
    pub(super) client: Option<String>,
    /// Who acts for the subject, nearest first.
    pub(super) actors: Vec<String>,
    pub(super) groups: Vec<String>,
    pub(super) roles: Vec<String>,
    pub(super) scopes: Vec<String>,
    pub(super) mfa: bool,
    /// Only one that the issuer verified.
    pub(super) email: Option<String>,
    pub(super) domain: Option<String>,
}

impl Bearer {
    /// A person, or an agent.
    pub(super) fn who(self) -> Who {
        let nearest = self.actors.first().cloned();
        let name = self.name.unwrap_or_else(|| self.subject.clone());
        if nearest.is_none() && !self.is_program {
            return Who::Person(Person {
                name,
                groups: self.groups,
                mfa: self.mfa,
                roles: self.roles,
                scopes: self.scopes,
                client: self.client,
                email: self.email,
                domain: self.domain,
            });
        }
        Who::Agent(Agent {
            acts_for: nearest.is_some().then_some(self.subject),
            name: nearest.unwrap_or(name),
            actors: self.actors,
            groups: self.groups,
            roles: self.roles,
            scopes: self.scopes,
            client: self.client,
        })
    }
}

/// Whether `amr` names a second factor or a key in hardware.
pub(super) fn proved_more_than_a_password(reading: &Reading<'_>) -> Result<bool, Refusal> {
    let methods = reading.texts("amr")?;
    Ok(methods
        .iter()
        .any(|method| STRONG.contains(&method.as_str())))
}

/// Refuses a token that says where its groups are in place of the groups: whoever has many would
/// shed those that a guardrail forbids something (OpenID Connect Core 5.6.2).
pub(super) fn check_groups_are_here(reading: &Reading<'_>, groups: &str) -> Result<(), Refusal> {
    let elsewhere = reading.object("_claim_names")?;
    match elsewhere.is_some_and(|names| names.contains_key(groups)) {
        true => Err(groups_left_out()),
        false => Ok(()),
    }
}

/// The refusal of a token without the groups that it should have.
pub(super) fn groups_left_out() -> Refusal {
    Refusal::new(Reason::WrongType).telling(TOO_MANY_GROUPS)
}

const STRONG: [&str; 7] = ["mfa", "otp", "hwk", "swk", "fpt", "face", "pop"];
const TOO_MANY_GROUPS: &str = "the token leaves your groups out, because they are too many for it; \
    have the issuer list only those that are assigned to this application";
