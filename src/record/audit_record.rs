//! Says what an audit record contains, and in which bytes.
//!
//! In: a [`Sighting`] and what the steps after it found, an [`Outcome`], or a [`Note`] of stile's
//! own. Out: one line of JSON in the form of RFC 8785, rendered straight into a buffer.
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

use std::net::IpAddr;

use uuid::Uuid;

use crate::authorize::{Decision, Permit};
use crate::clock::Time;
use crate::identify::Principal;
use crate::identify::facts::Who;
use crate::listen::Sighting;
use crate::listen::arrival::{TlsFacts, Trace};
use crate::refusal::{Reason, Refusal};
use crate::resolve::{Operation, Resource};

use super::fingerprint::FingerprintKey;
use super::frame::hex;
use super::outcome::Outcome;
use super::render::{Line, push_count, push_string};
use super::settings::Level;

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

/// A decision about one request, before anything follows from it.
#[derive(Clone, Debug)]
pub struct DecisionRecord<'a> {
    /// The request.
    pub sighting: Sighting<'a>,
    /// When it counts as committed.
    pub level: Level,
    /// `allow`, `deny`, `refuse`, `error`, or `public` for a document of our own.
    pub decision: &'static str,
    /// Why not.
    pub reason: Option<Reason>,
    /// The guardrail that forbade it.
    pub forbidden_by: Option<&'a str>,
    /// Who asked, where that was verified.
    pub asker: Option<Asker<'a>>,
    /// What for, where the catalogue knows it.
    pub operation: Option<&'a Operation>,
    /// The policies that determined it.
    pub policies: &'a [String],
    /// What went wrong while evaluating.
    pub policy_errors: &'a [String],
    /// The digest of the policy set that decided.
    pub policy_set: Option<&'a str>,
}

/// What a record says of who asked.
#[derive(Clone, Debug)]
pub struct Asker<'a> {
    /// The issuer's exact URL.
    pub issuer: &'a str,
    /// The issuer's name for them.
    pub subject: &'a str,
    /// A job, a person or an agent, with its names and groups.
    pub who: &'a Who,
    /// The key id in the token's header.
    pub key_id: Option<&'a str>,
    /// The algorithm that verified the token.
    pub algorithm: &'a str,
    /// The `typ` in its header.
    pub typ: Option<&'a str>,
    /// When the token was issued.
    pub issued: Time,
    /// When it ends.
    pub expires: Time,
    /// The token's fingerprint under the journal's own key.
    pub fingerprint: [u8; 32],
    /// Claims that records may keep.
    pub claims: &'a [(String, serde_json::Value)],
}

impl<'a> Asker<'a> {
    /// What a record says of a principal.
    pub(super) fn of(principal: &'a Principal, key: &FingerprintKey) -> Asker<'a> {
        let token = principal.token();
        let issuer = principal.issuer_url();
        Asker {
            issuer,
            subject: &principal.facts().subject,
            who: &principal.facts().who,
            key_id: token.key_id.as_deref(),
            algorithm: token.algorithm,
            typ: token.typ.as_deref(),
            issued: token.issued,
            expires: token.expires,
            fingerprint: match &token.jti {
                Some(jti) => key.of_token_id(issuer, jti),
                None => key.of_token(principal.digest()),
            },
            claims: &token.kept_claims,
        }
    }
}

impl<'a> DecisionRecord<'a> {
    /// The record of an allow.
    pub(super) fn of_permit(
        sighting: Sighting<'a>,
        permit: &'a Permit,
        level: Level,
        key: &FingerprintKey,
    ) -> DecisionRecord<'a> {
        DecisionRecord {
            sighting,
            level,
            decision: ALLOW,
            reason: None,
            forbidden_by: None,
            asker: Some(Asker::of(permit.principal(), key)),
            operation: Some(permit.operation()),
            policies: permit.policies(),
            policy_errors: &[],
            policy_set: Some(permit.policy_set()),
        }
    }

