//! Takes over new settings, policies, keys and certificates without a restart.
//!
//! In: SIGHUP, or a watched file that changed. Out: a new [`Ruling`](crate::pipeline::Ruling) put
//! in place whole, or the old one kept, readiness saying so. SIGHUP also fetches all keys anew,
//! whatever the settings came to.
//!
//! A change is acted on when the files stayed the same for one more look, so that an editor or a
//! mounted volume that writes in several steps is not read in between. Every swap and every refusal
//! is an event in the journal.
//!
//! Never: new listeners, limits or another journal, which need a restart: a file that asks for them is
//! refused with that sentence, because settings that are said to be in force and are not would be
//! worse than old ones.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::signal::unix::Signal;
use tokio::sync::watch;

use super::blocks::InForce;
use super::build::build;
use super::observe;
use crate::admin::Notices;
use crate::clock::Clock;
use crate::config::{Environment, Settings};
use crate::listen::{ReadyTls, TlsSwitch};
use crate::pipeline::Pipeline;
use crate::record::Note;
use crate::refusal::Refusal;
use crate::setup_error::SetupError;

mod fingerprint;

pub(super) use fingerprint::Fingerprint;

/// What a reload starts from.
pub(super) struct Watched {
    pub(super) file: PathBuf,
    pub(super) environment: Environment,
    pub(super) clock: Clock,
    pub(super) settings: Settings,
    /// What is blocked now.
    pub(super) blocks: Arc<InForce>,
    /// Tells others what is in force.
    pub(super) in_force: watch::Sender<Arc<Settings>>,
}

/// Watches until the process ends.
pub(super) async fn watch(
    mut watched: Watched,
    mut hangup: Signal,
    certificates: Vec<Option<Arc<TlsSwitch>>>,
    pipeline: Pipeline,
    notices: Arc<Notices>,
) {
    let mut seen = Fingerprint::of(&watched.settings.watched);
    let mut settling: Option<Fingerprint> = None;
    loop {
        let asked = tokio::select! {
            _ = hangup.recv() => true,
            () = tokio::time::sleep(LOOK) => false,
        };
        let now = Fingerprint::of(&watched.settings.watched);
        let settled = settling.as_ref() == Some(&now);
        if !asked && now == seen {
            settling = None;
            continue;
        }
        if !asked && !settled {
            settling = Some(now);
            continue;
        }
        (seen, settling) = (now, None);
        take_over(&mut watched, &certificates, &pipeline, &notices).await;
        if asked {
            // An operator who asks may have heard of a stolen key: no cool-down holds this up.
            tokio::spawn(refetch(pipeline.clone()));
        }
    }
}

/// Says how it went when all of it is done: who reads the line finds readiness and journal so, too.
async fn take_over(
    watched: &mut Watched,
    certificates: &[Option<Arc<TlsSwitch>>],
    pipeline: &Pipeline,
    notices: &Notices,
) {
    let (file, environment) = (watched.file.clone(), watched.environment.clone());
    let (clock, before) = (watched.clock.clone(), pipeline.ruling());
    let old = watched.settings.clone();
    // Reading, validating and testing policies takes a while: not on a thread that serves.
    let built = tokio::task::spawn_blocking(move || {
        let settings = Settings::load(&file, environment)?;
        fixed(&old, &settings)?;
        let ruling = build(&settings, &clock, Some(&before))?;
        Ok::<_, Vec<SetupError>>((settings, ruling))
    })
    .await;
    let outcome = match built {
        Ok(Ok((settings, ruling))) => replace(certificates, &settings).map(|()| (settings, ruling)),
        Ok(Err(faults)) => Err(faults),
        Err(_) => Err(vec![SetupError::new(
            "building the new settings ended in a fault of ours",
        )]),
    };
    match outcome {
        Ok((settings, ruling)) => {
            let (config, policy_set) = (ruling.config.clone(), ruling.policies.digest().to_owned());
            ruling.issuers.start();
            watched.blocks.swap(pipeline, ruling);
            watched.in_force.send_replace(Arc::new(settings.clone()));
            watched.settings = settings;
            notices.reload(None);
            pipeline.metrics().reload_failed(false);
            pipeline.journal().adopt_config(&config);
            let detail = [("policy_set", Value::from(policy_set.as_str()))];
            tell(&pipeline.journal().note(Note::ConfigReload, &detail).await);
            observe::tell(&pipeline.ruling().policies);
            tracing::info!(config, policy_set, "new settings are in force");
        }
        Err(faults) => {
            let told = faults
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n");
            notices.reload(Some(told.clone()));
            pipeline.metrics().reload_failed(true);
            let detail = [("faults", Value::from(told.as_str()))];
            tell(&pipeline.journal().note(Note::ReloadRefused, &detail).await);
            tracing::error!("new settings are refused, the old ones stay: {told}");
        }
    }
}

