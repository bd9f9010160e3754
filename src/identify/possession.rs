//! Demands what a token is bound to.
//!
//! In: a verified [`Principal`], the credential as it was sent, the arrival. Out: nothing when the
//! bearer showed what the token asks for, or a [`Refusal`].
//!
//! Asked at every request, whether the token was verified now or before: a proof is good for one
//! request. A token comes in the scheme of its kind and no other, so that a bound one that was
//! caught cannot be shown as a plain one.
//!
//! A proof made before this process could remember it is refused, too: a restart makes no used
//! proof good again.
//!
//! RFC 8705 3; RFC 9449 7.1 and 7.2.

use std::sync::Arc;

use super::bound::Bound;
use super::credential::{Scheme, Sent};
use super::principal::Principal;
use super::proof::{self, Demand};
use super::sha256;
use super::used::{Use, Used};
use crate::clock::Time;
use crate::listen::Arrival;
use crate::refusal::{Reason, Refusal};

/// Where this proxy is found, and the proofs it was shown there.
#[derive(Clone, Debug)]
pub(super) struct Possession {
    /// Scheme and authority of this proxy, as a proof must name them.
    origin: Option<String>,
    proofs: Arc<Used>,
    /// No proof from before this moment can be told from a used one.
    since: Time,
}

impl Possession {
    /// Of a proxy that knows no address of its own: takes no proofs.
    pub(super) fn nowhere(now: Time) -> Possession {
        Possession {
            origin: None,
            proofs: Arc::new(Used::up_to(MOST_PROOFS)),
            since: now,
        }
    }

    /// Of a proxy at this URL, remembering what an earlier generation was shown.
    pub(super) fn at(self, site_url: &str, earlier: Option<&Possession>) -> Possession {
        Possession {
            origin: proof::origin(site_url),
            ..earlier.cloned().unwrap_or(self)
        }
    }

    /// Refuses a bearer who has not shown what the token is bound to.
    pub(super) fn check(
        &self,
        principal: &Principal,
        sent: &Sent<'_>,
        arrival: &Arrival,
    ) -> Result<(), Refusal> {
        match (principal.token().bound, sent.scheme) {
            (None, Scheme::Bearer) => Ok(()),
            (None | Some(Bound::ToCertificate(_) | Bound::IsCertificate(_)), Scheme::Dpop) => {
                Err(wrong_type(NOT_DPOP))
            }
            // A session comes in a cookie and never here.
            (Some(Bound::IsSession), _) => Err(Refusal::new(Reason::SessionInvalid)),
            (Some(Bound::ToKey(_)), Scheme::Bearer) => Err(wrong_type(NEEDS_PROOF)),
            (Some(Bound::ToKey(thumbprint)), Scheme::Dpop) => {
                self.check_proof(&thumbprint, sent, arrival)
            }
            (Some(Bound::ToCertificate(digest) | Bound::IsCertificate(digest)), Scheme::Bearer) => {
                let shown = arrival.client_certificate();
                match shown {
                    Some(shown) if shown.digest == digest => Ok(()),
                    Some(_) => Err(wrong_type(OTHER_CERTIFICATE)),
                    None => Err(wrong_type(NEEDS_CERTIFICATE)),
                }
            }
        }
    }

    fn check_proof(
        &self,
        thumbprint: &[u8; 32],
        sent: &Sent<'_>,
        arrival: &Arrival,
    ) -> Result<(), Refusal> {
        let proof = proof::find(arrival.headers())?;
        let now = arrival.time();
        let demand = Demand {
            thumbprint,
            method: arrival.method().as_str(),
            origin: self.origin.as_deref(),
            path: arrival.path(),
            token: sent.token,
            since: self.since,
            now,
        };
        let fresh = proof::check(proof, &demand)?;
        let key = sha256(&[thumbprint.as_slice(), fresh.id.as_bytes()].concat());
        match self.proofs.take(key, fresh.end, now) {
            Use::First => Ok(()),
            Use::Again => Err(Refusal::new(Reason::Replayed).telling(USED_PROOF)),
            Use::NoRoom => {
                Err(Refusal::new(Reason::Overloaded).noting("no room to remember a DPoP proof"))
            }
        }
    }
}

fn wrong_type(told: &'static str) -> Refusal {
    Refusal::new(Reason::WrongType).telling(told)
}

/// About 150 bytes each, for 90 seconds each.
const MOST_PROOFS: usize = 200_000;
const NOT_DPOP: &str =
    "the token is not bound by DPoP: send it as `authorization: Bearer ...`, without a proof";
const NEEDS_PROOF: &str = "the token is bound to a key: send it as `authorization: DPoP ...` with \
    a proof in `dpop`";
const NEEDS_CERTIFICATE: &str = "the token is bound to a client certificate: connect with that \
    certificate, to an address of this proxy that asks for one";
const OTHER_CERTIFICATE: &str =
    "the token is bound to another client certificate than the one of this connection";
const USED_PROOF: &str = "the DPoP proof was used before: make a new one for each request";
