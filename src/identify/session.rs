//! Makes a principal of a session that was begun here.
//!
//! In: what was kept of somebody whose ID token verified, and when their session began and ends. Out: a
//! [`Principal`] that is as good as that token was.
//!
//! Only who keeps sessions may call this; the times are checked again at every use.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Issuers;
use super::bound::Bound;
use super::facts::{Facts, Person, Who};
use super::kept_claims::KeptClaims;
use super::principal::{Principal, TokenFacts};
use crate::clock::Time;
use crate::refusal::{Reason, Refusal};

/// What is kept of who signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptPerson {
    /// The issuer by its name in `stile.yaml`.
    pub issuer: String,
    /// The issuer's exact URL.
    pub issuer_url: String,
    /// The issuer's name for the person (`sub`).
    pub subject: String,
    /// The session at the issuer (`sid`), where it says one.
    pub session_id: Option<String>,
    /// A name to show.
    pub name: String,
    /// The issuer's groups.
    pub groups: Vec<String>,
    /// Whether the person proved more than a password.
    pub mfa: bool,
}

impl KeptPerson {
    /// Of somebody whose ID token verified; nothing of a principal that is no person.
    pub fn of(principal: &Principal) -> Option<KeptPerson> {
        let facts = principal.facts();
        let Who::Person(person) = &facts.who else {
            return None;
        };
        Some(KeptPerson {
            issuer: facts.issuer.clone(),
            issuer_url: principal.issuer_url().to_owned(),
            subject: facts.subject.clone(),
            session_id: principal.token().session_id.clone(),
            name: person.name.clone(),
            groups: person.groups.clone(),
            mfa: person.mfa,
        })
    }

    /// The person of a session with this digest, which lives between these moments.
    pub(crate) fn principal(self, digest: [u8; 32], begun: Time, ends: Time) -> Principal {
        Principal {
            facts: Facts {
                issuer: self.issuer,
                subject: self.subject,
                who: Who::Person(Person {
                    name: self.name,
                    groups: self.groups,
                    mfa: self.mfa,
                    ..Person::default()
                }),
            },
            issuer_url: self.issuer_url,
            token: TokenFacts {
                key_id: None,
                algorithm: "session",
                typ: None,
                jti: None,
                session_id: self.session_id,
                user_id: None,
                issued: begun,
                expires: ends,
                bound: Some(Bound::IsSession),
                kept_claims: KeptClaims::none(),
            },
            digest,
        }
    }
}

impl Issuers {
    /// The person of a session as they are known now.
    ///
    /// # Errors
    ///
    /// `session_invalid` outside of its time; otherwise as for a token.
    pub fn of_session(
        &self,
        principal: Arc<Principal>,
        now: Time,
    ) -> Result<Arc<Principal>, Refusal> {
        let token = principal.token();
        // Who is not trusted any more vouches for nobody, whenever it did.
        if !self.urls().any(|url| url == principal.issuer_url()) {
            return Err(Refusal::new(Reason::UnknownIssuer));
        }
        if now >= token.expires || now.plus_ms(super::validity::LEEWAY_MS) < token.issued {
            return Err(Refusal::new(Reason::SessionInvalid));
        }
        self.standings.apply(principal)
    }
}
