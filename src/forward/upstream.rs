//! The upstreams of one generation, ready to be sent to.
//!
//! In: the checked settings. Out: [`Upstreams`]: for each its address, keys, fields, pools, bounds.
//!
//! Everything a request needs is made here, once; a reload builds a new one and swaps it whole.
//!
//! When any upstream cannot be built, none is, and all faults are told together.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::uri::{Authority, Scheme};

use super::account::InFlight;
use super::dial::Dialer;
use super::headers::Passing;
use super::held::Held;
use super::limits::Limits;
use super::replicas::Replicas;
use super::resting::Resting;
use super::room::Room;
use super::settings::UpstreamSettings;
use super::shares::Shares;
use super::upstream_key::{LiveKeys, UpstreamKeyState};
use crate::authorize::Permit;
use crate::clock::Time;
use crate::identify::{Standing, Standings};
use crate::reach::{Lookup, Reach};
use crate::refusal::Refusal;
use crate::resolve::Entry;
use crate::setup_error::SetupError;

/// Every upstream, by name.
#[derive(Clone, Debug)]
pub struct Upstreams {
    by_name: HashMap<String, Arc<Upstream>>,
    /// Who may be ended while their requests are in flight; nobody for a proxy that keeps nothing of
    /// people.
    standings: Option<Standings>,
}

/// One upstream.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
    pub(super) injected: Arc<LiveKeys>,
    pub(super) passing: Passing,
    pub(super) replicas: Replicas,
    pub(super) in_flight: InFlight,
    pub(super) most_in_flight: usize,
    pub(super) shares: Shares,
    pub(super) connect: Duration,
    pub(super) head: Duration,
    pub(super) idle: Duration,
    pub(super) limits: Limits,
    pub(super) resting: Resting,
    pub(super) held: Held,
    pub(super) room: Room,
    pub(super) scrubs: bool,
    rotate_after_ms: u64,
    rotate_strictly: bool,
}

/// What readiness and metrics say of one upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamState {
    /// Its name.
    pub name: String,
    /// Requests in flight to it.
    pub in_flight: usize,
    /// The most that may be.
    pub most_in_flight: usize,
    /// When the oldest of its key files was written.
    pub key_written: Option<Time>,
    /// Each of its keys.
    pub keys: Vec<UpstreamKeyState>,
    /// Why a program gave no key when it was asked last; the key before is used meanwhile.
    pub key_fault: Option<String>,
    /// Whether it is left alone, because it did not answer again and again.
    pub resting: bool,
    /// For how long requests with one of its keys are kept back still, because it said 429.
    pub held: Option<Duration>,
    /// The addresses that its name leads to, and whether each is set aside; none before the first
    /// request.
    pub addresses: Vec<(IpAddr, bool)>,
    /// At which age a key is due for rotation, in ms.
    pub rotate_after_ms: u64,
    /// Whether an instance with a key that is due is not ready.
    pub rotate_strictly: bool,
}

impl UpstreamState {
    /// How long ago the oldest of its key files was written, in seconds.
    pub fn key_age_s(&self, now: Time) -> Option<u64> {
        Some(now.ms_since(self.key_written?) / 1000)
    }

    /// Whether that is longer ago than keys should last.
    pub fn key_is_due(&self, now: Time) -> bool {
        self.key_written
            .is_some_and(|written| now.ms_since(written) > self.rotate_after_ms)
    }
}

impl Upstreams {
    /// Reads the keys and certificates and makes the pools; nothing is dialled yet.
    ///
    /// # Errors
    ///
    /// Every fault of every upstream: its address, its keys, its certificates, its fields.
    pub fn build(settings: &[UpstreamSettings]) -> Result<Upstreams, Vec<SetupError>> {
        Upstreams::build_with(settings, &Lookup::machine())
    }