    /// The record of a refusal.
    pub(super) fn of_refusal(
        sighting: Sighting<'a>,
        refusal: &'a Refusal,
        asker: Option<Asker<'a>>,
        operation: Option<&'a Operation>,
        decision: Option<&'a Decision>,
        level: Level,
    ) -> DecisionRecord<'a> {
        let explanation = refusal
            .explanation()
            .or_else(|| decision.and_then(|d| d.explanation.as_ref()));
        DecisionRecord {
            sighting,
            level,
            decision: refusal.reason().effect().word(),

            reason: Some(refusal.reason()),
            forbidden_by: explanation.and_then(|e| e.forbidden_by.as_deref()),
            asker,
            operation,
            policies: decision.map_or(&[], |d| &d.policies),
            policy_errors: decision.map_or(&[], |d| &d.errors),
            policy_set: explanation
                .map(|e| e.policy_set.as_str())
                .filter(|s| !s.is_empty()),
        }
    }

    /// The record of a public document of ours, handed out to whoever asks: nobody is identified,
    /// nothing is forwarded, so there is no outcome either.
    pub(super) fn of_publication(sighting: Sighting<'a>) -> DecisionRecord<'a> {
        DecisionRecord {
            sighting,
            level: Level::Write,
            decision: "public",
            reason: None,
            forbidden_by: None,
            asker: None,
            operation: None,
            policies: &[],
            policy_errors: &[],
            policy_set: None,
        }
    }

    /// Renders the record into a buffer, which is emptied first.
    pub fn render(&self, constants: &Constants, out: &mut Vec<u8>) {
        let seen = &self.sighting;
        let asker = self.asker.as_ref();
        let entry = self.operation.map(|operation| &operation.entry);
        let mut line = Line::begin(out);
        line.text_if("activity", entry.map(|e| e.class.word()), WORD);
        line.text_if("acts_for", asker.and_then(|a| acts_for(a.who)), NAME);
        line.text_if("alg", asker.map(|a| a.algorithm), WORD);
        line.rendered("boot", &constants.boot);
        if let Some(claims) = asker.map(|a| a.claims).filter(|c| !c.is_empty()) {
            let claims = claims.iter().map(|(name, value)| (name.as_str(), value));
            line.map("claims", claims, MANY);
        }
        line.rendered("config", &constants.config);
        line.text_if("cred", asker.map(|_| "bearer_jwt"), WORD);
        line.cut_goes_here();
        line.text("decision", self.decision, WORD);
        if let Some(groups) = asker.and_then(|a| groups(a.who)).filter(|g| !g.is_empty()) {
            line.texts("groups", groups.iter().map(String::as_str), MANY);
        }
        line.text_if("host", seen.host, NAME);
        line.plain("id", seen.id.hyphenated());
        line.text_if("issuer", asker.map(|a| a.issuer), LONG_NAME);
        line.text_if("kid", asker.and_then(|a| a.key_id), NAME);
        line.text("kind", "decision", WORD);
        line.text("level", self.level.word(), WORD);
        line.rendered("log", &constants.log);
        line.text_if("method", seen.method, WORD);
        line.count("mono", seen.mono_ns / 1000);
        line.text_if("op", entry.map(|e| e.action.as_str()), NAME);
        line.text_if("path", seen.path, PATH);
        if !self.policies.is_empty() {
            line.texts("policies", self.policies.iter().map(String::as_str), SOME);
        }
        if !self.policy_errors.is_empty() {
            let errors = self.policy_errors.iter().map(String::as_str);
            line.texts("policy_errors", errors, SOME);
        }
        line.text_if("policy_set", self.policy_set, NAME);
        line.rendered("product", PRODUCT);
        line.text("proto", seen.protocol.word(), WORD);
        if let Some(query) = seen.query.filter(|query| !query.is_empty()) {
            line.texts("query_keys", query.split('&').map(query_name), SOME);
        }
        line.text_if("reason", self.reason.map(Reason::word), WORD);
        if let Some(guardrail) = self.forbidden_by {
            line.text("reason_detail", &format!("forbid:{guardrail}"), NAME);
        }
        if let Some(operation) = self.operation {
            line_resource(&mut line, &operation.resource);
        }
        line.text_if("service", entry.map(|e| e.upstream.as_ref()), NAME);
        line.plain("src_ip", plain_ip(seen.peer.ip()));
        line.count("src_port", u64::from(seen.peer.port()));
        line.text_if("subject", asker.map(|a| a.subject), LONG_NAME);
        line.text_if("subject_kind", asker.map(|a| kind_of(a.who)), WORD);
        line.text_if(
            "subject_name",
            asker.and_then(|a| name_of(a.who)),
            LONG_NAME,
        );
        line.count("time", seen.time.as_ms());
        if let Some(tls) = seen.tls {
            line_tls(&mut line, tls);
        }
        line.count_if("token_exp", asker.map(|a| a.expires.as_secs()));
        if let Some(asker) = asker {
            line.hex("token_fp", &asker.fingerprint, NAME);
        }
        line.count_if("token_iat", asker.map(|a| a.issued.as_secs()));
        if let Some(trace) = seen.trace {
            line_trace(&mut line, trace);
        }
        line.text_if("typ", asker.and_then(|a| a.typ), WORD);
        if let Some(agent) = seen.user_agent {
            line_user_agent(&mut line, agent);
        }
        line.count("v", FORMAT);
        line.rendered("version", &constants.version);
        line.finish();
    }
}

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
}

