//! Says what a query can ask for: the closed list of fields.
//!
//! In: a word. Out: a [`Field`], with the values it can have where those are a closed list too.
//!
//! A field is one fact of a request or an event, of the decision or of its outcome; which member of
//! a record it comes from is told in the manual and done in [`facts`](super::facts).
//!
//! Never: two words for one field, so that a query has one text.

use crate::refusal::Reason;

/// One fact that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The operation's name: `streams.create`.
    Action,
    /// Who acts for a subject.
    Actor,
    /// The name or subject of an agent.
    Agent,
    /// Class of the operation.
    Class,
    /// The commit whose job asked.
    Commit,
    /// Digest of the settings in force.
    Config,
    /// How many refusals share the record.
    Count,
    /// What was decided.
    Decision,
    /// How a forwarded request ended.
    End,
    /// The environment that a job deploys to.
    Environment,
    /// What happened to stile itself.
    Event,
    /// Whom an agent acts for.
    For,
    /// A group of a person or an agent, or one that a job's project lies in.
    Group,
    /// gRPC status of the answer.
    Grpc,
    /// The host that was asked.
    Host,
    /// The decision's id.
    Id,
    /// Address of the peer.
    Ip,
    /// Who signed the token: name or URL.
    Issuer,
    /// The job's id.
    Job,
    /// Job, person or agent.
    Kind,
    /// When it counted as committed.
    Level,
    /// Method of the request.
    Method,
    /// The journal's name.
    Origin,
    /// The path as received.
    Path,
    /// The name or subject of a person.
    Person,
    /// The pipeline's id.
    Pipeline,
    /// Digest of the policies that decided.
    Policy,
    /// The repository whose job asked.
    Project,
    /// Why not.
    Reason,
    /// Request or event.
    Record,
    /// Branch or tag of a job.
    Ref,
    /// Id of what was asked for.
    Resource,
    /// A policy that determined the decision.
    Rule,
    /// The record's place in its journal.
    Seq,
    /// HTTP status of the upstream.
    Status,
    /// The issuer's name for who asked.
    Subject,
    /// A team, as the directory knows it.
    Team,
    /// Type of what was asked for.
    Type,
    /// The upstream's name.
    Upstream,
    /// The upstream's project that was asked for.
    Where,
}

impl Field {
    /// Every field, by its word.
    pub const ALL: &[Field] = &[
        Field::Action,
        Field::Actor,
        Field::Agent,
        Field::Class,
        Field::Commit,
        Field::Config,
        Field::Count,
        Field::Decision,
        Field::End,
        Field::Environment,
        Field::Event,
        Field::For,
        Field::Group,
        Field::Grpc,
        Field::Host,
        Field::Id,
        Field::Ip,
        Field::Issuer,
        Field::Job,
        Field::Kind,
        Field::Level,
        Field::Method,
        Field::Origin,
        Field::Path,
        Field::Person,
        Field::Pipeline,
        Field::Policy,
        Field::Project,
        Field::Reason,
        Field::Record,
        Field::Ref,
        Field::Resource,
        Field::Rule,
        Field::Seq,
        Field::Status,
        Field::Subject,
        Field::Team,
        Field::Type,
        Field::Upstream,
        Field::Where,
    ];

    /// The word in queries.
    pub fn word(self) -> &'static str {
        match self {
            Field::Action => "action",
            Field::Actor => "actor",
            Field::Agent => "agent",
            Field::Class => "class",
            Field::Commit => "commit",
            Field::Config => "config",
            Field::Count => "count",
            Field::Decision => "decision",
            Field::End => "end",
            Field::Environment => "environment",
            Field::Event => "event",
            Field::For => "for",
            Field::Group => "group",
            Field::Grpc => "grpc",
            Field::Host => "host",
            Field::Id => "id",
            Field::Ip => "ip",
            Field::Issuer => "issuer",
            Field::Job => "job",
            Field::Kind => "kind",
            Field::Level => "level",
            Field::Method => "method",
            Field::Origin => "origin",
            Field::Path => "path",
            Field::Person => "person",
            Field::Pipeline => "pipeline",
            Field::Policy => "policy",
            Field::Project => "project",
            Field::Reason => "reason",
            Field::Record => "record",
            Field::Ref => "ref",
            Field::Resource => "resource",
            Field::Rule => "rule",
            Field::Seq => "seq",
            Field::Status => "status",
            Field::Subject => "subject",
            Field::Team => "team",
            Field::Type => "type",
            Field::Upstream => "upstream",
            Field::Where => "where",
        }
    }

    /// The field of a word.
    pub fn of_word(word: &str) -> Option<Field> {
        Field::ALL.iter().copied().find(|f| f.word() == word)
    }

    /// Whether its values are whole numbers, which have ranges.
    pub fn is_number(self) -> bool {
        matches!(
            self,
            Field::Count | Field::Grpc | Field::Seq | Field::Status
        )
    }

    /// Every value it can have, where that is a closed list.
    pub(super) fn values(self) -> Option<Vec<&'static str>> {
        Some(match self {
            Field::Decision => vec!["allow", "deny", "error", "own", "public", "refuse"],
            Field::Class => vec!["delete", "look", "power", "read", "write"],
            Field::Kind => vec!["agent", "job", "person"],
            Field::Level => vec!["sync", "write"],
            Field::Record => vec!["event", "request"],
            Field::Reason => Reason::ALL.iter().map(|reason| reason.word()).collect(),
            Field::End => vec![
                "client_abort",
                "complete",
                "not_forwarded",
                "timeout",
                "truncated",
                "unknown",
                "upstream_error",
            ],
            _ => return None,
        })
    }
}