    /// The same with another name service than the machine's.
    ///
    /// # Errors
    ///
    /// As [`Upstreams::build`].
    pub fn build_with(
        settings: &[UpstreamSettings],
        lookup: &Lookup,
    ) -> Result<Upstreams, Vec<SetupError>> {
        let mut upstreams = HashMap::new();
        let mut errors = Vec::new();
        for one in settings {
            match Upstream::build(one, lookup) {
                Ok(built) => {
                    if upstreams
                        .insert(one.name.clone(), Arc::new(built))
                        .is_some()
                    {
                        let fault = format!("two upstreams are named `{}`", one.name);
                        errors.push(SetupError::new(fault).hint("rename one of them"));
                    }
                }
                Err(faults) => errors.extend(faults),
            }
        }
        if errors.is_empty() {
            Ok(Upstreams {
                by_name: upstreams,
                standings: None,
            })
        } else {
            Err(errors)
        }
    }

    /// The same, where requests in flight are cut once those who made them are ended.
    #[must_use]
    pub fn heeding(self, standings: Standings) -> Upstreams {
        Upstreams {
            standings: Some(standings),
            ..self
        }
    }

    /// Whether the principal of a request in flight stands.
    pub(super) fn standing(&self, permit: &Permit) -> Option<Standing> {
        Some(self.standings.as_ref()?.of(permit.principal()))
    }

    /// The upstreams as they are now, by name.
    pub fn states(&self) -> Vec<UpstreamState> {
        let mut states: Vec<UpstreamState> = self
            .by_name
            .iter()
            .map(|(name, upstream)| UpstreamState {
                name: name.clone(),
                in_flight: upstream.in_flight.count(),
                most_in_flight: upstream.most_in_flight,
                key_written: upstream.injected.key_written(),
                keys: upstream.injected.states(),
                key_fault: upstream.injected.fault(),
                resting: upstream.resting.is_down(),
                held: upstream.held.longest(Instant::now()),
                addresses: upstream.replicas.states(),
                rotate_after_ms: upstream.rotate_after_ms,
                rotate_strictly: upstream.rotate_strictly,
            })
            .collect();
        states.sort_by(|a, b| a.name.cmp(&b.name));
        states
    }

    /// Asks the programs for their keys whose time has come; takes as long as they take.
    pub fn ask_for_keys(&self, now: Instant) {
        for upstream in self.by_name.values().filter(|one| one.injected.is_due(now)) {
            upstream.injected.ask_again(now);
        }
    }

    /// Whether a request that policies allow may be made already; counts it where it may.
    ///
    /// # Errors
    ///
    /// `rate_limited`.
    pub fn admit(&self, permit: &Permit) -> Result<(), Refusal> {
        match self.find(&permit.operation().entry.upstream) {
            Some(upstream) => upstream.limits.admit(permit),
            None => Ok(()),
        }
    }

    /// Looks whether limits name what catalogues have.
    ///
    /// # Errors
    ///
    /// A fault for each upstream whose limits name something else.
    pub fn check_limits(&self, entries: &[Arc<Entry>]) -> Result<(), Vec<SetupError>> {
        let mut names: Vec<&String> = self.by_name.keys().collect();
        names.sort();
        let faults: Vec<SetupError> = names
            .into_iter()
            .filter_map(|name| {
                let of_it = |entry: &&Arc<Entry>| entry.upstream.as_ref() == name.as_str();
                let entries: Vec<_> = entries.iter().filter(of_it).cloned().collect();
                let (index, word) = self.by_name.get(name)?.limits.unknown(&entries)?;
                let what = format!(
                    "`limits[{index}]` of upstream `{name}` names `{word}`, which its catalogue does not have"
                );
                let known = entries.iter().map(|entry| entry.action.as_str());
                Some(SetupError::new(what).did_you_mean(word, known))
            })
            .collect();
        match faults.is_empty() {
            true => Ok(()),
            false => Err(faults),
        }
    }