impl OutcomeRecord<'_> {
    /// Renders the record into a buffer, which is emptied first.
    pub fn render(&self, constants: &Constants, out: &mut Vec<u8>) {
        let outcome = self.outcome;
        let known = outcome.end != super::outcome::End::Unknown;
        let mut line = Line::begin(out);
        line.rendered("boot", &constants.boot);
        line.rendered("config", &constants.config);
        line.cut_goes_here();
        line.text("end", outcome.end.word(), WORD);
        line.count_if("grpc", outcome.grpc.map(u64::from));
        line.text("kind", "outcome", WORD);
        self.line_latencies(&mut line);
        line.rendered("log", &constants.log);
        line.count("mono", self.mono_ns / 1000);
        line.rendered("product", PRODUCT);
        line.text_if("reason", outcome.reason.map(Reason::word), WORD);
        line.plain("ref", self.decision.hyphenated());
        line.count_if("req_bytes", known.then_some(outcome.sent_bytes));
        line.count_if("resp_bytes", known.then_some(outcome.received_bytes));
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

/// What happened to stile itself: the closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Note {
    /// The journal was opened; every allow before this has its outcome.
    Start,
    /// The journal was closed in order.
    Stop,
    /// Other settings are in force.
    ConfigReload,
    /// Another policy set is in force.
    PolicyReload,
    /// A reload was refused; the old generation stays.
    ReloadRefused,
    /// Recovery took a torn tail away.
    Recovered,
    /// The wall clock moved against the clock that never steps.
    ClockStep,
    /// Requests were answered without a record while the journal could not be written.
    Unrecorded,
}

impl Note {
    /// Every note.
    pub const ALL: &[Note] = &[
        Note::Start,
        Note::Stop,
        Note::ConfigReload,
        Note::PolicyReload,
        Note::ReloadRefused,
        Note::Recovered,
        Note::ClockStep,
        Note::Unrecorded,
    ];

    /// The word in records.
    pub fn word(self) -> &'static str {
        match self {
            Note::Start => "start",
            Note::Stop => "stop",
            Note::ConfigReload => "config.reload",
            Note::PolicyReload => "policy.reload",
            Note::ReloadRefused => "reload.refused",
            Note::Recovered => "journal.recovered",
            Note::ClockStep => "clock.step",
            Note::Unrecorded => "journal.unrecorded",
        }
    }
}

