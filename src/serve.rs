//! Runs the proxy: builds everything, listens, reloads, drains.
//!
//! In: a settings file. Out: an [`Ending`], once a signal or a fault ends it.
//!
//! Nothing is bound before everything is built and tested, so a start that fails starts nothing.
//! The order of the end is fixed: stop accepting, finish what runs, close the journal.
//!
//! When the journal is poisoned (a write or sync failed), no request can be recorded any more: the
//! instance drains and ends with 74, and the next start recovers what the disk really holds.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::admin::{Admin, Notices};
use crate::clock::Clock;
use crate::config::{Environment, Settings};
use crate::console::Console;
use crate::identify::{PeopleNow, Principal};
use crate::index::Upkeep;
use crate::leave::{self, Leaving, SendSpans};
use crate::listen::{DrainTrigger, ListenCounts, Listener, drain_signal, serve};
use crate::own::{Indexed, Own};
use crate::pipeline::{Metrics, Pages, Pipeline};
use crate::record::{Identity, Journal, JournalError, Mandate};
use crate::refusal::Site;
use crate::setup_error::SetupError;

mod blocks;
mod build;
mod endings;
mod key_events;
mod observe;
mod open_files;
mod reload;
mod signals;
mod spans;
mod upstream_keys;

use signals::Signals;
use spans::ThroughUpstream;

pub use build::{build, issuers};

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Asked to, and everything in flight was finished or cut at the deadline.
    Asked,
    /// The journal could not be written: restart runs the recovery.
    JournalLost,
}

/// Why serving did not begin.
#[derive(Debug)]
pub enum StartError {
    /// What the operator wrote does not hold.
    Setup(Vec<SetupError>),
    /// The journal cannot be opened.
    Journal(JournalError),
}

impl From<SetupError> for StartError {
    fn from(error: SetupError) -> StartError {
        StartError::Setup(vec![error])
    }
}

impl From<Vec<SetupError>> for StartError {
    fn from(errors: Vec<SetupError>) -> StartError {
        StartError::Setup(errors)
    }
}

