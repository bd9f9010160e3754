//! The record of how an allowed request ended.
//!
//! In: an [`Outcome`] and what only the journal knows. Out: its line.
//!
//! It has no id of its own: each decision has one outcome, so `ref` names it.

use uuid::Uuid;

use crate::clock::Time;
use crate::record::frame::hex;
use crate::record::outcome::{End, Outcome};
use crate::record::render::{Line, push_count, push_string};
use crate::refusal::Reason;

use super::{Constants, FORMAT, LONG_NAME, PRODUCT, WORD};

/// How an allowed request ended, with what only the journal knows.
#[derive(Clone, Debug)]
pub struct OutcomeRecord<'a> {
    /// The decision's id.
    pub decision: Uuid,
    /// How it ended.
    pub outcome: &'a Outcome,
    /// When it ended.
    pub time: Time,
    /// The same moment in nanoseconds since the machine started.
    pub mono_ns: u64,
    /// Microseconds that the decision waited for its commit, where that is known.
    pub commit_us: Option<u64>,
    /// Microseconds from the commit to the end, where that is known.
    pub total_us: Option<u64>,
    /// SHA-256 of the message that went on in the place of the caller's, where one did.
    pub stamped: Option<[u8; 32]>,
    /// Items of a list that went on, and those that were left out, where it was looked at.
    pub listed: Option<(u64, u64)>,
}

impl OutcomeRecord<'_> {
    /// Renders the record into a buffer, which is emptied first.
    pub fn render(&self, constants: &Constants, out: &mut Vec<u8>) {
        let outcome = self.outcome;
        let known = outcome.end != End::Unknown;
        let mut line = Line::begin(out);
        let attempts = u64::from(outcome.attempts);
        line.count_if("attempts", (attempts > 1).then_some(attempts));
        line.rendered("boot", &constants.boot);
        line.rendered("config", &constants.config);
        line.cut_goes_here();
        line.text("end", outcome.end.word(), WORD);
        line.count_if("grpc", outcome.grpc.map(u64::from));
        line.count_if("kept", self.listed.map(|(kept, _)| kept));
        line.text("kind", "outcome", WORD);
        self.line_latencies(&mut line);
        line.count_if("left_out", self.listed.map(|(_, left_out)| left_out));
        line.rendered("log", &constants.log);
        line.count("mono", self.mono_ns / 1000);
        line.rendered("product", PRODUCT);
        line.text_if("reason", outcome.reason.map(Reason::word), WORD);
        line.plain("ref", self.decision.hyphenated());
        line.count_if("req_bytes", known.then_some(outcome.sent_bytes));
        line.count_if("resp_bytes", known.then_some(outcome.received_bytes));
        if let Some(digest) = &self.stamped {
            line.plain("stamped", format_args!("sha256:{}", hex(digest)));
        }
        line.count_if("status", outcome.status.map(u64::from));
        line.count("time", self.time.as_ms());
        line.text_if("upstream", outcome.upstream.as_deref(), LONG_NAME);
        line.count("v", FORMAT);
        line.rendered("version", &constants.version);
        line.finish();
    }

    fn line_latencies(&self, line: &mut Line<'_>) {
        let spans = [
            ("commit", self.commit_us),
            ("total", self.total_us),
            ("upstream_ttfb", self.outcome.first_byte_us),
        ];
        let mut json = Vec::from(b"{".as_slice());
        for (name, span_us) in spans {
            if let Some(span_us) = span_us {
                if json.len() > 1 {
                    json.push(b',');
                }
                push_string(&mut json, name);
                json.push(b':');
                push_count(&mut json, span_us);
            }
        }
        json.push(b'}');
        if json.len() > 2 {
            line.rendered("lat_us", &json);
        }
    }
}
