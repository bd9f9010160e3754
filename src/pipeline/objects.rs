//! Looks up whose an object is, where a decision depends on it.
//!
//! In: a request whose policies ask for the owner. Out: its [`Operation`] with what was [`Seen`]: the
//! label of the object as the upstream has it, and the label that the body would give it.
//!
//! What the directory lists is not looked up: its word stands above labels. What a request reads may
//! have been seen up to [`KEPT`] ago, and one read serves all who wait for it; what a request changes
//! is read anew each time, and forgotten before the answer is passed on.
//!
//! Never: a look for a request whose body cannot be judged, an owner out of doubt. An object that cannot be read, is not JSON, or has no label or two
//! is nobody's, and the record says which.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;

use super::carried::Carried;
use super::ruling::Ruling;
use crate::authorize::kind_of;
use crate::forward::{Look, Upstreams};
use crate::identify::Principal;
use crate::listen::Arrival;
use crate::record::frame::{hex, sha256};
use crate::refusal::Refusal;
use crate::resolve::{Class, ObjectShape, Operation, Seen};

/// Objects seen a moment ago, by upstream and path.
#[derive(Clone, Debug)]
pub struct Objects(Cache<Place, Arc<Seen>>);

/// An upstream and a path.
pub(super) type Place = (Arc<str>, String);

impl Default for Objects {
    fn default() -> Objects {
        let kept = Cache::builder().max_capacity(MOST_KEPT).time_to_live(KEPT);
        Objects(kept.build())
    }
}

impl Objects {
    /// Forgets what a request may have changed.
    pub(super) async fn forget(&self, place: &Place) {
        self.0.invalidate(place).await;
    }

    /// What was seen a moment ago, or is seen now; what could not be read is not kept.
    async fn kept(&self, place: Place, read: impl Future<Output = Seen>) -> Seen {
        let read = async {
            let seen = read.await;
            match seen.digest.is_some() {
                true => Ok(Arc::new(seen)),
                false => Err(seen),
            }
        };
        match self.0.try_get_with(place, read).await {
            Ok(seen) => Seen::clone(&seen),
            Err(unread) => Seen::clone(&unread),
        }
    }
}

impl Ruling {
    /// The operation with what was seen of its object, where its decision depends on that.
    ///
    /// # Errors
    ///
    /// A body that cannot be judged, with the operation it was of.
    pub(super) async fn looked_up(
        &self,
        arrival: &Arrival,
        body: &mut Carried,
        principal: &Principal,
        operation: Operation,
    ) -> Result<Operation, (Box<Operation>, Refusal)> {
        let Some(shape) = operation.entry.object.clone() else {
            return Ok(operation);
        };
        let now = arrival.time();
        if !self
            .policies
            .asks_for_owner(principal.facts(), &operation, now)
        {
            return Ok(operation);
        }
        // The body first: one that cannot be judged is refused, and the upstream hears nothing of it.
        let by_body = match shape.body {
            None => None,
            Some(means) => match body.gather(MOST_BYTES).await {
                Ok(bytes) => Some(shape.team_by(means, arrival.headers(), &bytes, &operation)),
                Err(refusal) => Some(Err(refusal)),
            },
        };
        let by_body = match by_body.transpose() {
            Ok(team) => team,
            Err(refusal) => return Err((Box::new(operation), refusal)),
        };
        let mut seen = self.seen(arrival, &shape, &operation).await;
        match by_body {
            None => {}
            Some(team) if operation.entry.names_one => seen.would_be = team,
            Some(team) => {
                seen.team = team.flatten();
                let found = if seen.team.is_some() {
                    "body"
                } else {
                    "no_label"
                };
                found.clone_into(&mut seen.found);
            }
        }
        Ok(operation.having_seen(seen))
    }

    /// What is to be forgotten once this operation was done.
    pub(super) fn changed_object(&self, operation: &Operation) -> Option<Place> {
        if matches!(operation.entry.class, Class::Read | Class::Look) {
            return None;
        }
        let path = self.catalogue.path_of_object(operation)?;
        Some((Arc::clone(&operation.entry.upstream), path))
    }

    async fn seen(&self, arrival: &Arrival, shape: &ObjectShape, operation: &Operation) -> Seen {
        let (entry, resource) = (&operation.entry, &operation.resource);
        let kind = kind_of(&entry.resource_type, entry.names_one);
        if self.policies.owner(kind, resource).is_some() {
            return found("directory");
        }
        if !entry.names_one {
            return found("none_named");
        }
        let Some(path) = self.catalogue.path_of_object(operation) else {
            return found("no_path");
        };
        let look = Look {
            upstream: &entry.upstream,
            path: &path,
            trace: arrival.trace(),
            decision: arrival.id(),
        };
        let read = read(&self.upstreams, shape, look);
        match entry.class {
            Class::Read | Class::Look => {
                let place = (Arc::clone(&entry.upstream), path.clone());
                self.objects.kept(place, read).await
            }
            Class::Write | Class::Delete | Class::Power => read.await,
        }
    }
}

async fn read(upstreams: &Upstreams, shape: &ObjectShape, look: Look<'_>) -> Seen {
    let Some(looked) = upstreams.look(look).await else {
        return found("unreadable");
    };
    match looked.status.as_u16() {
        200 if !looked.encoded => {}
        200 => return found("encoded"),
        404 | 410 => return found("missing"),
        _ => return found("unreadable"),
    }
    let (team, word) = shape.team_of(&looked.body);
    let digest = digest_of(&looked.body);
    Seen {
        team,
        digest: Some(digest),
        ..found(word)
    }
}

fn found(word: &str) -> Seen {
    Seen {
        found: word.to_owned(),
        ..Seen::default()
    }
}

fn digest_of(bytes: &[u8]) -> String {
    hex(&sha256(&[bytes]))
}

/// The largest body that is judged, in bytes.
const MOST_BYTES: usize = 1024 * 1024;
/// How long a read object may serve decisions about reading.
const KEPT: Duration = Duration::from_secs(5);
const MOST_KEPT: u64 = 10_000;
