//! Holds a text that must not be shown.
//!
//! In: a credential or an upstream key. Out: the same, only where it is asked for by name.
//!
//! A [`Secret`] has no `Display`, no `Serialize`, and prints as `[secret]`, so it cannot reach a
//! record, a log line, a metric or an answer by accident. Its memory is wiped when it is dropped.
//!
//! Never: compared byte by byte with an early exit; see [`Secret::equals`].

use std::fmt;

use zeroize::Zeroizing;

/// A text that cannot be printed by accident.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: String) -> Secret {
        Secret(Zeroizing::new(text))
    }

    /// The text itself. Every call of this is a place to review.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether both hold the same text, in time that depends on the lengths only.
    pub fn equals(&self, other: &Secret) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(self.0.as_bytes(), other.0.as_bytes())
            .is_ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}
