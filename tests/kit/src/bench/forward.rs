//! Measures what forwarding does to bodies, connections and keys: `make bench-forward`.
//!
//! In: a release build. Out: a table of figures, each beside what is wanted of it.
//!
//! Straight and through stile are measured in turn, and compared pair by pair, so that a machine that
//! slows down slows both. Compare figures within one table only.

use std::io;

use super::Plan;

mod caller;
mod figures;
mod idle;
mod large;
mod lists;
mod rotation;
mod sink;
mod slow;
mod stand;

pub use figures::{Figure, print};
pub use sink::sink;

/// One part of the measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Bodies of 1 GiB, up and down.
    Large,
    /// Ten thousand idle connections, clear and over TLS.
    Idle,
    /// The upstream's key replaced under load.
    Rotation,
    /// A list that is cut to what its reader may read.
    Lists,
    /// Others, beside a thousand slow clients.
    Slow,
}

/// Measures these parts, one after the other.
///
/// # Errors
/// When one of them cannot be measured.
pub async fn measure(plan: &Plan, parts: &[Part]) -> io::Result<Vec<Figure>> {
    stand::beside_the_sink()?;
    let mut figures = Vec::new();
    for part in parts {
        figures.extend(match part {
            Part::Large => large::measure(plan).await?,
            Part::Idle => idle::measure(plan).await?,
            Part::Rotation => rotation::measure(plan).await?,
            Part::Lists => lists::measure(plan).await?,
            Part::Slow => slow::measure(plan).await?,
        });
    }
    Ok(figures)
}
