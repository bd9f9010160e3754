//! One generation of policies: loaded whole, decides everything, is swapped whole.
//!
//! In: the policy folder and the catalogue's entries; then facts and operations. Out: a
//! [`Decision`], a [`Permit`] or a [`Denied`].
//!
//! Loading runs on a thread with a stack of its own, since Cedar's parser and validator recurse.
//! Decisions are kept for their minute under everything that they depend on: the token, the entry,
//! the resource, the minute; and only inside one generation. A kept decision is used only for the
//! same facts.
//!
//! Never: loaded while a case fails. A panic, a lock or a system call on the way of a request.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use moka::sync::Cache;

use super::assemble::{self, Assembled, Source};
use super::because::{Audience, Listening, Told};
use super::bindings::Binding;
use super::decision::{Decision, Verdict};
use super::entities::Question;
use super::judge::{Judge, Ruling};
use super::kept::{Kept, Key};
use super::lint::{self, Finding};
use super::matrix;
use super::moment::Moment;
use super::permit::Permit;
use super::reads::Reads;
use super::schema::kind_of;
use super::settings::{Explain, Mode, PolicySettings};
use super::shown::{self, Shown};
use super::spread::on_a_deep_stack;
use super::testing::{self, Report};
use crate::clock::Time;
use crate::identify::{Facts, Principal};
use crate::refusal::Refusal;
use crate::resolve::{Class, Entry, Operation};
use crate::setup_error::SetupError;

pub use self::items::Reading;

mod items;
mod owner;
mod past;
mod permitted;

/// A policy set that decides.
#[derive(Debug)]
pub struct Policies {
    set: Assembled,
    digest: Arc<str>,
    as_of: Time,
    cases: usize,
    explain: Explain,
    mode: Mode,
    kept: Cache<Key, Kept>,
    named: OnceLock<items::Named>,
}

/// A request that policies do not allow, with all that the record wants of it.
#[derive(Debug)]
pub struct Denied {
    /// What the caller is told: `policy_denied` or `policy_error`.
    pub refusal: Refusal,
    /// Who asked.
    pub principal: Arc<Principal>,
    /// What for.
    pub operation: Operation,
    /// What the policies said.
    pub decision: Decision,
}

impl Policies {
    /// Loads the folder: everything parsed, validated and tested, or every fault there is.
    ///
    /// `as_of` only tells which bindings are about to expire; see [`Policies::findings`].
    pub fn load(
        settings: &PolicySettings,
        entries: &[Arc<Entry>],
        as_of: Time,
    ) -> Result<Policies, Vec<SetupError>> {
        on_a_deep_stack(|| {
            let mut policies = Policies::assembled(settings, entries, as_of)?;
            let report = Report {
                cases: testing::outcomes(&policies.set),
                ..Report::default()
            };
            policies.cases = report.cases.len();
            match report.passed() {
                true => Ok(policies),
                false => Err(report.faults()),
            }
        })
    }

    /// Loads the folder without running its cases: for `stile test`, which reports them, and for
    /// nothing that serves.
    pub fn load_untested(
        settings: &PolicySettings,
        entries: &[Arc<Entry>],
        as_of: Time,
    ) -> Result<Policies, Vec<SetupError>> {
        on_a_deep_stack(|| Policies::assembled(settings, entries, as_of))
    }

    /// The Cedar schema that the folder's directory and these entries make.
    pub fn schema(
        settings: &PolicySettings,
        entries: &[Arc<Entry>],
    ) -> Result<String, Vec<SetupError>> {
        on_a_deep_stack(|| assemble::schema_text(settings, entries))
    }

    fn assembled(
        settings: &PolicySettings,
        entries: &[Arc<Entry>],
        as_of: Time,
    ) -> Result<Policies, Vec<SetupError>> {
        let set = assemble::assemble(settings, entries)?;
        Ok(Policies {
            digest: Arc::from(set.folder.digest()),
            as_of,
            cases: 0,
            explain: settings.explain,
            mode: settings.mode,
            kept: Cache::builder()
                .max_capacity(MOST_KEPT)
                .time_to_live(Duration::from_secs(120))
                .build(),
            named: OnceLock::new(),
            set,
        })
    }

    /// Whether these facts may do this now: the one judge.
    pub fn decide(&self, facts: &Facts, operation: &Operation, now: Time) -> Decision {
        self.judged(facts, operation, now).0
    }

    /// What of a question this set can tell apart.
    pub fn reads(&self) -> Reads {
        Reads::of(self.set.judge.index.policies())
    }

    /// Turns who asks and what for into the proof that they may, or into the reason why not.
    ///
    /// # Errors
    ///
    /// A [`Denied`] with `policy_denied` or `policy_error`, explained; boxed, as it is large.
    pub fn authorize(
        &self,
        principal: Arc<Principal>,
        operation: Operation,
        now: Time,
    ) -> Result<Permit, Box<Denied>> {
        let key = Key {
            token: *principal.digest(),
            entry: operation.entry.clone(),
            id: operation.resource.id.clone(),
            kind: operation.resource.kind.clone(),
            project: operation.resource.project.clone(),
            minute: now.as_secs() / 60,
            seen: operation.seen.clone(),
        };
        let kept = self.kept.get(&key).filter(|kept| kept.is_of(&principal));
        let kept = kept.unwrap_or_else(|| {
            let (decision, sentence) = self.judged(principal.facts(), &operation, now);
            let fresh = Kept {
                of: principal.clone(),
                policies: decision.policies.clone().into(),
                decision: Arc::new(decision),
                sentence: sentence.map(Arc::from),
                places: self.judge().directory.places_of(principal.facts()).into(),
            };
            self.kept.insert(key, fresh.clone());
            fresh
        });
        match kept.decision.verdict {
            Verdict::Allow => Ok(Permit {
                principal,
                operation,
                policies: kept.policies,
                policy_set: self.digest.clone(),
                at: kept.decision.at.clone(),
                observed: kept.decision.observed.clone(),
                places: kept.places,
            }),
            Verdict::Deny | Verdict::Error => Err(Box::new(Denied {
                refusal: kept.refusal(self.explain),
                principal,
                operation,
                decision: Decision::clone(&kept.decision),
            })),
        }
    }

