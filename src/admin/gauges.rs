//! Puts the states that are read off elsewhere onto the metrics page.
//!
//! In: the pipeline, the index, what leaves, when the page is asked for. Out: gauges in the registry.

use crate::authorize::Mode;
use crate::identify::Freshness;
use crate::index::UpkeepState;
use crate::leave::LeaveState;
use crate::pipeline::Pipeline;

/// Draws them.
pub(super) fn gauges(pipeline: &Pipeline, index: Option<UpkeepState>, leaving: &[LeaveState]) {
    let (metrics, journal) = (pipeline.metrics(), pipeline.journal().state());
    metrics.leaving(leaving, journal.next_seq);
    if let Some(index) = index {
        metrics.set(
            "stile_index_behind_records",
            "Records of the journal that are not in the index yet.",
            journal.next_seq.saturating_sub(index.next_seq),
        );
        metrics.set(
            "stile_index_failing",
            "1 while the index cannot be filled.",
            u64::from(index.fault.is_some()),
        );
    }
    metrics.set(
        "stile_journal_records",
        "Records in the journal.",
        journal.next_seq,
    );
    metrics.set(
        "stile_journal_waiting",
        "Records waiting for the writer.",
        count(journal.waiting),
    );
    metrics.set(
        "stile_journal_syncs",
        "Calls of fdatasync since the start.",
        journal.syncs,
    );
    metrics.set(
        "stile_audit_records_lost_total",
        "Places where records that the disk confirmed could not be read back: always 0, or the disk \
         lied.",
        journal.lost,
    );
    metrics.set(
        "stile_audit_shared_answers_total",
        "Refusals of strangers that shared a record, under a declared flood.",
        journal.shared_refusals,
    );
    metrics.set(
        "stile_audit_flood",
        "1 while a flood of refusals of strangers is declared.",
        u64::from(pipeline.journal().is_flooded()),
    );
    let key_sets = pipeline.ruling().issuers.states();
    metrics.key_sets(&key_sets);
    let keyless = (key_sets.iter())
        .filter(|s| !matches!(s.freshness, Freshness::Fresh | Freshness::File))
        .count();
    let tree = pipeline.journal().tree();
    metrics.set(
        "stile_tree_lag_records",
        "Records that the newest checkpoint does not cover.",
        journal.next_seq.saturating_sub(tree.signed),
    );
    metrics.set(
        "stile_exposure_window_seconds",
        "How much of the newest past the host could still change unseen.",
        tree.exposure_ms / 1000,
    );
    for anchor in tree.anchors {
        metrics.anchor(
            &anchor.name,
            anchor.answered_ms.map_or(0, |ms| ms / 1000),
            anchor.conflict,
        );
    }
    metrics.set(
        "stile_issuers_not_fresh",
        "Issuers whose keys are stale or missing.",
        count(keyless),
    );
    let policies = &pipeline.ruling().policies;
    metrics.set(
        "stile_mode_observe",
        "1 while a missing permission lets pass (mode: observe).",
        u64::from(policies.mode() == Mode::Observe),
    );
    metrics.set(
        "stile_policies_observed",
        "Policies that are only tried.",
        count(policies.observed().count()),
    );
    let upstreams = pipeline.ruling().upstreams.states();
    metrics.upstreams(&upstreams, pipeline.journal().now());
    let in_flight = upstreams.iter().map(|s| s.in_flight).sum();
    metrics.set(
        "stile_upstreams_resting",
        "Upstreams that are left alone, because they did not answer again and again.",
        count(upstreams.iter().filter(|s| s.resting).count()),
    );
    metrics.set(
        "stile_requests_in_flight",
        "Requests at the upstreams.",
        count(in_flight),
    );
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
