//! Whether this instance can do its work, part by part.
//!
//! In: the pipeline and what the operator should know. Out: a [`Readiness`] with one [`Standing`]
//! per part, as JSON.

use std::net::IpAddr;

use http::StatusCode;
use serde::Serialize;

use super::Notices;
use crate::authorize::Mode;
use crate::clock::Time;
use crate::forward::UpstreamState;
use crate::identify::Freshness;
use crate::index::UpkeepState;
use crate::leave::LeaveState;
use crate::pipeline::Pipeline;

/// How an instance stands.
#[derive(Debug, Serialize)]
pub struct Readiness {
    /// The worst of the parts.
    pub state: Standing,
    /// The settings file, and whether newer ones were refused.
    pub settings: Settings,
    /// The policy set in force.
    pub policies: Policies,
    /// The keys of each issuer.
    pub keys: Vec<Keys>,
    /// The journal.
    pub journal: Journal,
    /// Where records are searched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<Index>,
    /// Each place that records leave for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leaving: Vec<Destination>,
    /// Each upstream.
    pub upstreams: Vec<Upstream>,
}

/// One word for a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// All is well.
    Ready,
    /// It serves, but somebody should look.
    Degraded,
    /// Requests are being refused for a cause on our side.
    NotReady,
}

/// The settings in force.
#[derive(Debug, Serialize)]
#[allow(
    missing_docs,
    reason = "the names are the JSON keys; the fields say the same"
)]
pub struct Settings {
    pub state: Standing,
    pub digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked_keys_unread: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub people_unread: Option<String>,
}

/// The policy set in force.
#[derive(Debug, Serialize)]
#[allow(
    missing_docs,
    reason = "the names are the JSON keys; the fields say the same"
)]
pub struct Policies {
    pub state: Standing,
    pub digest: String,
    pub policies: usize,
    /// `observe` while missing permissions let pass.
    pub mode: &'static str,
    /// Policies that are only tried.
    pub observed: usize,
}

/// The keys of one issuer.
#[derive(Debug, Serialize)]
#[allow(
    missing_docs,
    reason = "the names are the JSON keys; the fields say the same"
)]
pub struct Keys {
    pub state: Standing,
    pub issuer: String,
    pub set: &'static str,
    pub keys: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usable_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<&'static str>,
}

/// The journal.
#[derive(Debug, Serialize)]
#[allow(
    missing_docs,
    reason = "the names are the JSON keys; the fields say the same"
)]
pub struct Journal {
    pub state: Standing,
    pub records: u64,
    pub waiting: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
    pub signed: u64,
    pub anchored: u64,
    pub exposure_s: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tree_fault: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub anchors: Vec<Anchor>,
}

/// One who keeps our checkpoints.
#[derive(Debug, Serialize)]
#[allow(
    missing_docs,
    reason = "the names are the JSON keys; the fields say the same"
)]
pub struct Anchor {
    pub state: Standing,
    pub anchor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// Where records are searched. Behind or failing, it makes nothing unready: the journal has all.
#[derive(Debug, Serialize)]
#[allow(
    missing_docs,
    reason = "the names are the JSON keys; the fields say the same"
)]
pub struct Index {
    pub state: Standing,
    pub records: u64,
    pub behind: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// Where records leave for. Behind or failing, it makes nothing unready: the journal has all.
#[derive(Debug, Serialize)]
#[allow(
    missing_docs,
    reason = "the names are the JSON keys; the fields say the same"
)]
pub struct Destination {
    pub state: Standing,
    pub to: String,
    pub kind: &'static str,
    pub records: u64,
    pub behind: u64,
    pub behind_s: u64,
    #[serde(skip_serializing_if = "is_none")]
    pub refused: u64,
    #[serde(skip_serializing_if = "is_none")]
    pub missed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// One upstream.
#[derive(Debug, Serialize)]
#[allow(
    missing_docs,
    reason = "the names are the JSON keys; the fields say the same"
)]
pub struct Upstream {
    pub state: Standing,
    pub upstream: String,
    pub in_flight: usize,
    /// Whether it is left alone, because it did not answer again and again.
    pub resting: bool,
    /// Why a program gave no key when it was asked last; the key before is used meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_fault: Option<String>,
    /// For how long requests are kept back still, because it said 429; in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_s: Option<u64>,
    /// What its name leads to, as it was last looked up.
    pub addresses: Vec<IpAddr>,
    /// Those that are set aside, because they failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set_aside: Vec<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_age_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_due: Option<&'static str>,
}

