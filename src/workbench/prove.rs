//! Proves claims about a policy set, or refutes them with a request that somebody could send.
//!
//! In: a loaded set, its catalogue, the claims of `invariants.yaml`. Out: a [`Finding`] for each:
//! it holds, it is broken by a [`Refutation`], or why it could not be found out.
//!
//! With a solver, all requests are covered at once: every text, every minute, every group that a
//! token can come to, for each kind of caller, action and resource. Without one, one representative
//! of each class is asked that policies can tell apart; that is a search and no proof, and the
//! finding says which it was.
//!
//! Whatever refutes has been put to the one judge, which allowed it. What the solver found and the
//! judge does not allow refutes nothing, and then the claim is not proved either.
//!
//! Never: a decision computed another way; a claim called proved because nobody looked.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::authorize::{Claim, Invariant, Moment, Policies, Region, Vouching};
use crate::resolve::Catalogue;

mod by_classes;
mod by_solver;
mod found;
mod kinds;
mod names;
mod plainer;
mod refutation;
mod solver;

pub use refutation::Refutation;
pub use solver::SolverSettings;

use by_solver::BySolver;
use names::Names;

/// What claims are proved about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The set.
    pub policies: &'a Policies,
    /// What can be asked for.
    pub catalogue: &'a Catalogue,
    /// Whose tokens are of jobs, and whose are of people and agents.
    pub vouching: &'a Vouching,
    /// The usual moment, for classes.
    pub now: Moment,
    /// The sets that `nothing_beyond` names.
    pub beyond: &'a BTreeMap<String, Policies>,
}

/// What was found out about one claim.
#[derive(Debug)]
pub struct Finding {
    /// The invariant's name.
    pub name: String,
    /// Its claim as a sentence.
    pub says: String,
    /// Whether it holds.
    pub outcome: Outcome,
    /// How that was found out.
    pub by: By,
    /// How many kinds of requests, or representatives, it is about.
    pub covered: usize,
    /// What was left out, in sentences.
    pub uncovered: Vec<String>,
    /// How long that took.
    pub took: Duration,
}

/// Whether a claim holds.
#[derive(Debug)]
pub enum Outcome {
    /// It does, as far as [`By`] says.
    Holds,
    /// It does not: the judge allows this.
    Broken(Box<Refutation>),
    /// It could not be found out.
    Unknown(String),
}

/// How it was found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// By a solver, for all requests.
    Proof,
    /// By asking representatives.
    Search,
}

/// How far it is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// The claim.
    pub name: &'a str,
    /// Kinds of requests that are done, over all claims.
    pub done: usize,
    /// How many there are.
    pub total: usize,
}

/// Finds out about each claim, in order. Without a solver by search; `Err` says why a solver that was
/// asked for does not answer.
///
/// # Errors
///
/// The solver cannot be started, or is none.
pub fn prove(
    subject: Subject<'_>,
    claims: &[&Invariant],
    solver: Option<SolverSettings>,
    watch: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Vec<Finding>, String> {
    on_a_deep_stack(move || {
        let names = Names::of(subject.policies.world());
        let mut watching = Watching {
            watch,
            done: 0,
            total: claims
                .iter()
                .map(|claim| kinds::of(subject, claim).len())
                .sum(),
        };
        let Some(settings) = solver else {
            let findings = claims.iter().map(|claim| {
                let began = Instant::now();
                let finding = by_classes::search(subject, claim, &names);
                watching.on(&claim.name, kinds::of(subject, claim).len());
                Finding {
                    took: began.elapsed(),
                    ..finding
                }
            });
            return Ok(findings.collect());
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|why| why.to_string())?;
        runtime.block_on(async {
            let mut prover = BySolver::start(subject, claims, settings, &names).await?;
            let mut findings = Vec::new();
            for claim in claims {
                findings.push(prover.finding(claim, &mut watching).await);
            }
            Ok(findings)
        })
    })
}

/// Counts what is done.
struct Watching<'a> {
    watch: &'a mut (dyn FnMut(Progress<'_>) + Send),
    done: usize,
    total: usize,
}

impl Watching<'_> {
    fn on(&mut self, name: &str, by: usize) {
        self.done += by;
        (self.watch)(Progress {
            name,
            done: self.done,
            total: self.total,
        });
    }
}

/// The region of a claim, where it has one.
fn region(claim: &Invariant) -> Option<&Region> {
    match &claim.claim {
        Claim::Never(region) => Some(region),
        Claim::NothingBeyond(_) => None,
    }
}

/// Runs the work on a thread with room: terms of many policies are deep.
fn on_a_deep_stack<T: Send>(work: impl FnOnce() -> Result<T, String> + Send) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("prove".to_owned())
            .stack_size(DEEP_STACK);
        match thread.spawn_scoped(scope, work) {
            Ok(running) => running
                .join()
                .unwrap_or_else(|_| Err("the prover failed".to_owned())),
            Err(why) => Err(why.to_string()),
        }
    })
}

const DEEP_STACK: usize = 256 << 20;
