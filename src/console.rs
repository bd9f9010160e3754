//! Shows people what the journal, the policies and this instance have to say.
//!
//! In: a look that the policies allowed and the journal has. Out: a page, or its twin in JSON: the same
//! value, written twice.
//!
//! A page is given its scope and cannot ask for another one: `View` narrows every query by it, and
//! whatever lies outside is not there. Pages are made on threads that serve no request, a few at a time.
//!
//! Never: changes anything; text of a record as markup; a request to another host; an inline style or
//! script, which the policy in the head of each page forbids.
//!
//! Without an index the pages that search say so.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use moka::sync::Cache;
use tokio::sync::Semaphore;

use crate::admin::Notices;
use crate::forward::ResponseBody;
use crate::own::{Indexed, malformed};
use crate::pipeline::{Looking, Making, Pages, Pipeline};
use crate::refusal::{Reason, Refusal};
use crate::resolve::Scope;
use crate::workbench::who::Matrix;

mod texts;
mod view;
mod asked;
mod strip;
mod frame;
mod bars;
mod row;
mod start;
mod requests;
mod decision;
mod denied;
mod who;
mod picture;
mod policy;
mod integrity;
mod keys;
mod export;
mod live;

use frame::{Made, WHOLE, part};
use view::View;

/// The console of one instance.
#[derive(Clone)]
pub struct Console(Arc<Parts>);

struct Parts {
    index: Option<Indexed>,
    notices: OnceLock<Arc<Notices>>,
    /// The journal's folder, which live streams read.
    journal: PathBuf,
    /// Answers of policy sets: by digest, day and what was asked.
    matrices: Cache<String, Arc<Matrix>>,
    turns: Semaphore,
    exports: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

impl Console {
    /// With an index where there is one, and the folder of this instance's journal.
    pub fn new(index: Option<Indexed>, journal: PathBuf) -> Console {
        Console(Arc::new(Parts {
            index,
            notices: OnceLock::new(),
            journal,
            matrices: Cache::new(MATRICES),
            turns: Semaphore::new(AT_ONCE),
            exports: Arc::new(Semaphore::new(EXPORTS)),
            streams: Arc::new(Semaphore::new(STREAMS)),
        }))
    }

    /// Knows from now on how the instance stands; before, pages do not say it.
    pub fn notice(&self, notices: Arc<Notices>) {
        let _ = self.0.notices.set(notices);
    }

    async fn made(self, pipeline: Pipeline, looking: Looking) -> Result<Made, Refusal> {
        // Before the turn is taken: who waits for the index keeps nobody from a page.
        if let Some(index) = &self.0.index {
            index.reach(looking.seq).await;
        }
        let turn = tokio::time::timeout(TURN, self.0.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(busy());
        };
        let console = self.clone();
        let making = move || {
            let view = View::of(&console.0, &pipeline, &looking)?;
            if view.scope != Scope::Everything && WHOLE.contains(&view.page()) {
                return Err(malformed("it shows everything and has no narrower scope"));
            }
            match view.page() {
                "" => start::page(&view),
                "/requests" => requests::page(&view),
                "/decision" => decision::page(&view),
                "/requests/live" => {
                    let turn = Arc::clone(&console.0.streams).try_acquire_owned();
                    live::stream(&view, &console.0, turn.map_err(|_| live::busy())?)
                }
                "/denied" => denied::page(&view),
                "/who" => who::page(&view),
                "/policy" => policy::page(&view),
                "/integrity" => integrity::page(&view),
                "/keys" => keys::page(&view),
                "/export" => export::page(&view),
                "/export/file" => {
                    let turn = Arc::clone(&console.0.exports).try_acquire_owned();
                    export::file(&view, turn.map_err(|_| export::busy())?)
                }
                _ => Err(Refusal::new(Reason::NoOperation)),
            }
        };
        // Policies and the index are asked many times: not on a thread that serves requests.
        let made = tokio::task::spawn_blocking(making).await;
        made.map_err(|_| busy())?
    }
}

impl Pages for Console {
    fn page(&self, pipeline: Pipeline, looking: Looking) -> Making {
        let console = self.clone();
        Box::pin(async move { Ok(console.made(pipeline, looking).await?.answer()) })
    }

    fn part(&self, path: &str) -> Option<Response<ResponseBody>> {
        part(path)
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_index = self.0.index.is_some();
        f.debug_struct("Console")
            .field("has_index", &has_index)
            .finish_non_exhaustive()
    }
}

fn busy() -> Refusal {
    Refusal::new(Reason::Overloaded).telling("too many look at the console; try again shortly")
}

/// An answer that is there as a whole.
fn whole(body: String) -> ResponseBody {
    ResponseBody::Full(Bytes::from(body))
}

/// Pages that are made at the same time.
const AT_ONCE: usize = 4;
/// Some hundred kilobytes each at most.
const MATRICES: u64 = 64;
/// Files that are written at the same time, each on a thread of its own.
const EXPORTS: usize = 2;
/// Pages that are live at the same time.
const STREAMS: usize = 32;
const TURN: Duration = Duration::from_secs(5);
