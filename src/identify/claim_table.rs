//! What a dialect reads: a table with one line for each claim.
//!
//! In: nothing. Out: [`ClaimLine`]s, which [`Reading`](super::reading::Reading) holds a token
//! against, `docs/dialects.md` repeats, and tests break one by one.
//!
//! A claim in no table is not read; a claim in a table is checked even where it is only kept for
//! records, so that no record holds what its issuer would not have written.
//!
//! Never: two forms for one claim of a dialect.

/// One claim of a dialect.
#[derive(Clone, Copy, Debug)]
pub struct ClaimLine {
    /// Its name at the issuer; in braces, the key of `claims` in `stile.yaml` that names it.
    pub claim: &'static str,
    /// What it must look like.
    pub form: Form,
    /// The attribute that it becomes, or what it is read for.
    pub becomes: &'static str,
    /// Whether records keep it as it is.
    pub kept: bool,
    /// Whether it tells of a person, so that records keep it where it can be erased.
    pub personal: bool,
}

/// What a claim must look like. Whatever else is there is `malformed_token`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A text that must be there and say something.
    Text,
    /// The same, and a token without it is of another kind: `wrong_type`.
    Mark,
    /// A text, where there is one; an empty one is none.
    MaybeText,
    /// The same, where the issuer writes `null` for none.
    NullableText,
    /// A text of which only `true` is yes.
    Truth,
    /// `true` or `false`.
    Flag,
    /// A whole number from 0.
    Number,
    /// A list of texts.
    Texts,
    /// Words with single spaces between, or a list of words.
    Words,
    /// An object with `sub`, and the actor before in `act` (RFC 8693 4.1).
    Actors,
    /// An object.
    Object,
    /// A list of objects.
    Objects,
    /// An object with a list of texts in `roles`.
    Roles,
    /// An object of such objects, by client.
    RolesByClient,
    /// Must not be there: a token with it is of another kind, `wrong_type`.
    Never,
}

impl Form {
    /// Every form.
    pub const ALL: [Form; 15] = [
        Form::Text,
        Form::Mark,
        Form::MaybeText,
        Form::NullableText,
        Form::Truth,
        Form::Flag,
        Form::Number,
        Form::Texts,
        Form::Words,
        Form::Actors,
        Form::Object,
        Form::Objects,
        Form::Roles,
        Form::RolesByClient,
        Form::Never,
    ];

    /// The form in a word, as `docs/dialects.md` has it.
    pub const fn word(self) -> &'static str {
        match self {
            Form::Text => "text",
            Form::Mark => "mark",
            Form::MaybeText => "text?",
            Form::NullableText => "text or null?",
            Form::Truth => "`\"true\"`?",
            Form::Flag => "boolean?",
            Form::Number => "number?",
            Form::Texts => "texts?",
            Form::Words => "words?",
            Form::Actors => "actors?",
            Form::Object => "object?",
            Form::Objects => "objects?",
            Form::Roles => "roles?",
            Form::RolesByClient => "roles by client?",
            Form::Never => "never",
        }
    }
}

impl ClaimLine {
    /// Records keep it.
    pub(super) const fn kept(self) -> ClaimLine {
        ClaimLine { kept: true, ..self }
    }

    /// Records keep it where it can be erased.
    pub(super) const fn personal(self) -> ClaimLine {
        ClaimLine {
            kept: true,
            personal: true,
            ..self
        }
    }
}

/// A line of a table.
pub(super) const fn line(claim: &'static str, form: Form, becomes: &'static str) -> ClaimLine {
    ClaimLine {
        claim,
        form,
        becomes,
        kept: false,
        personal: false,
    }
}