/// Asks every issuer for its keys now, and says how that went.
async fn refetch(pipeline: Pipeline) {
    let ruling = pipeline.ruling();
    ruling.issuers.refresh().await;
    for state in ruling.issuers.states() {
        let (issuer, keys) = (state.issuer.as_str(), state.keys);
        match state.last_fault {
            None => tracing::info!(issuer, keys, "keys are as their issuer has them now"),
            Some(fault) => tracing::error!(issuer, keys, fault, "keys could not be fetched anew"),
        }
    }
}

/// A reload that the journal could not note is still in force; the operator must know.
fn tell(noted: &Result<u64, Refusal>) {
    if let Err(refusal) = noted {
        tracing::error!(
            reason = refusal.reason().word(),
            "the reload is not in the journal"
        );
    }
}

/// What a running instance cannot change.
fn fixed(old: &Settings, new: &Settings) -> Result<(), Vec<SetupError>> {
    let listeners = |s: &Settings| {
        let listeners = s.listen.listeners.iter();
        listeners
            .map(|l| (l.address, l.tls.is_some(), l.front.clone()))
            .collect::<Vec<_>>()
    };
    let mut faults = Vec::new();
    let mut demand = |same: bool, what: &str| {
        if !same {
            faults.push(
                SetupError::new(format!("{what} cannot change while stile runs"))
                    .hint("restart stile to take it over"),
            );
        }
    };
    demand(
        listeners(old) == listeners(new),
        "`listen`, but for certificates,",
    );
    let limits = |of: &Settings| (of.listen.limits, of.stamped_bytes);
    demand(limits(old) == limits(new), "`limits`");
    demand(old.admin == new.admin, "`admin.address`");
    demand(old.journal == new.journal, "`journal`");
    demand(old.index == new.index, "`index`");
    demand(
        old.people == new.people,
        "`people`, or an issuer that people sign in with,",
    );
    demand(old.hooks.is_empty() == new.hooks.is_empty(), "`hooks`");
    demand(old.leave == new.leave, "`leave`");
    let kept = |s: &Settings| s.people.as_ref().map(|people| people.database.clone());
    demand(kept(old) == kept(new), "where `people` are kept");
    let ended_by = |s: &Settings| s.people.as_ref().map(|people| people.ended_by.clone());
    demand(ended_by(old) == ended_by(new), "`people.ended_by`");
    demand(old.site.url == new.site.url, "`site.url`");
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

/// Reads every certificate before it replaces any, so that what was checked is what is used.
fn replace(
    certificates: &[Option<Arc<TlsSwitch>>],
    settings: &Settings,
) -> Result<(), Vec<SetupError>> {
    let pairs = certificates.iter().zip(&settings.listen.listeners);
    let ready: Vec<_> = pairs
        .filter_map(|(s, l)| Some((s.as_ref()?, l.tls.as_ref()?)))
        .map(|(switch, files)| Ok((switch, ReadyTls::read(files)?)))
        .collect::<Result<_, SetupError>>()
        .map_err(|fault| vec![fault])?;
    for (switch, ready) in ready {
        switch.replace(ready);
    }
    Ok(())
}

const LOOK: Duration = Duration::from_millis(500);
