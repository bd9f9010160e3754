//! The record that refusals share while there is a flood of them.
//!
//! In: how many there were, why, when and from where. Out: its line.

use uuid::Uuid;

use crate::clock::Time;
use crate::record::render::Line;
use crate::record::settings::Level;
use crate::refusal::Reason;

use super::{Constants, FORMAT, MANY, PRODUCT, WORD};

/// Refusals of requests without a verified identity, for one reason, of one moment of a flood.
#[derive(Clone, Debug)]
pub struct SharedRefusals<'a> {
    /// The id of the record; the requests had ids of their own, which are not in it.
    pub id: Uuid,
    /// Why they were refused.
    pub reason: Reason,
    /// How many.
    pub count: u64,
    /// When the first came.
    pub first: Time,
    /// When the last came.
    pub last: Time,
    /// The networks that most came from, and how many from each.
    pub networks: &'a [(String, serde_json::Value)],
    /// How many came from all others.
    pub others: u64,
    /// When.
    pub time: Time,
    /// The same moment in nanoseconds since the machine started.
    pub mono_ns: u64,
}

impl SharedRefusals<'_> {
    /// Renders the record into a buffer, which is emptied first.
    pub fn render(&self, constants: &Constants, out: &mut Vec<u8>) {
        let mut line = Line::begin(out);
        line.rendered("boot", &constants.boot);
        line.rendered("config", &constants.config);
        line.count("count", self.count);
        line.cut_goes_here();
        line.text("decision", self.reason.effect().word(), WORD);
        line.count("first", self.first.as_ms());
        line.plain("id", self.id.hyphenated());
        line.text("kind", "decision", WORD);
        line.count("last", self.last.as_ms());
        line.text("level", Level::Sync.word(), WORD);
        line.rendered("log", &constants.log);
        line.count("mono", self.mono_ns / 1000);
        let networks = self.networks.iter();
        let networks = networks.map(|(network, count)| (network.as_str(), count));
        line.map("networks", networks, MANY);
        if self.others > 0 {
            line.count("networks_other", self.others);
        }
        line.rendered("product", PRODUCT);
        line.text("reason", self.reason.word(), WORD);
        line.count("time", self.time.as_ms());
        line.count("v", FORMAT);
        line.rendered("version", &constants.version);
        line.finish();
    }
}