/// Something that happened to stile itself.
#[derive(Clone, Debug)]
pub struct EventRecord<'a> {
    /// What.
    pub note: Note,
    /// What there is to say about it; rendered in the order of its names.
    pub detail: &'a [(&'a str, serde_json::Value)],
    /// When.
    pub time: Time,
    /// The same moment in nanoseconds since the machine started.
    pub mono_ns: u64,
}

impl EventRecord<'_> {
    /// Renders the record into a buffer, which is emptied first.
    pub fn render(&self, constants: &Constants, out: &mut Vec<u8>) {
        let mut line = Line::begin(out);
        line.rendered("boot", &constants.boot);
        line.rendered("config", &constants.config);
        line.cut_goes_here();
        if !self.detail.is_empty() {
            let members = self.detail.iter().map(|(name, value)| (*name, value));
            line.map("detail", members, MANY);
        }
        line.text("event", self.note.word(), WORD);
        line.text("kind", "event", WORD);
        line.rendered("log", &constants.log);
        line.count("mono", self.mono_ns / 1000);
        line.rendered("product", PRODUCT);
        line.count("time", self.time.as_ms());
        line.count("v", FORMAT);
        line.rendered("version", &constants.version);
        line.finish();
    }
}

/// The name in one piece of a query, or `*` where it could be a value.
fn query_name(piece: &str) -> &str {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.[]$:".contains(&b);
    match piece.split_once('=') {
        Some((name, _)) if name.len() <= 64 && name.bytes().all(plain) => name,
        _ => "*",
    }
}

fn line_resource(line: &mut Line<'_>, resource: &Resource) {
    let triple = [
        Some(resource.kind.as_str()),
        resource.id.as_deref(),
        resource.project.as_deref(),
    ];
    line.texts_or_nulls("resource", triple.into_iter(), LONG_NAME);
}

fn line_tls(line: &mut Line<'_>, tls: &TlsFacts) {
    let members = [
        ("alpn", tls.alpn.as_deref().map(serde_json::Value::from)),
        ("sni", tls.sni.as_deref().map(serde_json::Value::from)),
        ("suite", Some(serde_json::Value::from(tls.suite.as_str()))),
        ("version", Some(serde_json::Value::from(tls.version))),
    ];
    let members = members
        .iter()
        .filter_map(|(n, v)| v.as_ref().map(|v| (*n, v)));
    line.map("tls", members, LONG_NAME);
}

fn line_trace(line: &mut Line<'_>, trace: Trace) {
    let ids = [hex(&trace.trace_id), hex(&trace.span_id)];
    line.texts("trace", ids.iter().map(String::as_str), NAME);
}

/// Bytes that are no UTF-8 stand in `ua` as U+FFFD and exactly in `ua_hex`.
fn line_user_agent(line: &mut Line<'_>, agent: &[u8]) {
    match std::str::from_utf8(agent) {
        Ok(text) => line.text("ua", text, NAME),
        Err(_) => {
            line.text("ua", &String::from_utf8_lossy(agent), NAME);
            line.hex("ua_hex", agent, LONG_NAME);
        }
    }
}

fn kind_of(who: &Who) -> &'static str {
    match who {
        Who::Job(_) => "job",
        Who::Person(_) => "person",
        Who::Agent(_) => "agent",
    }
}

fn name_of(who: &Who) -> Option<&str> {
    match who {
        Who::Job(job) => job.started_by.as_deref(),
        Who::Person(person) => Some(&person.name),
        Who::Agent(agent) => Some(&agent.name),
    }
}

fn groups(who: &Who) -> Option<&[String]> {
    match who {
        Who::Job(_) => None,
        Who::Person(person) => Some(&person.groups),
        Who::Agent(agent) => Some(&agent.groups),
    }
}

fn acts_for(who: &Who) -> Option<&str> {
    match who {
        Who::Agent(agent) => agent.acts_for.as_deref(),
        Who::Job(_) | Who::Person(_) => None,
    }
}

/// An IPv4 address that came through an IPv6 socket is written as the IPv4 address it is.
fn plain_ip(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
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
