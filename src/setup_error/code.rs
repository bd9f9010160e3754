//! The closed list of what can be wrong with, or dangerous in, a policy folder.
//!
//! In: nothing. Out: for each code its word and title.
//!
//! `P0..` refuses the load, `P1..` is a lint: what loads and is still dangerous. A code never changes
//! its meaning and is never given to another fault. `docs/policy-codes.md` says of each why it
//! matters and what mends it; a test holds that document against this list.

use std::fmt;

/// What kind of fault or danger something in a policy folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Code {
    /// A file or folder cannot be read.
    Unreadable,
    /// A file, the folder, or the number of policies is too large.
    TooLarge,
    /// A file whose name would leave it out.
    Stray,
    /// Not readable as this YAML file.
    NotYaml,
    /// Not readable as Cedar.
    NotCedar,
    /// A statement is too deep or too long.
    TooDeep,
    /// A template that nothing links.
    OpenSlot,
    /// A policy without its own id.
    NoId,
    /// Two policies of one name.
    TwoAlike,
    /// A policy in the wrong folder.
    WrongFolder,
    /// A guardrail without words for the caller.
    Wordless,
    /// An attribute that does not exist.
    UnknownAttribute,
    /// An attribute that may be missing, read without asking.
    Unguarded,
    /// A value of the wrong type.
    WrongType,
    /// A type of principal or resource that does not exist.
    UnknownType,
    /// A policy that can apply to nothing.
    NeverApplies,
    /// A policy that is not valid in another way.
    Invalid,
    /// An acceptance that accepts nothing or says no why.
    BadAcceptance,
    /// A name that may not stand in a policy.
    NotPlain,
    /// Something is listed twice.
    ListedTwice,
    /// Something is not written in its form.
    WrongForm,
    /// An action that no catalogue has.
    UnknownAction,
    /// A team that is not in the directory.
    UnknownTeam,
    /// A group or repository that is not in the directory.
    UnknownGroup,
    /// A project that is not in the directory.
    UnknownProject,
    /// A role that is not in roles.yaml.
    UnknownRole,
    /// A resource type that no catalogue has.
    UnknownKind,
    /// A token that its file of cases does not have.
    UnknownToken,
    /// A case names a policy that is not there.
    UnknownPolicy,
    /// A binding for nobody, or for two at once.
    NotOneHolder,
    /// A condition that does not fit its binding.
    WrongCondition,
    /// A role or binding that names nothing.
    NamesNothing,
    /// A group where a repository is meant.
    GroupWithoutStar,
    /// A case that cannot be read.
    BadCase,
    /// A case whose answer is another.
    FailedCase,
    /// A catalogue that cannot be used.
    BadCatalogue,
    /// One request that would be two operations.
    Ambiguous,
    /// One action with two meanings.
    TwoMeanings,
    /// Writing, deleting or power for whoever comes.
    AnyPrincipal,
    /// Jobs write from refs that are not protected.
    UnprotectedRef,
    /// A name that may be given to somebody else.
    NoRepositoryId,
    /// A star that reaches past a group.
    WideStar,
    /// A role that nobody has.
    UnboundRole,
    /// A binding at its end.
    Expiring,
    /// A binding that no case tries.
    UntriedBinding,
    /// A rule that can never match.
    NeverMatches,
    /// A rule that guardrails leave nothing of.
    Shadowed,
    /// Jobs of forks are admitted.
    ForksAdmitted,
    /// Two issuers of the same kind of caller share an audience.
    SharedAudience,
}

impl Code {
    /// Every code, in order.
    pub const ALL: &[Code] = &[
        Code::Unreadable,
        Code::TooLarge,
        Code::Stray,
        Code::NotYaml,
        Code::NotCedar,
        Code::TooDeep,
        Code::OpenSlot,
        Code::NoId,
        Code::TwoAlike,
        Code::WrongFolder,
        Code::Wordless,
        Code::UnknownAttribute,
        Code::Unguarded,
        Code::WrongType,
        Code::UnknownType,
        Code::NeverApplies,
        Code::Invalid,
        Code::BadAcceptance,
        Code::NotPlain,
        Code::ListedTwice,
        Code::WrongForm,
        Code::UnknownAction,
        Code::UnknownTeam,
        Code::UnknownGroup,
        Code::UnknownProject,
        Code::UnknownRole,
        Code::UnknownKind,
        Code::UnknownToken,
        Code::UnknownPolicy,
        Code::NotOneHolder,
        Code::WrongCondition,
        Code::NamesNothing,
        Code::GroupWithoutStar,
        Code::BadCase,
        Code::FailedCase,
        Code::BadCatalogue,
        Code::Ambiguous,
        Code::TwoMeanings,
        Code::AnyPrincipal,
        Code::UnprotectedRef,
        Code::NoRepositoryId,
        Code::WideStar,
        Code::UnboundRole,
        Code::Expiring,
        Code::UntriedBinding,
        Code::NeverMatches,
        Code::Shadowed,
        Code::ForksAdmitted,
        Code::SharedAudience,
    ];

