//! What a record says of who asked.
//!
//! In: a [`Principal`], or the plain values of a test. Out: an [`Asker`].
//!
//! Never: the token or its `jti`; only their fingerprint.

use crate::clock::Time;
use crate::identify::{Bound, Principal, Who};
use crate::record::fingerprint::FingerprintKey;

/// What a record says of who asked.
#[derive(Clone, Debug)]
pub struct Asker<'a> {
    /// The issuer's exact URL.
    pub issuer: &'a str,
    /// The issuer's name for them.
    pub subject: &'a str,
    /// A job, a person or an agent, with its names and groups.
    pub who: &'a Who,
    /// The key id in the token's header.
    pub key_id: Option<&'a str>,
    /// The algorithm that verified the token.
    pub algorithm: &'a str,
    /// The `typ` in its header.
    pub typ: Option<&'a str>,
    /// When the token was issued.
    pub issued: Time,
    /// When it ends.
    pub expires: Time,
    /// What the token is bound to, and its bearer has shown.
    pub bound: Option<Bound>,
    /// The token's fingerprint under the journal's own key.
    pub fingerprint: [u8; 32],
    /// Claims that records keep.
    pub claims: Vec<(&'a str, serde_json::Value)>,
    /// Those of them that tell of a person.
    pub personal_claims: Vec<(&'a str, serde_json::Value)>,
}

impl<'a> Asker<'a> {
    /// What a record says of a principal.
    pub(in crate::record) fn of(principal: &'a Principal, key: &FingerprintKey) -> Asker<'a> {
        let token = principal.token();
        let issuer = principal.issuer_url();
        let kept = token.kept_claims.unpacked();
        Asker {
            issuer,
            subject: &principal.facts().subject,
            who: &principal.facts().who,
            key_id: token.key_id.as_deref(),
            algorithm: token.algorithm,
            typ: token.typ.as_deref(),
            issued: token.issued,
            expires: token.expires,
            bound: token.bound,
            fingerprint: match &token.jti {
                Some(jti) => key.of_token_id(issuer, jti),
                None => key.of_token(principal.digest()),
            },
            claims: kept.plain,
            personal_claims: kept.personal,
        }
    }
}

impl Asker<'_> {
    /// The word for what they are.
    pub(super) fn kind(&self) -> &'static str {
        match self.who {
            Who::Job(_) => "job",
            Who::Person(_) => "person",
            Who::Agent(_) => "agent",
        }
    }

    /// The word for how they showed who they are.
    pub(super) fn credential(&self) -> &'static str {
        match self.bound {
            None => "bearer_jwt",
            Some(Bound::ToKey(_)) => "dpop_jwt",
            Some(Bound::ToCertificate(_)) => "mtls_jwt",
            Some(Bound::IsCertificate(_)) => "mtls",
            Some(Bound::IsSession) => "session",
        }
    }

    /// A name that people know them by.
    pub(super) fn name(&self) -> Option<&str> {
        match self.who {
            Who::Job(job) => job.started_by.as_deref(),
            Who::Person(person) => Some(&person.name),
            Who::Agent(agent) => Some(&agent.name),
        }
    }

    /// Their groups, where they have some.
    pub(super) fn groups(&self) -> Option<&[String]> {
        match self.who {
            Who::Job(_) => None,
            Who::Person(person) => Some(&person.groups),
            Who::Agent(agent) => Some(&agent.groups),
        }
    }

    /// Whom an agent acts for.
    pub(super) fn acts_for(&self) -> Option<&str> {
        match self.who {
            Who::Agent(agent) => agent.acts_for.as_deref(),
            Who::Job(_) | Who::Person(_) => None,
        }
    }

    /// Who acts for that subject, nearest first.
    pub(super) fn actors(&self) -> Option<&[String]> {
        match self.who {
            Who::Agent(agent) => Some(&agent.actors),
            Who::Job(_) | Who::Person(_) => None,
        }
    }
}
