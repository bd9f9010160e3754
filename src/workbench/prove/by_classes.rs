//! Looks for a request that breaks a claim among the representatives of all classes.
//!
//! In: a claim. Out: the first representative that the judge allows against it, or that there is
//! none, with how many there were and what the classes leave out.
//!
//! What the claim itself compares with tells classes apart too, beside what policies compare with.

use super::found::Sketch;
use super::names::Names;
use super::plainer::plainer;
use super::refutation::{Refutation, requests};
use super::{By, Finding, Outcome, Subject, region};
use crate::authorize::{Answer, Claim, Invariant, Posed, Region, Verdict};
use crate::workbench::Classes;

/// What the classes tell.
pub(super) fn search(subject: Subject<'_>, claim: &Invariant, names: &Names) -> Finding {
    let mut world = subject.policies.world();
    let mut worlds = Vec::new();
    match &claim.claim {
        Claim::Never(region) => world.literals.extend(region.literals()),
        Claim::NothingBeyond(other) => {
            worlds.extend(subject.beyond.get(other).map(|other| other.world()));
        }
    }
    worlds.push(world);
    let mut classes = Classes::of(&worlds, subject.now);
    match region(claim) {
        Some(region) => narrow(&mut classes, region),
        None => classes = classes.without_unchanged(&worlds),
    }
    let mut outcome = Outcome::Holds;
    let mut covered = 0;
    for (caller, ask) in classes.each() {
        covered += 1;
        if breaks(subject, claim, &ask.posed(caller)).is_none() {
            continue;
        }
        // Representatives have an id everywhere; what a request can say is the catalogue's to tell.
        let found = ask.actions.iter().find_map(|action| {
            let sketch = Sketch {
                facts: caller.facts.clone(),
                action: action.clone(),
                resource: ask.resource.clone(),
                owner: ask.owner.clone(),
                ticket: caller.ticket.clone(),
                moment: caller.moment,
            };
            refuted(subject, claim, sketch, names)
        });
        if let Some(refutation) = found {
            outcome = Outcome::Broken(Box::new(refutation));
            break;
        }
    }
    Finding {
        name: claim.name.clone(),
        says: claim.says.clone(),
        outcome,
        by: By::Search,
        covered,
        uncovered: classes.uncovered(),
        took: std::time::Duration::ZERO,
    }
}

/// Leaves out what the region is not about.
fn narrow(classes: &mut Classes, region: &Region) {
    classes.kinds.retain(|kind| region.who.contains(&kind.name));
    for kind in &mut classes.kinds {
        kind.asks.retain_mut(|ask| {
            ask.actions.retain(|action| region.actions.contains(action));
            !ask.actions.is_empty()
        });
    }
}

/// The judge's answer to a question that breaks a claim.
pub(super) fn breaks(subject: Subject<'_>, claim: &Invariant, posed: &Posed<'_>) -> Option<Answer> {
    match &claim.claim {
        Claim::Never(region) => subject.policies.broken(region, posed),
        Claim::NothingBeyond(other) => {
            let answer = subject.policies.weigh(posed);
            let before = subject.beyond.get(other)?.weigh(posed);
            let allows = |answer: &Answer| answer.verdict == Verdict::Allow;
            (allows(&answer) && !allows(&before)).then_some(answer)
        }
    }
}

/// A sketch as a refutation, made plain; none where the judge does not agree or no request asks for
/// it.
pub(super) fn refuted(
    subject: Subject<'_>,
    claim: &Invariant,
    sketch: Sketch,
    names: &Names,
) -> Option<Refutation> {
    let request = |sketch: &Sketch| {
        let mut requests = requests(subject, sketch).into_iter();
        requests.find(|(named, _)| breaks(subject, claim, &named.posed()).is_some())
    };
    let (named, _) = request(&sketch)?;
    let plain = plainer(named, names, |sketch| request(sketch).is_some());
    let (named, request) = request(&plain)?;
    let answer = breaks(subject, claim, &named.posed())?;
    Some(Refutation::of(&named, request, answer, names))
}
