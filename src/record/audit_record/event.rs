//! The record of something that happened to stile itself.
//!
//! In: a [`Note`] of the closed list and its details. Out: its line.

use crate::clock::Time;
use crate::record::render::Line;

use super::{Constants, FORMAT, MANY, PRODUCT, WORD};

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
    /// From here on refusals of requests without a verified identity share records.
    FloodBegin,
    /// From here on each has its own again.
    FloodEnd,
    /// Records are missing or unreadable here, and an operator accepted that.
    Gap,
    /// This log goes on where another one was.
    Fork,
    /// An issuer's keys could not be fetched.
    KeysFailed,
    /// An issuer's keys are others than before, or others of them are used.
    KeysChanged,
    /// Another list of blocked keys is in force.
    KeysBlocked,
    /// A provider told that somebody is ended, disabled or enabled, or something else of people.
    NoticeTaken,
    /// Others are ended or blocked than before.
    EndingsChanged,
    /// Another key signs the checkpoints behind this record.
    KeyRotate,
    /// What records say of a person is about to be erased from them.
    Redaction,
    /// It is erased.
    RedactionDone,
    /// The oldest segments are about to be taken away.
    Prune,
    /// They are gone.
    PruneDone,
    /// What records of a stretch of time say of people is to be kept.
    Hold,
    /// It needs not be kept any more.
    HoldLifted,
    /// Somebody who keeps our checkpoints holds one that is not of this log's past.
    AnchorConflict,
    /// Nobody outside has taken a checkpoint for too long.
    AnchorStale,
    /// Commits reached a branch or a tag, as GitLab told.
    GitlabPush,
    /// A merge request changed, as GitLab told.
    GitlabMergeRequest,
    /// A pipeline changed its status, as GitLab told.
    GitlabPipeline,
    /// A job changed its status, as GitLab told.
    GitlabJob,
    /// A deployment changed its status, as GitLab told.
    GitlabDeployment,
    /// A release was made, changed or removed, as GitLab told.
    GitlabRelease,
    /// A user of a provider's directory is about to change, as the provider told.
    DirectoryUser,
    /// A group of a provider's directory is about to change, as the provider told.
    DirectoryGroup,
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
        Note::FloodBegin,
        Note::FloodEnd,
        Note::Gap,
        Note::Fork,
        Note::KeysFailed,
        Note::KeysChanged,
        Note::KeysBlocked,
        Note::NoticeTaken,
        Note::EndingsChanged,
        Note::KeyRotate,
        Note::Redaction,
        Note::RedactionDone,
        Note::Prune,
        Note::PruneDone,
        Note::Hold,
        Note::HoldLifted,
        Note::AnchorConflict,
        Note::AnchorStale,
        Note::GitlabPush,
        Note::GitlabMergeRequest,
        Note::GitlabPipeline,
        Note::GitlabJob,
        Note::GitlabDeployment,
        Note::GitlabRelease,
        Note::DirectoryUser,
        Note::DirectoryGroup,
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
            Note::FloodBegin => "flood.begin",
            Note::FloodEnd => "flood.end",
            Note::Gap => "journal.gap",
            Note::Fork => "journal.fork",
            Note::KeysFailed => "keys.failed",
            Note::KeysChanged => "keys.changed",
            Note::KeysBlocked => "keys.blocked",
            Note::NoticeTaken => "notice.taken",
            Note::EndingsChanged => "endings.changed",
            Note::KeyRotate => "key.rotate",
            Note::Redaction => "redaction",
            Note::RedactionDone => "redaction.done",
            Note::Prune => "prune",
            Note::PruneDone => "prune.done",
            Note::Hold => "hold",
            Note::HoldLifted => "hold.lifted",
            Note::AnchorConflict => "anchor.conflict",
            Note::AnchorStale => "anchor.stale",
            Note::GitlabPush => "gitlab.push",
            Note::GitlabMergeRequest => "gitlab.merge_request",
            Note::GitlabPipeline => "gitlab.pipeline",
            Note::GitlabJob => "gitlab.job",
            Note::GitlabDeployment => "gitlab.deployment",
            Note::GitlabRelease => "gitlab.release",
            Note::DirectoryUser => "directory.user",
            Note::DirectoryGroup => "directory.group",
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
