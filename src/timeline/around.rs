//! Counts what a pipeline did at the API around its deployment.
//!
//! In: the index and a deployment. Out: how many requests of its pipeline changed something, and how
//! many were not let through.

use super::deploy::Deploy;
use crate::index::{Condition, Field, Index, IndexError, Query};

/// Looks for it.
pub(super) fn look_around(index: &mut Index, deploy: &mut Deploy) -> Result<(), IndexError> {
    let Some(pipeline) = &deploy.pipeline else {
        return Ok(());
    };
    let is = |field, text: &str| Condition::is(field, text);
    let of = vec![
        is(Field::Record, "request"),
        is(Field::Pipeline, pipeline),
        is(Field::Project, &deploy.project),
        Condition::opposite(is(Field::Action, "deployments.create")),
        Condition::opposite(is(Field::Decision, "own")),
    ];
    let all = Query::of(Condition::all(of));
    let changing = CHANGING.iter().map(|class| is(Field::Class, class));
    let written = Condition::all(vec![
        is(Field::Decision, "allow"),
        Condition::any(changing.collect()),
        // Telemetry is no change of the API.
        Condition::opposite(Condition::any(
            TELEMETRY.iter().map(|kind| is(Field::Type, kind)).collect(),
        )),
    ]);
    deploy.writes = index.find(&all.clone().and(written))?.count();
    let refused = Condition::opposite(is(Field::Decision, "allow"));
    deploy.denied = index.find(&all.and(refused))?.count();
    Ok(())
}

const CHANGING: &[&str] = &["write", "delete", "power"];
const TELEMETRY: &[&str] = &["Traces", "Metrics", "Logs"];
