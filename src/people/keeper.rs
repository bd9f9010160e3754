//! Asks the database of people without holding up a request, and obeys what changed in it.
//!
//! In: what somebody wants of the [`Store`]. Out: the answer, or `people_unavailable`.
//!
//! A few connections, each used by one asker at a time on a thread that may wait. One that failed is
//! thrown away. Several times a second the number of changes is read; where it is another, the rows
//! are read and a new [`PeopleNow`] is put in place. While the database is away the last one holds:
//! who was ended stays ended.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};

use super::settings::PeopleSettings;
use super::store::Store;
use super::{endings, scim, sessions};
use crate::clock::Clock;
use crate::database::DatabaseError;
use crate::identify::{Directory, PeopleNow};
use crate::refusal::{Reason, Refusal};

/// What is kept of people. Clones share it.
#[derive(Clone, Debug)]
pub struct People(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    settings: PeopleSettings,
    idle: Mutex<Vec<Store>>,
    turns: Semaphore,
    changed: Notify,
}

impl People {
    /// Over this database, which nobody is asked for yet.
    pub fn new(settings: PeopleSettings) -> People {
        People(Arc::new(Kept {
            settings,
            idle: Mutex::default(),
            turns: Semaphore::new(CONNECTIONS),
            changed: Notify::new(),
        }))
    }

    /// What is set of people.
    pub fn settings(&self) -> &PeopleSettings {
        &self.0.settings
    }

    /// Asks the database.
    ///
    /// # Errors
    ///
    /// `people_unavailable` when it does not answer.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Store) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let turn = tokio::time::timeout(TURN, self.0.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(away("too many ask at once"));
        };
        let kept = Arc::clone(&self.0);
        let asked = tokio::task::spawn_blocking(move || kept.ask(ask)).await;
        asked
            .map_err(|_| away("asking ended in a fault of ours"))?
            .map_err(|fault| away(&fault.to_string()))
    }

    /// Looks at what this instance changed without waiting for the next look.
    pub(crate) fn look_now(&self) {
        self.0.changed.notify_one();
    }

    /// Puts what changed in place until this process ends. `obey` puts it there; `told` hears how it
    /// went.
    pub async fn keep_up(
        self,
        clock: Clock,
        obey: impl Fn(Arc<PeopleNow>) + Send,
        told: impl Fn(Option<String>) + Send,
    ) {
        let (mut known, mut looks) = (0, 0_u32);
        let mut directory = Arc::<Directory>::default();
        loop {
            let sweeps = looks.is_multiple_of(SWEEP_EACH).then(|| clock.now());
            looks = looks.wrapping_add(1);
            let idle_ms = self.0.settings.session_idle_ms;
            let (kept, last) = (Arc::clone(&self.0), Arc::clone(&directory));
            let looked = self.ask(move |store| {
                if let Some(now) = sweeps {
                    sessions::sweep(store, now, idle_ms)?;
                }
                let has_changed = store.version()? != known;
                has_changed
                    .then(|| people_now(store, &kept.settings, &last))
                    .transpose()
            });
            match looked.await {
                Ok(Some(now)) => {
                    known = now.version();
                    directory = Arc::clone(now.directory());
                    obey(Arc::new(now));
                    told(None);
                }
                Ok(None) => told(None),
                Err(refusal) => told(refusal.noted().map(str::to_owned)),
            }
            // What was changed here is obeyed here at once.
            let _ = tokio::time::timeout(LOOK, self.0.changed.notified()).await;
        }
    }
}

impl Kept {
    fn ask<T>(
        &self,
        ask: impl FnOnce(&mut Store) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let idle = self.idle().pop();
        let mut store = match idle {
            Some(store) => store,
            None => Store::open(&self.settings.database)?,
        };
        let answer = ask(&mut store);
        if answer.is_ok() {
            self.idle().push(store);
        }
        answer
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Store>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Kept {
    /// A client of PostgreSQL waits when it closes, which no thread of the runtime may.
    fn drop(&mut self) {
        let idle = std::mem::take(&mut *self.idle());
        if !idle.is_empty() {
            // A process that ends in between closes them as well.
            let _ = std::thread::spawn(move || drop(idle));
        }
    }
}

/// What holds of people, by the rows as they are now.
fn people_now(
    store: &mut Store,
    settings: &PeopleSettings,
    last: &Arc<Directory>,
) -> Result<PeopleNow, DatabaseError> {
    // Before the rows: a change in between is looked at twice, and not missed.
    let version = store.version()?;
    let endings = endings::endings(store)?;
    let directory = scim::now(store, &settings.scim, last)?;
    Ok(PeopleNow::new(version)
        .with_endings(endings)
        .with_directory(directory))
}

fn away(why: &str) -> Refusal {
    Refusal::new(Reason::PeopleUnavailable).noting(format!("the database of people: {why}"))
}

const CONNECTIONS: usize = 4;
const TURN: Duration = Duration::from_secs(5);
/// Sessions that ended by themselves are taken away each so many looks: once in a minute.
const SWEEP_EACH: u32 = 300;
/// How often changes are looked for: far below the second within which they are obeyed.
const LOOK: Duration = Duration::from_millis(200);