    /// The word: `P012`.
    pub const fn word(self) -> &'static str {
        self.row().0
    }

    /// What it is, in a few words.
    pub const fn title(self) -> &'static str {
        self.row().1
    }

    /// Whether what it names loads and is still dangerous.
    pub fn is_lint(self) -> bool {
        self >= Code::AnyPrincipal
    }

    /// The code of a word, in either case.
    pub fn of(word: &str) -> Option<Code> {
        let same = |code: &&Code| code.word().eq_ignore_ascii_case(word);
        Code::ALL.iter().find(same).copied()
    }

    #[rustfmt::skip] // a table reads as one
    const fn row(self) -> (&'static str, &'static str) {
        match self {
            Code::Unreadable => ("P001", "a file or folder cannot be read"),
            Code::TooLarge => ("P002", "too large to be loaded"),
            Code::Stray => ("P003", "a file whose name would leave it out"),
            Code::NotYaml => ("P004", "not readable as this YAML file"),
            Code::NotCedar => ("P005", "not readable as Cedar"),
            Code::TooDeep => ("P006", "a statement too deep or too long"),
            Code::OpenSlot => ("P007", "a template that nothing links"),
            Code::NoId => ("P008", "a policy without its own id"),
            Code::TwoAlike => ("P009", "two policies of one name"),
            Code::WrongFolder => ("P010", "a policy in the wrong folder"),
            Code::Wordless => ("P011", "a guardrail without words for the caller"),
            Code::UnknownAttribute => ("P012", "an attribute that does not exist"),
            Code::Unguarded => ("P013", "an attribute that may be missing, read without asking"),
            Code::WrongType => ("P014", "a value of the wrong type"),
            Code::UnknownType => ("P015", "a type that does not exist"),
            Code::NeverApplies => ("P016", "a policy that can apply to nothing"),
            Code::Invalid => ("P017", "a policy that is not valid"),
            Code::BadAcceptance => ("P018", "an acceptance that accepts nothing or says no why"),
            Code::NotPlain => ("P020", "a name that may not stand in a policy"),
            Code::ListedTwice => ("P021", "listed twice"),
            Code::WrongForm => ("P022", "not written in its form"),
            Code::UnknownAction => ("P030", "an action that no catalogue has"),
            Code::UnknownTeam => ("P031", "a team that is not in directory.yaml"),
            Code::UnknownGroup => ("P032", "a group or repository that is not in directory.yaml"),
            Code::UnknownProject => ("P033", "a project that is not in directory.yaml"),
            Code::UnknownRole => ("P034", "a role that is not in roles.yaml"),
            Code::UnknownKind => ("P035", "a resource type that no catalogue has"),
            Code::UnknownToken => ("P036", "a token that cannot be made"),
            Code::UnknownPolicy => ("P037", "a policy that is not there"),
            Code::NotOneHolder => ("P040", "a binding for nobody, or for two at once"),
            Code::WrongCondition => ("P041", "a condition that does not fit its binding"),
            Code::NamesNothing => ("P042", "a role or binding that names nothing"),
            Code::GroupWithoutStar => ("P043", "a group where a repository is meant"),
            Code::BadCase => ("P050", "a case that cannot be read"),
            Code::FailedCase => ("P051", "a case whose answer is another"),
            Code::BadCatalogue => ("P060", "a catalogue that cannot be used"),
            Code::Ambiguous => ("P061", "one request that would be two operations"),
            Code::TwoMeanings => ("P062", "one action with two meanings"),
            Code::AnyPrincipal => ("P101", "writing, deleting or power for whoever comes"),
            Code::UnprotectedRef => ("P102", "jobs write from refs that are not protected"),
            Code::NoRepositoryId => ("P103", "a name without an id"),
            Code::WideStar => ("P104", "a star that reaches past a group"),
            Code::UnboundRole => ("P105", "a role that nobody has"),
            Code::Expiring => ("P106", "a binding at its end"),
            Code::UntriedBinding => ("P107", "a binding that no case tries"),
            Code::NeverMatches => ("P108", "a rule that can never match"),
            Code::Shadowed => ("P109", "a rule that guardrails leave nothing of"),
            Code::ForksAdmitted => ("P110", "jobs of forks are admitted"),
            Code::SharedAudience => ("P111", "two issuers of one kind of caller share an audience"),
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_in_order_and_each_is_found_again() {
        assert!(Code::ALL.is_sorted());
        assert!(Code::ALL.iter().map(|code| code.word()).is_sorted());
        for code in Code::ALL {
            assert_eq!(Code::of(&code.word().to_lowercase()), Some(*code));
            assert_eq!(code.is_lint(), code.word().starts_with("P1"), "{code}");
        }
        assert_eq!(Code::of("P999"), None);
    }
}
