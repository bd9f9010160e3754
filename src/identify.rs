//! Says who is asking.
//!
//! In: an [`Arrival`]. Out: a [`Principal`], or a [`Refusal`].
//!
//! A token is read twice. First without belief, to learn what to check it with: issuer, key id,
//! algorithm, type. Then verified; from there on only typed claims exist. A [`Principal`] has no
//! public constructor, so holding one means that the second reading succeeded.
//!
//! A token that was verified once is remembered by the digest of all its bytes, until its end, for
//! as long as its issuer's key set stays the same; its times are checked again at every use.
//! Refused tokens are not remembered.
//!
//! Never: follows a URL found in a token, accepts an algorithm its issuer was not given, takes a
//! claim of the wrong type for an absent one, asks the network while a fitting key is at hand.
//!
//! When keys cannot be had, the answer is `idp_unavailable`, not a guess.
//!
//! A program may show a client certificate in the place of a token, where a CA for workloads is set.
//!
//! A token may be bound to a key; then whoever sends it must show that key with each request.
//!
//! OpenID Connect Core 3.1.3.7; RFC 8725; RFC 8705; RFC 9449.

pub mod facts;
pub mod principal;

pub use facts::{Agent, Facts, Job, Person, Who};
pub(crate) use json::strict_json;
pub use principal::{Principal, TokenFacts};

pub mod settings;
pub use settings::{ClaimNames, Dialect, IssuerSettings, WorkloadNames, WorkloadSettings};

mod credential;
mod json;
mod token;
mod claims;
mod verify;
mod validity;
mod claim_table;
mod reading;
mod actors;
mod bearer;
mod gitlab;
mod github;
mod okta;
mod keycloak;
mod auth0;
mod entra;
mod google;
mod openid;
mod dialect;
mod trail;
mod trust;
mod roots;
mod dial;
mod fetch;
mod kept_claims;
mod remembered;
mod used;
mod bound;
mod proof;
mod possession;
mod workload_name;
mod workload;
mod discovery;
mod key;
mod key_set;
mod blocked;
mod endings;
pub mod directory;
mod people_now;
mod session;
mod provider;
mod standing;
mod notice;
mod keys;
mod offline;

pub use blocked::{BlockedKey, BlockedKeys};
pub use bound::Bound;
pub use claim_table::{ClaimLine, Form};
pub use directory::Directory;
pub use endings::{Ending, Endings, What};
pub use entra::tenant_of;
pub use kept_claims::KeptClaims;
pub use key_set::KeyFacts;
pub use keys::{Freshness, KeySetState};
pub use notice::{Notice, NoticeDemand};
pub use offline::{verify_signature_with_jwks, verify_with_jwks};
pub use people_now::PeopleNow;
pub use provider::{Begun, NotRenewed, Provider, SignInSettings, SignedIn};
pub use session::KeptPerson;
pub use standing::{Standing, Standings};
pub use trail::Examination;
pub(crate) use used::{Use, Used};
pub(crate) use validity::LEEWAY_MS;

use std::collections::HashMap;
use std::sync::Arc;

use crate::clock::{Clock, Time};
use crate::listen::Arrival;
use crate::reach::Lookup;
use crate::refusal::{Reason, Refusal};
use crate::setup_error::SetupError;
use keys::Keys;
use possession::Possession;
use remembered::{Remembered, Verifications};
use token::{LONGEST_TOKEN_BYTES, Unverified};
use trail::Trail;
use validity::Validity;
use verify::Verified;
use workload::Workloads;

/// All trusted issuers, their keys, and the tokens verified lately.
#[derive(Debug)]
pub struct Issuers {
    trusted: HashMap<String, Trusted>,
    remembered: Verifications,
    possession: Possession,
    workloads: Workloads,
    /// One for all generations.
    standings: Standings,
}

#[derive(Debug)]
struct Trusted {
    settings: Arc<IssuerSettings>,
    keys: Arc<Keys>,
}

