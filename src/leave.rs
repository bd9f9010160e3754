//! Lets records leave for where somebody else keeps and watches them.
//!
//! In: the journal's folder and the destinations of the settings. Out: every record at each of them,
//! at least once, in the journal's order, and how far each is behind.
//!
//! Each destination has a thread of its own at the lowest priority, which reads the journal's files
//! like any other reader: it shares nothing with requests but the disk. Its position is stored only
//! after the receiver said that it has what was sent, so a process that is killed, a receiver that is
//! away and a disk that is full lead to something sent twice and never to something left out.
//!
//! Never: on the way of a request; a reason not to serve; a credential in what leaves, because none
//! is in the journal.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::clock::Clock;
use crate::record::Record;

pub mod settings;
mod backoff;
mod position;
mod source;
mod receiver;
mod refused;
mod tls;
mod dial;
mod otlp;
mod syslog;
mod ocsf_file;
mod spans;
mod line;
mod sending;
pub mod reached;

pub use line::LeaveState;
pub use otlp::attributes::otel_names;
pub use settings::{DestinationSettings, Form, OtlpSettings, Place, SyslogSettings, TlsSettings};

pub use spans::{Reply, SendSpans};

use line::Line;
use sending::Whither;

/// The threads of all destinations.
#[derive(Debug, Default)]
pub struct Leaving {
    lines: Vec<Line>,
}

impl Leaving {
    /// Sets a thread going for each destination, and for the spans of pipelines where somebody sends
    /// them. One that cannot begin says why in its state.
    pub fn start(
        destinations: Vec<DestinationSettings>,
        spans: Option<Arc<dyn SendSpans>>,
        folder: PathBuf,
        clock: Clock,
    ) -> Leaving {
        let lines = destinations.into_iter().map(Box::new).map(Whither::Set);
        Leaving {
            lines: lines
                .chain(spans.map(Whither::Spans))
                .map(|one| Line::start(one, folder.clone(), clock.clone()))
                .collect(),
        }
    }

    /// How each destination stands.
    pub fn states(&self) -> Vec<LeaveState> {
        self.lines.iter().map(Line::state).collect()
    }

    /// Asks each to hand over what is there now, and to end.
    pub fn stop(&self) {
        self.lines.iter().for_each(Line::stop);
    }

    /// Whether all have ended.
    pub fn is_stopped(&self) -> bool {
        self.lines.iter().all(Line::is_stopped)
    }
}

/// The first record that some destination has yet to take, and which one: it has to stay in the journal.
/// The spans of pipelines are one of them, where they are sent.
pub fn behind(
    folder: &Path,
    destinations: &[DestinationSettings],
    spans: bool,
) -> Option<(u64, String)> {
    let names = destinations.iter().map(|one| one.name.as_str());
    position::behind(folder, names.chain(spans.then_some(SPANS)))
}

/// The name of the line that spans leave by; no name in the settings has a dot.
const SPANS: &str = "gitlab.spans";

/// What leaves of a record: the one place that decides.
fn told(record: &Record) -> Cow<'_, [u8]> {
    record.whole()
}