    /// Goes on counting where the generation before stopped: a reload gives nobody a new quota, and an
    /// upstream that rests no crowd. What is set otherwise begins anew.
    #[must_use]
    pub fn inherit(mut self, before: &Upstreams, settings: &[UpstreamSettings]) -> Upstreams {
        for set in settings {
            // Nobody else has it yet.
            let fresh = self.by_name.get_mut(&set.name).and_then(Arc::get_mut);
            if let (Some(fresh), Some(before)) = (fresh, before.find(&set.name)) {
                fresh.go_on(before, set);
            }
        }
        self
    }

    pub(super) fn find(&self, name: &str) -> Option<&Arc<Upstream>> {
        self.by_name.get(name)
    }
}

impl Upstream {
    /// Takes over the counts of the one before, as far as they are of the same settings.
    fn go_on(&mut self, before: &Upstream, settings: &UpstreamSettings) {
        self.injected.go_on(&before.injected);
        self.room = before.room.clone();
        if before.limits.are(&settings.limits) {
            self.limits = before.limits.clone();
        }
        if before.resting.is_by(settings.rest) {
            self.resting = before.resting.clone();
        }
        if before.held.is_by(settings.hold_ms) {
            self.held = before.held.clone();
        }
    }

    fn build(settings: &UpstreamSettings, lookup: &Lookup) -> Result<Upstream, Vec<SetupError>> {
        let mut errors = Vec::new();
        let address = address(settings).map_err(|error| errors.push(error)).ok();
        let dialer = Dialer::build(settings)
            .map_err(|error| errors.push(error))
            .ok();
        let fields = LiveKeys::load(settings)
            .and_then(|injected| {
                let passing = Passing::build(&settings.name, &settings.pass, settings)?;
                Ok((injected, passing))
            })
            .map_err(|faults| errors.extend(faults))
            .ok();
        let (Some((scheme, authority)), Some(dialer), Some((injected, passing))) =
            (address, dialer, fields)
        else {
            return Err(errors);
        };
        let resolver = dialer.resolver(lookup);
        Ok(Upstream {
            replicas: Replicas::new(dialer, authority.host(), resolver),
            scheme,
            authority,
            injected: Arc::new(injected),
            passing,
            in_flight: InFlight::default(),
            most_in_flight: settings.requests,
            shares: Shares::default(),
            connect: Duration::from_millis(settings.connect_ms),
            head: Duration::from_millis(settings.head_ms),
            idle: Duration::from_millis(settings.idle_ms),
            limits: Limits::of(&settings.limits),
            resting: Resting::new(settings.rest, Instant::now()),
            held: Held::new(settings.hold_ms),
            room: Room::new(),
            scrubs: settings.scrub_bodies,
            rotate_after_ms: settings.rotate_after_ms,
            rotate_strictly: settings.rotate_strictly,
        })
    }
}

fn address(settings: &UpstreamSettings) -> Result<(Scheme, Authority), SetupError> {
    let url = &settings.url;
    let fault = |what: &str| {
        SetupError::new(format!(
            "the url `{url}` of upstream `{}` {what}",
            settings.name
        ))
        .hint("write scheme, host and port only, such as `https://api.example.com`")
    };
    let parts = url.clone().into_parts();
    let scheme = parts.scheme.ok_or_else(|| fault("has no scheme"))?;
    if scheme != Scheme::HTTP && scheme != Scheme::HTTPS {
        return Err(fault("is neither http nor https"));
    }
    let authority = parts.authority.ok_or_else(|| fault("has no host"))?;
    if authority.as_str().contains('@') {
        // Not quoted: there may be a password in it.
        let fault = format!("the url of upstream `{}` holds a credential", settings.name);
        return Err(SetupError::new(fault).hint("put it into a key file"));
    }
    let host = authority.host();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse()
        && let Err(why) = Reach::of(host, settings.addresses.clone()).check(address)
    {
        return Err(fault(&format!("names {why}")));
    }
    if parts
        .path_and_query
        .is_some_and(|path| path.as_str() != "/")
    {
        return Err(fault("has a path"));
    }
    Ok((scheme, authority))
}