/// Chooses the cryptography that signatures are verified with; to be called before anything else,
/// as often as one likes.
pub fn install_crypto() {
    // The second call of a process fails and changes nothing, which is what is wanted.
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

impl Issuers {
    /// Checks the settings and reads CA and key files; asks nobody.
    ///
    /// # Errors
    ///
    /// An issuer that cannot be trusted as it is set, or a file that cannot be read.
    pub fn build(settings: Vec<IssuerSettings>, clock: Clock) -> Result<Issuers, SetupError> {
        Issuers::resolving(settings, clock, &Lookup::machine())
    }

    /// As [`Issuers::build`], with the hosts of issuers looked up there.
    ///
    /// # Errors
    ///
    /// As for [`Issuers::build`].
    pub fn resolving(
        settings: Vec<IssuerSettings>,
        clock: Clock,
        lookup: &Lookup,
    ) -> Result<Issuers, SetupError> {
        trust::check(&settings)?;
        let mut trusted = HashMap::with_capacity(settings.len());
        for one in settings {
            let keys = Arc::new(Keys::new(&one, lookup.clone(), clock.clone())?);
            let url = one.url.clone();
            let settings = Arc::new(one);
            trusted.insert(url, Trusted { settings, keys });
        }
        Ok(Issuers {
            trusted,
            remembered: Verifications::none_yet(),
            possession: Possession::nowhere(clock.now()),
            workloads: Workloads::build(Vec::new())?,
            standings: Standings::default(),
        })
    }

    /// The same, and programs that show a certificate of one of these CAs.
    ///
    /// # Errors
    ///
    /// A CA file that cannot be used.
    pub fn and_workloads(self, settings: Vec<WorkloadSettings>) -> Result<Issuers, SetupError> {
        Ok(Issuers {
            workloads: Workloads::build(settings)?,
            ..self
        })
    }

    /// The same for a proxy that callers find at this URL, so that they can prove to it that they
    /// have the keys their tokens are bound to; what an earlier generation was shown stays used, and what
    /// is known of people stays known.
    #[must_use]
    pub fn found_at(self, site_url: &str, earlier: Option<&Issuers>) -> Issuers {
        Issuers {
            possession: self
                .possession
                .at(site_url, earlier.map(|issuers| &issuers.possession)),
            standings: earlier.map_or_else(Standings::default, |issuers| issuers.standings.clone()),
            ..self
        }
    }

    /// Takes over the keys that an earlier generation has at hand, so that a reload asks nobody.
    pub fn inherit(&self, earlier: &Issuers) {
        for (url, one) in &self.trusted {
            if let Some(before) = earlier.trusted.get(url) {
                // Keys that came over another trust are fetched anew.
                if before.settings.ca_file == one.settings.ca_file {
                    one.keys.inherit(&before.keys);
                }
            }
        }
    }

    /// Blocks these keys and no others, from the next token on, also for tokens verified before.
    pub fn block(&self, blocked: &BlockedKeys) {
        let by_issuer = blocked.by_issuer();
        for one in self.trusted.values() {
            let ids = by_issuer.get(one.settings.name.as_str()).cloned();
            one.keys.block(ids.unwrap_or_default());
        }
    }

    /// Blocks these keys beside those that are blocked already.
    pub fn block_also(&self, blocked: &BlockedKeys) {
        let by_issuer = blocked.by_issuer();
        for one in self.trusted.values() {
            if let Some(ids) = by_issuer.get(one.settings.name.as_str()) {
                one.keys.block_also(ids);
            }
        }
    }

    /// Holds every principal against this from now on.
    pub fn obey(&self, people_now: Arc<PeopleNow>) {
        self.standings.obey(people_now);
    }

    /// Who stands, as it is known at any time.
    pub fn standings(&self) -> &Standings {
        &self.standings
    }

    /// How many changes of what is known of people are obeyed.
    pub fn people_version(&self) -> u64 {
        self.standings.now().version()
    }

    /// Begins to fetch keys and keeps them fresh until this value is dropped; waits for nothing.
    /// Must be called within a Tokio runtime.
    pub fn start(&self) {
        for one in self.trusted.values() {
            tokio::spawn(Keys::keep_fresh(Arc::downgrade(&one.keys)));
        }
    }

    /// Fetches all keys now and waits until each issuer answered or failed: 5 seconds at most.
    pub async fn refresh(&self) {
        let fetches: Vec<_> = self
            .trusted
            .values()
            .map(|one| {
                let keys = one.keys.clone();
                tokio::spawn(async move { keys.refresh().await })
            })
            .collect();
        for fetch in fetches {
            // Whatever it came to is in the state of that issuer.
            let _ = fetch.await;
        }
    }

    /// Who sent this request.
    ///
    /// # Errors
    ///
    /// The refusal, when that cannot be said for certain.
    pub async fn identify(&self, arrival: &Arrival) -> Result<Arc<Principal>, Refusal> {
        // A certificate speaks for a caller that sends nothing which could be a credential.
        if let Some(shown) = arrival.client_certificate()
            && !credential::is_sent(arrival.headers(), arrival.query())
            && let Some(workload) = self.workloads.identify(shown, arrival.time())?
        {
            return self.standings.apply(workload);
        }
        let sent = credential::find(arrival.headers(), arrival.query())?;
        let principal = self.verify(sent.token, arrival.time()).await?;
        self.possession.check(&principal, &sent, arrival)?;
        self.standings.apply(principal)
    }

    /// Whose token this is, whoever sends it: what it is bound to is not asked for.
    ///
    /// # Errors
    ///
    /// The refusal, when the token is not to be believed now.
    pub async fn verify(&self, token: &str, now: Time) -> Result<Arc<Principal>, Refusal> {
        if token.len() > LONGEST_TOKEN_BYTES {
            return Err(claims::malformed("longer than 16 KiB"));
        }
        let digest = sha256(token.as_bytes());
        if let Some(outcome) = self.recall(&digest, now) {
            return outcome;
        }
        self.verify_anew(token, digest, now, &mut Trail::unseen())
            .await
            .map_err(|refusal| noting_digest(refusal, &digest))
    }

    /// Checks a token as [`Issuers::verify`] does, and tells every check.
    pub async fn examine(&self, token: &str, now: Time) -> Examination {
        let mut trail = Trail::seen();
        let digest = sha256(token.as_bytes());
        let outcome = self.verify_anew(token, digest, now, &mut trail).await;
        trail.end(outcome)
    }

    /// The exact URL of every trusted issuer.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        self.trusted.keys().map(String::as_str)
    }

    /// The exact URL of a trusted issuer, by its name.
    pub fn url_of(&self, name: &str) -> Option<&str> {
        let mut trusted = self.trusted.iter();
        let found = trusted.find(|(_, one)| one.settings.name == name);
        found.map(|(url, _)| url.as_str())
    }

    /// How the key sets stand, by the names of their issuers.
    pub fn states(&self) -> Vec<KeySetState> {
        let state = |one: &Trusted| one.keys.state(&one.settings.name);
        let mut states: Vec<_> = self.trusted.values().map(state).collect();
        states.sort_by(|a, b| a.issuer.cmp(&b.issuer));
        states
    }

    /// A token verified before, if what that rested on still stands.
    fn recall(&self, digest: &[u8; 32], now: Time) -> Option<Result<Arc<Principal>, Refusal>> {
        let remembered = self.remembered.get(digest)?;
        let one = self.trusted.get(&remembered.principal.issuer_url)?;
        let keys = one.keys.at_hand()?;
        if !keys.digest().starts_with(&remembered.key_set) {
            return None;
        }
        let token = remembered.principal.token();
        let validity = Validity {
            issued: token.issued,
            expires: token.expires,
            starts: remembered.starts,
        };
        let checked = validity.check(now, &one.settings);
        Some(checked.map(|()| remembered.principal.clone()))
    }

    async fn verify_anew(
        &self,
        token: &str,
        digest: [u8; 32],
        now: Time,
        trail: &mut Trail,
    ) -> Result<Arc<Principal>, Refusal> {
        trail.begin("it is a well-formed signed token");
        let token = Unverified::read(token)?;
        trail.held(|| None);
        trail.begin("its issuer is trusted");
        let one = self
            .trusted
            .get(token.issuer())
            .ok_or_else(|| Refusal::new(Reason::UnknownIssuer))?;
        trail.held(|| Some(one.settings.url.clone()));
        let algorithm = verify::before_key(&token, &one.settings, trail)?;
        let keys = match token.signed().key_id() {
            Some(id) => one.keys.for_key(id).await?,
            None => one.keys.for_any_key().await?,
        };
        let Verified {
            principal,
            validity,
        } = verify::with_keys(token, algorithm, &one.settings, &keys, digest, now, trail)?;
        let principal = Arc::new(principal);
        let rested_on = Remembered {
            principal: principal.clone(),
            starts: validity.starts,
            key_set: *keys.digest().first_chunk().unwrap_or(&[0; 8]),
        };
        self.remembered.add(&digest, rested_on, now);
        Ok(principal)
    }
}

/// The operator can find a refused credential again by its digest, and nothing more.
fn noting_digest(refusal: Refusal, digest: &[u8; 32]) -> Refusal {
    let hex: String = digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let why = refusal
        .noted()
        .map_or(String::new(), |why| format!("{why}; "));
    refusal.noting(format!("{why}credential sha256 {hex}"))
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let mut array = [0; 32];
    array.copy_from_slice(digest.as_ref());
    array
}
