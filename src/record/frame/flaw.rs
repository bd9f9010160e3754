//! Says what makes bytes no frame.
//!
//! In: bytes that were to be read. Out: a [`Flaw`], and its words for people.

/// What makes bytes no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// They do not begin with the magic.
    Magic,
    /// The length is zero or beyond 65,535.
    Length,
    /// The bytes end before the frame does.
    TooShort,
    /// The checksum is of other bytes.
    Checksum,
    /// The checksum is right and the kind unknown.
    Kind,
    /// The segment is packed, and what is there is not what was packed.
    Packed,
    /// The leaf is whole; what follows it is not what was written there, nor zeros.
    Disclosure,
}

impl Flaw {
    /// What is wrong, in words.
    pub fn word(self) -> &'static str {
        match self {
            Flaw::Magic => "no frame begins here",
            Flaw::Length => "the length is impossible",
            Flaw::TooShort => "the frame is cut short",
            Flaw::Checksum => "the checksum does not fit",
            Flaw::Kind => "the kind is unknown",
            Flaw::Packed => "the packed segment was changed or cut and cannot be unpacked",
            Flaw::Disclosure => "the checksum of the personal members does not fit",
        }
    }
}