/// Serves until told to stop.
///
/// # Errors
/// Every fault found before the first request could be served; nothing was started then.
pub async fn run(
    file: PathBuf,
    environment: Environment,
    mandate: Mandate,
) -> Result<Ending, StartError> {
    let clock = Clock::machine();
    let settings = Settings::load(&file, environment.clone())?;
    let ruling = build(&settings, &clock, None)?;
    let too_few_files = open_files::raise(&settings.listen.limits);
    let listeners = bind(&settings)?;
    let admin = Admin::bind(settings.admin).await?;
    let journal = open(&settings, &clock, &mandate)?;
    let signals = Signals::catch()?;
    keep_for_days(&settings, &journal)?;
    let index = keep_index(&settings);
    let (people, signs_in) = (ruling.people.clone(), ruling.sign_in.is_some());
    let metrics = Metrics::new().map_err(|e| SetupError::new(e.to_string()))?;
    let origin = settings.journal.origin.clone();
    let again = found_again(&settings, &index);
    let own = Own::new(again.clone(), &settings.site.url);
    let console = settings
        .has_console()
        .then(|| Console::new(again, settings.journal.folder.clone()));
    let pages = console.clone();
    let pages = pages.map(|console| -> Arc<dyn Pages> { Arc::new(console) });
    let pipeline = Pipeline::new(
        ruling,
        journal.clone(),
        metrics,
        Site {
            url: settings.site.url.clone(),
            signs_in,
        },
        (own, pages),
        origin,
    );
    pipeline.ruling().issuers.start();
    if let Some(people) = &people {
        let issuers = &pipeline.ruling().issuers;
        issuers.obey(Arc::new(PeopleNow::unread()));
        let journal = journal.clone();
        let fingerprint = move |principal: &Principal| journal.fingerprint(principal);
        issuers.standings().fingerprinted(Box::new(fingerprint));
        pipeline.take_notices(people.clone())?;
    }
    let leaving = let_leave(&settings, &clock, &pipeline);

    let notices = Arc::new(Notices::with(index.clone(), Arc::clone(&leaving)));
    if let Some(console) = &console {
        console.notice(Arc::clone(&notices));
    }
    let (drain, draining) = drain_signal();
    let drain = Arc::new(drain);
    let hangup = signals::watch(signals, Arc::clone(&drain), Arc::clone(&notices));
    let blocks = Arc::new(blocks::InForce::default());
    let (in_force, settings_in_force) = watch::channel(Arc::new(settings.clone()));
    tokio::spawn(reload::watch(
        reload::Watched {
            file,
            environment,
            clock: clock.clone(),
            settings: settings.clone(),
            blocks: Arc::clone(&blocks),
            in_force,
        },
        hangup,
        listeners.iter().map(Listener::tls).collect(),
        pipeline.clone(),
        Arc::clone(&notices),
    ));
    tokio::spawn(blocks::watch(
        blocks,
        settings_in_force,
        pipeline.clone(),
        Arc::clone(&notices),
    ));
    tokio::spawn(key_events::watch(pipeline.clone()));
    if let Some(people) = people {
        tokio::spawn(endings::watch(pipeline.clone()));
        let (pipeline, notices) = (pipeline.clone(), Arc::clone(&notices));
        let obey = move |now| pipeline.ruling().issuers.obey(now);
        tokio::spawn(people.keep_up(clock.clone(), obey, move |unread| notices.people(unread)));
    }
    tokio::spawn(upstream_keys::ask(pipeline.clone()));
    let lost = tokio::spawn(drain_when_lost(
        journal.clone(),
        drain,
        Arc::clone(&notices),
    ));
    if let Some(told) = too_few_files {
        tracing::warn!("{told}");
    }
    tell(&listeners, &admin, &pipeline);
    tokio::spawn(admin.answer(pipeline.clone(), notices));
    let counts = Arc::new(ListenCounts::default());
    serve(
        listeners,
        settings.listen.limits,
        clock,
        pipeline.clone(),
        draining,
        counts,
    )
    .await;
    let drain_ms = settings.listen.limits.drain_ms;
    pipeline.finish(Duration::from_millis(drain_ms)).await;
    let ending = if lost.is_finished() {
        Ending::JournalLost
    } else {
        Ending::Asked
    };
    match journal.close().await {
        Ok(()) => tracing::info!("stopped"),
        Err(e) => tracing::error!("the journal was not closed in order: {e}"),
    }
    if let Some(index) = &index {
        index.stop();
    }
    leaving.stop();
    leave_index(index).await;
    end_leaving(&leaving).await;
    Ok(ending)
}

/// Lets what is too old go, once it has left for everybody who takes records.
fn keep_for_days(settings: &Settings, journal: &Journal) -> Result<(), SetupError> {
    let (folder, destinations) = (settings.journal.folder.clone(), settings.leave.clone());
    let spans = settings.sends_spans();
    let wanted = Box::new(move || leave::behind(&folder, &destinations, spans));
    let started = journal.retain(settings.journal.retention, wanted);
    started.map_err(|e| SetupError::new(format!("there is no thread for retention: {e}")))
}

/// Without an index everything is served all the same.
fn keep_index(settings: &Settings) -> Option<Arc<Upkeep>> {
    let journal = &settings.journal;
    let (folder, origin) = (journal.folder.clone(), journal.origin.clone());
    match Upkeep::start(settings.index.clone()?, folder, origin) {
        Ok(upkeep) => Some(Arc::new(upkeep)),
        Err(fault) => {
            tracing::error!("{fault}");
            None
        }
    }
}

/// Where callers' requests are found again, for what they are told about themselves.
fn found_again(settings: &Settings, index: &Option<Arc<Upkeep>>) -> Option<Indexed> {
    Some(Indexed {
        settings: settings.index.clone()?,
        upkeep: Arc::clone(index.as_ref()?),
    })
}

