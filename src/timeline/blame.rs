//! Says what ran at a moment.
//!
//! In: the index, a service, a moment. Out: a [`Blame`]: the deployment in force, the one before it and
//! the commits between.

use super::deploy::{Deploy, Status};
use super::reading::{Timeline, Wanted};
use crate::clock::Time;
use crate::index::{Index, IndexError};

/// What ran.
#[derive(Clone, Debug)]
pub struct Blame {
    /// The deployment in force.
    pub deploy: Deploy,
    /// What was tried after it and before the moment, the newest first.
    pub tried_since: Vec<Deploy>,
}

impl Blame {
    /// Looks for it; nothing where no deployment of the service is known.
    ///
    /// # Errors
    ///
    /// As asking the index.
    pub fn of(
        index: &mut Index,
        service: &str,
        environment: Option<&str>,
        at: Time,
    ) -> Result<Option<Blame>, IndexError> {
        let timeline = Timeline::read(
            index,
            &Wanted {
                since: Time::from_ms(at.as_ms().saturating_sub(BACK_MS)),
                until: Time::from_ms(at.as_ms().saturating_add(1)),
                environment: environment.map(str::to_owned),
                service: Some(service.to_owned()),
                machine: None,
                most: MOST,
            },
        )?;
        let mut tried_since = Vec::new();
        for deploy in timeline.deploys {
            match deploy.status {
                Status::Deployed => {
                    return Ok(Some(Blame {
                        deploy,
                        tried_since,
                    }));
                }
                _ => tried_since.push(deploy),
            }
        }
        Ok(None)
    }
}

const BACK_MS: u64 = 90 * 24 * 3_600_000;
const MOST: usize = 1_000;
