//! Says what an audit record contains, and in which bytes.
//!
//! In: a `Sighting` and what the steps after it found, an `Outcome`, or a [`Note`] of stile's
//! own. Out: one line of JSON in the form of RFC 8785, rendered straight into a buffer; of a decision
//! also what it says of a person, which lies beside the line.
//!
//! Fields are those of the table in the manual. A field that does not apply is absent, never empty
//! or null; the one exception is `resource`, always `[type, id, project]`. `seq` is in the frame
//! and not in the line, so that rendering needs no word from the writer. `mono` is microseconds
//! since the machine started: nanoseconds leave the exact range of JSON numbers after 104 days.
//!
//! Every text that comes from outside has a cap, and the caps together stay under the largest
//! payload, so that nobody can make a record that cannot be written.
//!
//! Never: a token, a `jti`, a query value, a header but `user-agent`, a body. A piece of the query
//! that is not plainly a name is recorded as `*`, because a bare secret would stand there.
use super::render::push_string;

mod asker;
mod decision;
mod event;
mod inputs;
mod outcome;
mod personal;
mod together;

pub use asker::Asker;
pub use decision::DecisionRecord;
pub use event::{EventRecord, Note};
pub use inputs::Inputs;
pub use outcome::OutcomeRecord;
pub use together::SharedRefusals;

/// What is the same in all records of a process and one generation of its settings.
#[derive(Clone, Debug)]
pub struct Constants {
    boot: Vec<u8>,
    config: Vec<u8>,
    log: Vec<u8>,
    version: Vec<u8>,
}

impl Constants {
    /// Renders them once. `boot` names the machine's boot and this process, `log` is the origin.
    pub fn new(log: &str, boot: &str, version: &str, config: &str) -> Constants {
        let rendered = |text: &str| {
            let mut out = Vec::new();
            push_string(&mut out, text);
            out
        };
        Constants {
            boot: rendered(boot),
            config: rendered(config),
            log: rendered(log),
            version: rendered(version),
        }
    }

    /// The same for another generation of the settings.
    #[must_use]
    pub fn with_config(&self, config: &str) -> Constants {
        let mut next = self.clone();
        next.config.clear();
        push_string(&mut next.config, config);
        next
    }
}

/// The word for an allow in records.
pub const ALLOW: &str = "allow";

const FORMAT: u64 = 1;
const PRODUCT: &[u8] = b"\"stile\"";

// Caps in rendered bytes. Their sum over all fields of a decision stays under 56,000.
const WORD: usize = 64;
const NAME: usize = 512;
const LONG_NAME: usize = 1024;
const SOME: usize = 4096;
const MANY: usize = 8192;
const PATH: usize = 9216;