/// Lets the index take over the last records; what it cannot do in time the next start does.
async fn leave_index(index: Option<Arc<Upkeep>>) {
    let Some(index) = index else { return };
    for _ in 0..INDEX_LOOKS {
        if index.is_stopped() {
            return;
        }
        tokio::time::sleep(INDEX_BETWEEN).await;
    }
    tracing::warn!("the index was left behind the journal; the next start goes on with it");
}

/// Without a receiver everything is served all the same.
fn let_leave(settings: &Settings, clock: &Clock, pipeline: &Pipeline) -> Arc<Leaving> {
    let (destinations, folder) = (settings.leave.clone(), settings.journal.folder.clone());
    let upstream = settings.deployments_to().filter(|_| settings.sends_spans());
    let spans = upstream.map(|upstream| -> Arc<dyn SendSpans> {
        Arc::new(ThroughUpstream {
            pipeline: pipeline.clone(),
            upstream: upstream.to_owned(),
            runtime: Handle::current(),
        })
    });
    let clock = clock.clone();
    Arc::new(Leaving::start(destinations, spans, folder, clock))
}

/// Lets the last records leave; those that cannot in time do after the next start.
async fn end_leaving(leaving: &Leaving) {
    for _ in 0..LEAVING_LOOKS {
        if leaving.is_stopped() {
            return;
        }
        tokio::time::sleep(LEAVING_BETWEEN).await;
    }
    tracing::warn!("not every record has left; the next start goes on with them");
}

fn bind(settings: &Settings) -> Result<Vec<Listener>, Vec<SetupError>> {
    let (bound, failed): (Vec<_>, Vec<_>) = settings
        .listen
        .listeners
        .iter()
        .map(Listener::bind)
        .partition(Result::is_ok);
    let errors: Vec<_> = failed.into_iter().filter_map(Result::err).collect();
    if errors.is_empty() {
        Ok(bound.into_iter().flatten().collect())
    } else {
        Err(errors)
    }
}

fn open(settings: &Settings, clock: &Clock, mandate: &Mandate) -> Result<Journal, StartError> {
    let identity = Identity {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        config_digest: format!("sha256:{}", settings.digest),
    };
    let opened = Journal::open_by(settings.journal.clone(), clock.clone(), identity, mandate)
        .map_err(StartError::Journal)?;
    let recovered = &opened.recovered;
    if !recovered.was_closed && recovered.next_seq > 0 {
        tracing::warn!(
            unknown = recovered.unknown,
            torn_bytes = recovered.torn.as_ref().map_or(0, |torn| torn.bytes),
            "the journal was not closed by its last process; it was recovered"
        );
    }
    Ok(opened.journal)
}

/// Drains and returns once the journal cannot be written any more.
async fn drain_when_lost(journal: Journal, drain: Arc<DrainTrigger>, notices: Arc<Notices>) {
    let why = journal.poisoned().await;
    tracing::error!("the journal cannot be written any more: {why}; draining");
    notices.drain();
    drain.drain();
}

/// Together two seconds.
const INDEX_LOOKS: u32 = 200;
const INDEX_BETWEEN: std::time::Duration = std::time::Duration::from_millis(10);

/// Together three seconds.
const LEAVING_LOOKS: u32 = 150;
const LEAVING_BETWEEN: std::time::Duration = std::time::Duration::from_millis(20);

fn tell(listeners: &[Listener], admin: &Admin, pipeline: &Pipeline) {
    for listener in listeners {
        let scheme = if listener.tls().is_some() {
            "https"
        } else {
            "http"
        };
        let address = listener.local_addr();
        tracing::info!(address = %format!("{scheme}://{address}"), "listening");
    }
    tracing::info!(address = %format!("http://{}", admin.address()), "admin listening");
    let ruling = pipeline.ruling();
    observe::tell(&ruling.policies);
    tracing::info!(
        operations = ruling.catalogue.entries().len(),
        policies = ruling.policies.ids().count(),
        policy_set = ruling.policies.digest(),
        "serving"
    );
}
