//! The record of one decision: the request, who asked, what for, and what was said.
//!
//! In: a [`Sighting`] and what the steps after it found. Out: its line, and beside it what it says of
//! a person.

use crate::authorize::{Decision, Observed, Permit};
use crate::identify::Principal;
use crate::listen::{Sighting, TlsFacts, Trace};
use crate::record::fingerprint::FingerprintKey;
use crate::record::frame::disclosure::Salt;
use crate::record::frame::hex;
use crate::record::render::Line;
use crate::record::rendered::Rendered;
use crate::record::settings::Level;
use crate::refusal::{Reason, Refusal};
use crate::resolve::{Operation, Resource};

use super::{
    ALLOW, Asker, Constants, FORMAT, Inputs, LONG_NAME, MANY, NAME, PATH, PRODUCT, SOME, WORD,
};

/// A decision about one request, before anything follows from it.
#[derive(Clone, Debug)]
pub struct DecisionRecord<'a> {
    /// The request.
    pub sighting: Sighting<'a>,
    /// When it counts as committed.
    pub level: Level,
    /// `allow`, `deny`, `refuse`, `error`; `public` for a document of our own for anybody, `own` for
    /// what we tell a caller about itself.
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
    /// What it would be were nothing under observe, where that is something else.
    pub observed: Option<&'a Observed>,
    /// What else the policies read, where they were asked.
    pub inputs: Option<Inputs<'a>>,
}

impl<'a> DecisionRecord<'a> {
    /// The record of an allow.
    pub(in crate::record) fn of_permit(
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
            observed: permit.observed(),
            inputs: Some(Inputs::of(
                permit.principal(),
                permit.operation(),
                permit.at(),
            )),
        }
    }

    /// The record of a refusal.
    pub(in crate::record) fn of_refusal(
        sighting: Sighting<'a>,
        refusal: &'a Refusal,
        principal: Option<&'a Principal>,
        operation: Option<&'a Operation>,
        decision: Option<&'a Decision>,
        level: Level,
        key: &FingerprintKey,
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
            asker: principal.map(|principal| Asker::of(principal, key)),
            operation,
            policies: decision.map_or(&[], |d| &d.policies),
            policy_errors: decision.map_or(&[], |d| &d.errors),
            policy_set: explanation
                .map(|e| e.policy_set.as_str())
                .filter(|s| !s.is_empty()),
            observed: decision.and_then(|d| d.observed.as_deref()),
            inputs: match (principal, operation, decision) {
                (Some(principal), Some(operation), Some(decision)) => {
                    Some(Inputs::of(principal, operation, &decision.at))
                }
                _ => None,
            },
        }
    }

    /// The record of a public document of ours, handed out to whoever asks: nobody is identified,
    /// nothing is forwarded, so there is no outcome either.
    pub(in crate::record) fn of_publication(sighting: Sighting<'a>) -> DecisionRecord<'a> {
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
            observed: None,
            inputs: None,
        }
    }

    /// The record of what we tell a caller about itself: nothing is forwarded, so there is no outcome.
    pub(in crate::record) fn of_own(
        sighting: Sighting<'a>,
        principal: &'a Principal,
        key: &FingerprintKey,
    ) -> DecisionRecord<'a> {
        DecisionRecord {
            decision: "own",
            asker: Some(Asker::of(principal, key)),
            ..DecisionRecord::of_publication(sighting)
        }
    }

    /// Renders the record into a buffer, which is emptied first: what is personal under this salt,
    /// then the leaf with its digest.
    pub fn render(&self, constants: &Constants, salt: &Salt, out: &mut Rendered) {
        let personal = self.disclose(salt, &mut out.bytes);
        out.leaf_at = out.bytes.len();
        let seen = &self.sighting;
        let asker = self.asker.as_ref();
        let entry = self.operation.map(|operation| &operation.entry);
        let mut line = Line::behind(&mut out.bytes);
        line.text_if("activity", entry.map(|e| e.class.word()), WORD);
        line.text_if("alg", asker.map(|a| a.algorithm), WORD);
        line.rendered("boot", &constants.boot);
        if let Some(claims) = asker.map(|a| &a.claims).filter(|c| !c.is_empty()) {
            let claims = claims.iter().map(|(name, value)| (*name, value));
            line.map("claims", claims, MANY);
        }
        line.rendered("config", &constants.config);
        line.text_if("cred", asker.map(Asker::credential), WORD);
        line.cut_goes_here();
        line.text("decision", self.decision, WORD);
        line.text_if("host", seen.host, NAME);
        line.plain("id", seen.id.hyphenated());
        if let Some(inputs) = &self.inputs {
            inputs.render(&mut line);
        }
        line.text_if("issuer", asker.map(|a| a.issuer), LONG_NAME);
        line.text_if("kid", asker.and_then(|a| a.key_id), NAME);
        line.text("kind", "decision", WORD);
        line.text("level", self.level.word(), WORD);
        line.rendered("log", &constants.log);
        line.text_if("method", seen.method, WORD);
        line.count("mono", seen.mono_ns / 1000);
        line.text_if("op", entry.map(|e| e.action.as_str()), NAME);
        line.text_if("path", seen.path, PATH);
        line.hex("personal", &personal, NAME);
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
        if let Some(asker) = asker.filter(|asker| !asker.is_human()) {
            line.text("subject", asker.subject, LONG_NAME);
        }
        line.text_if("subject_kind", asker.map(Asker::kind), WORD);
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
        line.count("v", FORMAT);
        line.rendered("version", &constants.version);
        if let Some(observed) = self.observed {
            line.text("would", observed.verdict.word(), WORD);
            let policies = observed.policies.iter().map(String::as_str);
            if !observed.policies.is_empty() {
                line.texts("would_by", policies, SOME);
            }
        }
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
    let client = tls.client_certificate.as_ref();
    let client = client.map(|shown| hex(&shown.digest));
    let members = [
        ("alpn", tls.alpn.as_deref().map(serde_json::Value::from)),
        ("client_certificate", client.map(serde_json::Value::from)),
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