    /// The digest over all files of the folder: `sha256:` and 64 hex digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// When it was loaded.
    pub fn loaded(&self) -> Time {
        self.as_of
    }

    /// How many cases it passed when it was loaded.
    pub fn cases(&self) -> usize {
        self.cases
    }

    /// The digest for people: 7 hex digits.
    pub fn short_digest(&self) -> &str {
        self.digest.get(7..14).unwrap_or(&self.digest)
    }

    /// What loads and is still dangerous at the time of the load; for `stile check`, not for what serves.
    pub fn findings(&self) -> Vec<Finding> {
        let of = |time| Moment::of(time, &self.set.judge.zone);
        let soon = of(self.as_of.plus_ms(SOON_MS));
        lint::findings(&self.set, of(self.as_of), soon)
    }

    /// The minute of the load, by the clock that policies read.
    pub(super) fn loaded_at(&self) -> Moment {
        Moment::of(self.as_of, &self.set.judge.zone)
    }

    /// What `binding:NAME`, `rule:ID` or `role:NAME` stands for.
    ///
    /// # Errors
    /// There is no such name; the nearest is told.
    pub fn shown(&self, name: &str) -> Result<Shown, SetupError> {
        shown::shown(&self.set, name)
    }

    /// What a missing permission leads to.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The policies that are only tried, by id.
    pub fn observed(&self) -> impl Iterator<Item = &str> {
        let tried = self
            .set
            .sources
            .iter()
            .filter(|(_, source)| source.observed);
        tried.map(|(id, _)| id.as_str())
    }

    /// Every policy's id: rules, guardrails, bindings.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.set.sources.keys().map(String::as_str)
    }

    /// Runs the folder's cases and reports; takes a moment, and is not for the way of a request.
    pub fn report(&self) -> Report {
        testing::report(&self.set)
    }

    /// What the tokens of the cases may do: the text of `tests/who.golden`.
    pub fn matrix(&self) -> String {
        matrix::matrix(&self.set)
    }

    fn judged(
        &self,
        facts: &Facts,
        operation: &Operation,
        now: Time,
    ) -> (Decision, Option<String>) {
        let question = self.question_now(facts, operation, now);
        // What others did is shown to nobody because rules are still being looked for.
        let mode = match operation.entry.class {
            Class::Look => Mode::Enforce,
            _ => self.mode,
        };
        self.answered_through(&question, operation.seen.as_deref(), mode)
    }

    pub(super) fn question_now<'a>(
        &'a self,
        facts: &'a Facts,
        operation: &'a Operation,
        now: Time,
    ) -> Question<'a> {
        let entry = &operation.entry;
        let resource = &operation.resource;
        let kind = kind_of(&entry.resource_type, entry.names_one);
        Question {
            facts,
            action: &entry.action,
            class: entry.class,
            kind,
            resource,
            owner: self.owner_of(kind, resource, operation.seen.as_deref()),
            ticket: None, // break-glass comes with its own step
            moment: Moment::of(now, &self.set.judge.zone),
        }
    }

    pub(super) fn answered(
        &self,
        question: &Question<'_>,
        mode: Mode,
    ) -> (Decision, Option<String>) {
        let judge = &self.set.judge;
        let ruling = judge.rule(question);
        let verdict = match mode {
            Mode::Observe if ruling.is_only_unmet() => Verdict::Allow,
            Mode::Observe | Mode::Enforce => ruling.verdict,
        };
        let would = judge.rule_by_all(question);
        let observed = would.as_ref().unwrap_or(&ruling).observed(verdict);
        let told =
            (verdict != Verdict::Allow).then(|| self.told(question, &ruling, Audience::Callers));
        let (explanation, sentence) = match told {
            Some(told) => (Some(told.explanation), Some(told.sentence)),
            None => (None, None),
        };
        let decision = Decision {
            verdict,
            policies: ruling.policies,
            errors: ruling.errors,
            explanation,
            at: question.moment.written().into(),
            observed: observed.map(Arc::new),
        };
        (decision, sentence)
    }
}

impl Policies {
    /// The one judge, for what asks it besides requests.
    pub(super) fn judge(&self) -> &Judge {
        &self.set.judge
    }

    /// Every role with its actions and action groups.
    pub(super) fn roles(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.set.roles.each()
    }

    /// The bindings, in the order of their file.
    pub(super) fn bindings(&self) -> &[Binding] {
        &self.set.bindings
    }

    /// Everything that was loaded.
    pub(super) fn set(&self) -> &Assembled {
        &self.set
    }

    /// Where each policy is written, by id.
    pub(super) fn sources(&self) -> &BTreeMap<String, Source> {
        &self.set.sources
    }

    /// Why a ruling is not an allow.
    pub(super) fn told(
        &self,
        question: &Question<'_>,
        ruling: &Ruling,
        audience: Audience,
    ) -> Told {
        let listening = Listening {
            directory: &self.set.judge.directory,
            authorizer: &self.set.judge.authorizer,
            policy_set: &self.digest,
            audience,
        };
        self.set.because.explain(question, ruling, &listening)
    }
}

const SOON_MS: u64 = 14 * 24 * 3600 * 1000;
const MOST_KEPT: u64 = 20_000;
