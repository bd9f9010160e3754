//! Proves a claim kind by kind, with a solver.
//!
//! In: a claim. Out: that no request of any kind breaks it, or one that the judge says does.
//!
//! For each kind of requests the set, with what cannot be forbidden in it, and the claim's region
//! become one question: is there a request that both allow? Most are answered while they are put,
//! since no rule is about such a kind; the solver gets the others.

use std::collections::BTreeMap;
use std::time::Instant;

use cedar_policy as cedar;
use cedar_policy_symcc::CompiledPolicySet;

use super::by_classes::{refuted, search};
use super::found::Sketch;
use super::kinds::{self, Kind};
use super::names::Names;
use super::solver::{Solver, SolverSettings, Whether};
use super::{By, Finding, Outcome, Subject, Watching, region};
use crate::authorize::{Claim, Invariant, Policies, Provable};

/// A prover with its solver.
#[derive(Debug)]
pub(super) struct BySolver<'a> {
    subject: Subject<'a>,
    names: &'a Names,
    provable: Provable,
    others: BTreeMap<&'a str, Provable>,
    solver: Solver,
    compiled: BTreeMap<Kind, CompiledPolicySet>,
}

impl<'a> BySolver<'a> {
    pub(super) async fn start(
        subject: Subject<'a>,
        claims: &[&Invariant],
        settings: SolverSettings,
        names: &'a Names,
    ) -> Result<BySolver<'a>, String> {
        let solver = Solver::start(settings).await?;
        let regions = claims.iter().filter_map(|claim| region(claim));
        let mut beside: Vec<cedar::PolicySet> = regions.map(|region| region.set.clone()).collect();
        for other in subject.beyond.values() {
            beside.push(other.filled().ok_or(NOT_HANDED)?);
        }
        beside.extend(subject.policies.filled());
        let provable = |policies: &Policies| {
            policies
                .provable(subject.vouching, &beside)
                .ok_or(NOT_HANDED)
        };
        let mut others = BTreeMap::new();
        for (name, other) in subject.beyond {
            others.insert(name.as_str(), provable(other)?);
        }
        Ok(BySolver {
            provable: provable(subject.policies)?,
            others,
            subject,
            names,
            solver,
            compiled: BTreeMap::new(),
        })
    }

    /// What was found out about one claim.
    pub(super) async fn finding(
        &mut self,
        claim: &Invariant,
        watching: &mut Watching<'_>,
    ) -> Finding {
        let began = Instant::now();
        if let Some(why) = self.not_comparable(claim) {
            let mut finding = search(self.subject, claim, self.names);
            watching.on(&claim.name, kinds::of(self.subject, claim).len());
            finding.uncovered.push(why);
            finding.took = began.elapsed();
            return finding;
        }
        let kinds = kinds::of(self.subject, claim);
        let mut outcome = Outcome::Holds;
        let mut covered = 0;
        for (index, kind) in kinds.iter().enumerate() {
            match self.about(claim, kind).await {
                Ok(None) => covered += 1,
                Ok(Some(broken @ Outcome::Broken(_))) => {
                    outcome = broken;
                    watching.on(&claim.name, kinds.len() - index);
                    break;
                }
                Ok(Some(other)) => outcome = other,
                Err(why) => outcome = Outcome::Unknown(why),
            }
            watching.on(&claim.name, 1);
        }
        Finding {
            name: claim.name.clone(),
            says: claim.says.clone(),
            outcome,
            by: By::Proof,
            covered,
            uncovered: Vec::new(),
            took: began.elapsed(),
        }
    }

    /// Why a solver cannot compare two sets: it sees names, and the judge sees who bears them.
    fn not_comparable(&self, claim: &Invariant) -> Option<String> {
        let Claim::NothingBeyond(name) = &claim.claim else {
            return None;
        };
        let other = self.subject.beyond.get(name)?;
        let same = self.subject.policies.is_about_the_same_as(other);
        (!same).then(|| {
            format!(
                "a proof: directory.yaml, the actions or the bindings of org-admin are not those of \
                 {name}"
            )
        })
    }

    /// Whether requests of one kind keep the claim.
    async fn about(&mut self, claim: &Invariant, kind: &Kind) -> Result<Option<Outcome>, String> {
        let told = |why: &dyn std::fmt::Display| format!("{} for {}: {why}", kind.action, kind.who);
        let environment = environment(kind).ok_or_else(|| told(&"it has no name in Cedar"))?;
        let schema = self.subject.policies.cedar_schema();
        let compiled = match self.compiled.get(kind) {
            Some(compiled) => compiled,
            None => {
                let set = self.provable.policies(kind.class, kind.within);
                let set = set.ok_or_else(|| told(&"two policies have one name"))?;
                let compiled = CompiledPolicySet::compile(&set, &environment, schema);
                let compiled = compiled.map_err(|why| told(&why))?;
                self.compiled.entry(kind.clone()).or_insert(compiled)
            }
        };
        let compile = |set: &cedar::PolicySet| {
            CompiledPolicySet::compile(set, &environment, schema).map_err(|why| told(&why))
        };
        let found = match &claim.claim {
            Claim::Never(region) => {
                let region = compile(&region.set)?;
                self.solver.find(Whether::Both(compiled, &region)).await
            }
            Claim::NothingBeyond(other) => {
                let other = self.others.get(other.as_str());
                let other = other.and_then(|other| other.policies(kind.class, kind.within));
                let other = compile(&other.ok_or_else(|| told(&"there is nothing to compare"))?)?;
                self.solver.find(Whether::FirstOnly(compiled, &other)).await
            }
        };
        let Some(found) = found.map_err(|why| told(&why))? else {
            return Ok(None);
        };
        let sketches = Sketch::of(&found.request, &found.entities, self.names);
        let mut each = sketches.iter().cloned();
        let refutation = each.find_map(|sketch| refuted(self.subject, claim, sketch, self.names));
        Ok(Some(match refutation {
            Some(refutation) => Outcome::Broken(Box::new(refutation)),
            None => {
                let found = format!("{} {:?}", found.request, sketches.first());
                Outcome::Unknown(told(&format!(
                    "the solver found a request that the judge does not allow: {found}"
                )))
            }
        }))
    }
}

fn environment(kind: &Kind) -> Option<cedar::RequestEnv> {
    let action: cedar::EntityTypeName = "Action".parse().ok()?;
    let action =
        cedar::EntityUid::from_type_name_and_id(action, cedar::EntityId::new(&kind.action));
    Some(cedar::RequestEnv::new(
        kind.who.parse().ok()?,
        action,
        kind.on.parse().ok()?,
    ))
}

const NOT_HANDED: &str = "the policies cannot be handed to a solver";
