//! Says what is known of principals beyond their tokens.
//!
//! In: what is kept of people, as it is now. Out: a [`PeopleNow`], swapped whole, that every principal is
//! held against at every request.
//!
//! A token says what was true when it was made. What became of its bearer since is known here: who was
//! ended, and in which groups the directory has them now.
//!
//! Never: takes "not read yet" for "nothing known": until it was read once, nobody is let in.

use std::sync::Arc;

use super::directory::Directory;
use super::endings::Endings;
use super::principal::Principal;
use crate::refusal::{Reason, Refusal};

/// What is known of principals beyond their tokens. The default is for a proxy that keeps nothing.
#[derive(Clone, Debug, Default)]
pub struct PeopleNow {
    version: u64,
    is_unread: bool,
    endings: Arc<Endings>,
    directory: Arc<Directory>,
}

impl PeopleNow {
    /// Of this many changes; nothing else is said in it yet.
    pub fn new(version: u64) -> PeopleNow {
        PeopleNow {
            version,
            ..PeopleNow::default()
        }
    }

    /// Before it was read for the first time.
    pub fn unread() -> PeopleNow {
        PeopleNow {
            is_unread: true,
            ..PeopleNow::default()
        }
    }

    /// The same, with who was ended.
    #[must_use]
    pub fn with_endings(self, endings: Endings) -> PeopleNow {
        PeopleNow {
            endings: Arc::new(endings),
            ..self
        }
    }

    /// Whether it was not read yet, so that nobody is let in.
    pub fn is_unread(&self) -> bool {
        self.is_unread
    }

    /// Who was ended.
    pub fn endings(&self) -> &Arc<Endings> {
        &self.endings
    }

    /// The same with what providers' directories say.
    #[must_use]
    pub fn with_directory(self, directory: Arc<Directory>) -> PeopleNow {
        PeopleNow { directory, ..self }
    }

    /// What providers' directories say.
    pub fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// How many changes are in it.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The principal as it is known now.
    ///
    /// # Errors
    ///
    /// The refusal, where it does not count any more.
    pub(super) fn apply(
        &self,
        principal: Arc<Principal>,
        fingerprint: impl Fn(&Principal) -> Option<String>,
    ) -> Result<Arc<Principal>, Refusal> {
        if self.is_unread {
            return Err(Refusal::new(Reason::PeopleUnavailable));
        }
        // In the groups that the directory has them in now: who ends a group ends those.
        let principal = self.directory.apply(principal)?;
        match self.endings.about(&principal, || fingerprint(&principal)) {
            Some(what) => {
                let why = format!("its {} was ended", what.word());
                Err(Refusal::new(Reason::Ended).noting(why))
            }
            None => Ok(principal),
        }
    }
}