impl Readiness {
    /// Asks every part.
    pub fn of(pipeline: &Pipeline, notices: &Notices) -> Readiness {
        let ruling = pipeline.ruling();
        let (refused, unread) = (notices.refused_reload(), notices.unread_blocks());
        let people_unread = notices.unread_people();
        let settings = Settings {
            // Nobody is let in before it was read once.
            state: if ruling.issuers.standings().now().is_unread() {
                Standing::NotReady
            } else if refused.is_some() || unread.is_some() || people_unread.is_some() {
                Standing::Degraded
            } else {
                Standing::Ready
            },
            digest: ruling.config.clone(),
            refused,
            blocked_keys_unread: unread,
            people_unread,
        };
        let (mode, standing) = match ruling.policies.mode() {
            Mode::Enforce => ("enforce", Standing::Ready),
            Mode::Observe => ("observe", Standing::Degraded),
        };
        let policies = Policies {
            state: standing,
            digest: ruling.policies.digest().to_owned(),
            policies: ruling.policies.ids().count(),
            mode,
            observed: ruling.policies.observed().count(),
        };
        let keys: Vec<Keys> = ruling.issuers.states().into_iter().map(Keys::of).collect();
        let journal = Journal::of(pipeline.journal());
        let index = notices.index();
        let index = index.map(|state| Index::of(state, journal.records));
        let leaving: Vec<Destination> = (notices.leaving().into_iter())
            .map(|state| Destination::of(state, journal.records))
            .collect();
        let left = leaving.iter().map(|one| one.state).max();
        let now = pipeline.journal().now();
        let upstreams: Vec<Upstream> = (ruling.upstreams.states().into_iter())
            .map(|state| Upstream::of(state, now))
            .collect();
        let overdue = upstreams.iter().map(|one| one.state).max();
        let keyless = keys.iter().all(|k| k.state == Standing::NotReady);
        let some_keys = if keyless {
            Standing::NotReady
        } else {
            keys.iter()
                .map(|k| k.state.min(Standing::Degraded))
                .max()
                .unwrap_or(Standing::Ready)
        };
        let state = settings
            .state
            .max(policies.state)
            .max(journal.state)
            .max(some_keys)
            .max(index.as_ref().map_or(Standing::Ready, |index| index.state))
            .max(left.unwrap_or(Standing::Ready))
            .max(overdue.unwrap_or(Standing::Ready))
            .max(if notices.is_draining() {
                Standing::NotReady
            } else {
                Standing::Ready
            });
        Readiness {
            state,
            settings,
            policies,
            keys,
            journal,
            index,
            leaving,
            upstreams,
        }
    }

    /// 200 while it serves, 503 while it does not.
    pub fn status(&self) -> StatusCode {
        match self.state {
            Standing::Ready | Standing::Degraded => StatusCode::OK,
            Standing::NotReady => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The page.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

impl Upstream {
    fn of(state: UpstreamState, now: Time) -> Upstream {
        let due = state.key_is_due(now);
        Upstream {
            state: match (due, state.rotate_strictly) {
                (true, true) => Standing::NotReady,
                (true, false) => Standing::Degraded,
                (false, _)
                    if state.resting || state.held.is_some() || state.key_fault.is_some() =>
                {
                    Standing::Degraded
                }
                (false, _) => Standing::Ready,
            },
            resting: state.resting,
            key_fault: state.key_fault.clone(),
            held_s: state.held.map(|left| left.as_secs()),
            addresses: state
                .addresses
                .iter()
                .map(|(address, _)| *address)
                .collect(),
            set_aside: state
                .addresses
                .iter()
                .filter_map(|(address, aside)| aside.then_some(*address))
                .collect(),
            key_age_s: state.key_age_s(now),
            key_due: due.then_some("older than `rotate_after`: write a new key into its file"),
            upstream: state.name,
            in_flight: state.in_flight,
        }
    }
}

impl Keys {
    fn of(state: crate::identify::KeySetState) -> Keys {
        Keys {
            state: match state.freshness {
                // A set that verifies nothing is none, whatever its age.
                _ if state.keys == 0 => Standing::NotReady,
                Freshness::Fresh | Freshness::File => Standing::Ready,
                Freshness::Stale => Standing::Degraded,
                Freshness::None => Standing::NotReady,
            },
            set: state.freshness.word(),
            issuer: state.issuer,
            keys: state.keys,
            age_s: state.age_s,
            usable_s: state.usable_s,
            fault: state.last_fault,
            advice: state.advice,
        }
    }
}

impl Index {
    fn of(index: UpkeepState, records: u64) -> Index {
        Index {
            state: match index.fault {
                Some(_) => Standing::Degraded,
                None => Standing::Ready,
            },
            records: index.next_seq,
            behind: records.saturating_sub(index.next_seq),
            fault: index.fault,
        }
    }
}

impl Destination {
    fn of(state: LeaveState, records: u64) -> Destination {
        let worry = state.fault.is_some() || state.missed > 0 || state.refused > 0;
        Destination {
            state: match worry {
                true => Standing::Degraded,
                false => Standing::Ready,
            },
            to: state.name,
            kind: state.kind,
            records: state.next_seq,
            behind: records.saturating_sub(state.next_seq),
            behind_s: state.lag_s,
            refused: state.refused,
            missed: state.missed,
            fault: state.fault,
        }
    }
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Journal {
    fn of(journal: &crate::record::Journal) -> Journal {
        let state = journal.state();
        let tree = journal.tree();
        let fault = match state {
            _ if state.poisoned => Some("poisoned"),
            _ if state.closed => Some("closed"),
            _ if state.full => Some("disk_full"),
            _ if journal.clock_went_back() => Some("clock_untrusted"),
            _ if !journal.is_ready() => Some("storage_hangs"),
            _ if tree.contradicted => Some("checkpoint_contradicted"),
            _ if tree.anchors.iter().any(|anchor| anchor.conflict) => Some("anchor_conflict"),
            _ if tree.unanchored => Some("unanchored"),
            _ => None,
        };
        let worry = tree.fault.is_some() || tree.anchors.iter().any(|a| a.fault.is_some());
        Journal {
            state: match (fault, worry) {
                (Some(_), _) => Standing::NotReady,
                (None, true) => Standing::Degraded,
                (None, false) => Standing::Ready,
            },
            records: state.next_seq,
            waiting: state.waiting,
            fault,
            signed: tree.signed,
            anchored: tree.anchored,
            exposure_s: tree.exposure_ms / 1000,
            tree_fault: tree.fault,
            anchors: tree.anchors.into_iter().map(Anchor::of).collect(),
        }
    }
}

impl Anchor {
    fn of(state: crate::record::AnchorState) -> Anchor {
        Anchor {
            state: match (state.conflict, &state.fault) {
                (true, _) => Standing::NotReady,
                (false, Some(_)) => Standing::Degraded,
                (false, None) => Standing::Ready,
            },
            anchor: state.name,
            answered_ms: state.answered_ms,
            fault: state.fault,
        }
    }
}
