//! Asks an SMT solver, the program cvc5, whether a question about policies has an answer.
//!
//! In: where the program is, how long one question may take, compiled policies. Out: proof, a
//! request that refutes, or why neither.
//!
//! The program is started once and told to begin anew for each question. It is killed with this
//! value, and after a question that it did not answer in time; the next one starts another.
//!
//! Never: an answer out of doubt. What the solver says besides `sat` and `unsat` is no proof.

use std::path::PathBuf;
use std::time::Duration;

use cedar_policy_symcc::solver::LocalSolver;
use cedar_policy_symcc::{CedarSymCompiler, CompiledPolicySet, Env, err::Error};
use tokio::process::Command;

/// Which solver, and how long it may take.
#[derive(Clone, Debug)]
pub struct SolverSettings {
    /// The program: a path, or a name that the machine's search path finds.
    pub program: PathBuf,
    /// The longest time for one question.
    pub patience: Duration,
}

/// A solver that runs, or will when it is asked.
#[derive(Debug)]
pub(super) struct Solver {
    settings: SolverSettings,
    running: Option<CedarSymCompiler<LocalSolver>>,
}

/// Whether two sets allow something both, or one what the other does not.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whether<'a> {
    /// Some request is allowed by both.
    Both(&'a CompiledPolicySet, &'a CompiledPolicySet),
    /// Some request is allowed by the first and not by the second.
    FirstOnly(&'a CompiledPolicySet, &'a CompiledPolicySet),
}

impl Solver {
    /// A solver that answers; an easy question shows that it does.
    pub(super) async fn start(settings: SolverSettings) -> Result<Solver, String> {
        let mut solver = Solver {
            settings,
            running: None,
        };
        solver.greet().await.map(|()| solver)
    }

    /// A request that makes it so, or none when there is no such request.
    pub(super) async fn find(&mut self, whether: Whether<'_>) -> Result<Option<Env>, String> {
        let patience = self.settings.patience;
        let compiler = self.compiler()?;
        let asking = async {
            match whether {
                Whether::Both(one, other) => {
                    compiler
                        .check_disjoint_with_counterexample_opt(one, other)
                        .await
                }
                Whether::FirstOnly(one, other) => {
                    compiler
                        .check_implies_with_counterexample_opt(one, other)
                        .await
                }
            }
        };
        match tokio::time::timeout(patience + GRACE, asking).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(Error::SolverUnknown)) => Err(format!(
                "the solver did not know within {} s",
                patience.as_secs_f32()
            )),
            Ok(Err(why)) => {
                self.running = None; // what it was told in part must not be in the next question
                Err(why.to_string())
            }
            Err(_) => {
                self.running = None;
                Err(format!("no answer within {} s", patience.as_secs_f32()))
            }
        }
    }

    /// Asks what every solver knows, so that a program that is none is noticed at once.
    async fn greet(&mut self) -> Result<(), String> {
        use cedar_policy_symcc::solver::{Decision, Solver as _};
        let program = self.settings.program.display().to_string();
        let compiler = self.compiler()?;
        let answer = tokio::time::timeout(GREETING, compiler.solver_mut().check_sat()).await;
        let said = match answer {
            Ok(Ok(Decision::Sat)) => return Ok(()),
            Ok(Ok(other)) => format!("it answers {other:?} to nothing"),
            Ok(Err(why)) => why.to_string(),
            Err(_) => format!("it says nothing within {} s", GREETING.as_secs()),
        };
        Err(format!("`{program}` is no solver: {said}"))
    }

    fn compiler(&mut self) -> Result<&mut CedarSymCompiler<LocalSolver>, String> {
        if self.running.is_none() {
            let mut command = Command::new(&self.settings.program);
            command
                .args(["--lang", "smt"])
                .arg(format!(
                    "--tlimit-per={}",
                    self.settings.patience.as_millis()
                ))
                .kill_on_drop(true);
            let program = self.settings.program.display();
            let gone =
                |why: &dyn std::fmt::Display| format!("`{program}` cannot be started: {why}");
            let solver = LocalSolver::from_command(&mut command).map_err(|why| match why {
                cedar_policy_symcc::err::SolverError::Io(why) => gone(&why),
                other => gone(&other),
            })?;
            self.running = Some(CedarSymCompiler::new(solver).map_err(|why| gone(&why))?);
        }
        let lost = || "the solver is gone".to_owned();
        self.running.as_mut().ok_or_else(lost)
    }
}

/// How much longer than it was given the solver may take to notice.
const GRACE: Duration = Duration::from_secs(2);

/// How long a program may take to start.
const GREETING: Duration = Duration::from_secs(20);
