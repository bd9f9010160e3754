//! What this step is set to.
//!
//! In: the checked settings file. Out: [`Stamps`]: for each upstream whether and how its telemetry is
//! stamped, and the memory that all of it may take.

use std::collections::HashMap;

use super::held::Held;

/// What becomes of `service.version`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VersionRule {
    /// It stays as the caller wrote it.
    #[default]
    Keep,
    /// It is the token's commit, whatever the caller wrote; stripped where there is none.
    Commit,
    /// Where the caller wrote it, it must be the token's commit.
    MustBeCommit,
}

/// One upstream whose telemetry is stamped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StampSettings {
    /// The upstream's name.
    pub upstream: String,
    /// What becomes of `service.version`.
    pub service_version: VersionRule,
}

/// Which upstreams are stamped, of one generation.
#[derive(Clone, Debug)]
pub struct Stamps {
    rules: HashMap<String, VersionRule>,
    held: Held,
}

impl Stamps {
    /// Of these upstreams, with at most so many bytes of bodies at one time. The generation before
    /// passes its count on: its bodies are still there.
    pub fn build(settings: &[StampSettings], most_bytes: usize, before: Option<&Stamps>) -> Stamps {
        let rules = settings
            .iter()
            .map(|one| (one.upstream.clone(), one.service_version))
            .collect();
        let held = before.map_or_else(|| Held::new(most_bytes), |before| before.held.clone());
        Stamps { rules, held }
    }

    /// How the telemetry of this upstream is stamped, if it is.
    pub fn rule_of(&self, upstream: &str) -> Option<VersionRule> {
        self.rules.get(upstream).copied()
    }

    /// The memory of all bodies.
    pub fn held(&self) -> &Held {
        &self.held
    }
}
