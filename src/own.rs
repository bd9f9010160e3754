//! Tells a caller about itself: what it may do, and what became of its requests.
//!
//! In: a verified caller and the page that it asks for. Out: text or JSON.
//!
//! Whoever has a token that is believed may ask, and is told of nobody else: no policy stands before
//! these pages, and every look at one is in the journal before it is answered.
//!
//! Never: another caller's requests, another team's names, the text of a rule.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::authorize::Policies;
use crate::clock::Time;
use crate::database::DatabaseSettings;
use crate::identify::Principal;
use crate::index::Upkeep;
use crate::refusal::{Reason, Refusal};

mod asked;
mod deploys;
mod me;
pub mod report;
mod pairs;
mod pointer;

pub use asked::{Form, Page, asked_for};
pub use deploys::Deploys;
pub use pairs::{Pairs, malformed};
pub use pointer::{pointed_at, pointer};

/// What these pages are made from.
#[derive(Debug)]
pub struct Own {
    index: Option<Indexed>,
    site_url: String,
    turns: Semaphore,
}

/// Where requests are found again.
#[derive(Clone, Debug)]
pub struct Indexed {
    /// Where the index is.
    pub settings: DatabaseSettings,
    /// Who fills it from this instance's journal.
    pub upkeep: Arc<Upkeep>,
}

/// Who asks, when, and where that is written down.
#[derive(Clone, Debug)]
pub struct Look {
    /// The caller.
    pub principal: Arc<Principal>,
    /// When it asked.
    pub time: Time,
    /// The place of its record in this instance's journal.
    pub seq: u64,
}

/// A page of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its media type.
    pub media_type: &'static str,
    /// Its bytes.
    pub body: Bytes,
}

impl Own {
    /// With an index where there is one, and the address that callers know this proxy by.
    pub fn new(index: Option<Indexed>, site_url: &str) -> Own {
        Own {
            index,
            site_url: site_url.trim_end_matches('/').to_owned(),
            turns: Semaphore::new(AT_ONCE),
        }
    }

    /// Makes the page.
    ///
    /// # Errors
    ///
    /// `overloaded` when too many are being made.
    pub async fn show(
        &self,
        page: Page,
        look: Look,
        policies: impl AsRef<Policies> + Send + 'static,
    ) -> Result<Shown, Refusal> {
        let turn = tokio::time::timeout(TURN, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(busy());
        };
        let (index, site_url) = (self.index.clone(), self.site_url.clone());
        if let (Page::Report(_), Some(indexed)) = (page, &index) {
            indexed.reach(look.seq).await;
        }
        // Policies and the index are asked many times: not on a thread that serves requests.
        let making = tokio::task::spawn_blocking(move || match page {
            Page::Me(form) => me::show(form, &look, policies.as_ref()),
            Page::Report(form) => {
                let report = report::Report::of(&look, policies.as_ref(), index.as_ref());
                report.show(form, &site_url)
            }
        });
        making.await.map_err(|_| busy())
    }
}

impl Indexed {
    /// Waits until the index has what came before this place, or for as long as a caller would.
    pub async fn reach(&self, seq: u64) {
        let reached = async {
            while self.upkeep.state().next_seq <= seq {
                tokio::time::sleep(BETWEEN).await;
            }
        };
        // What is missing then is said on the page.
        let _ = tokio::time::timeout(PATIENCE, reached).await;
    }
}

fn busy() -> Refusal {
    Refusal::new(Reason::Overloaded)
        .telling("too many callers ask about themselves; try again shortly")
}

/// Pages that are made at the same time.
const AT_ONCE: usize = 2;
const TURN: Duration = Duration::from_secs(5);

/// For the index to reach the moment of the question.
const PATIENCE: Duration = Duration::from_secs(3);
const BETWEEN: Duration = Duration::from_millis(20);
