//! Stamps telemetry on its way to an upstream that asks for it.
//!
//! In: a [`Committed`] and its body. Out: the upstream's answer to the stamped body; or a refusal,
//! and then nothing was sent.

use http::Response;

use super::carried::Carried;
use super::ruling::Ruling;
use crate::forward::{ResponseBody, Unanswered, Upstreams};
use crate::record::Committed;
use crate::resolve::Speech;
use crate::stamp::{self, VersionRule};

/// How this request is stamped, if it is.
pub(super) fn rule_of(ruling: &Ruling, committed: &Committed) -> Option<VersionRule> {
    let entry = &committed.permit().operation().entry;
    let telemetry = entry.speech == Speech::Otlp;
    ruling.stamps.rule_of(&entry.upstream).filter(|_| telemetry)
}

/// Stamps it and sends it.
pub(super) async fn forward(
    ruling: &Ruling,
    rule: VersionRule,
    committed: Committed,
    body: Carried,
) -> Result<Response<ResponseBody>, Box<Unanswered>> {
    let stamped = stamp::read_and_stamp(
        &ruling.stamps,
        rule,
        committed.permit().principal(),
        committed.arrival(),
        committed.permit().operation().entry.body_bytes,
        body,
    );
    match stamped.await {
        Ok(stamped) => ruling.upstreams.forward_stamped(committed, stamped).await,
        Err(refusal) => Err(Upstreams::keep_back(committed, refusal)),
    }
}
