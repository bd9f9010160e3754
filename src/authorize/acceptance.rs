//! Reads what was accepted in writing: a lint, and why it is meant.
//!
//! In: codes and reasons as an annotation or a key has them. Out: [`Accepted`], or faults in words.
//!
//! Never: an acceptance without a why, or of what refuses a load.

use std::collections::BTreeMap;

use crate::setup_error::Code;

/// Lint → why it is meant.
pub(super) type Accepted = BTreeMap<Code, String>;

/// Checks pairs of code and why.
pub(super) fn read<'a>(
    written: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Accepted, Vec<String>> {
    let mut accepted = Accepted::new();
    let mut faults = Vec::new();
    for (word, why) in written {
        match Code::of(word).filter(|code| code.is_lint()) {
            None => faults.push(format!("`{word}` is no lint that could be accepted")),
            Some(_) if why.split_whitespace().count() < FEWEST_WORDS => {
                faults.push(format!("`{word}` is accepted without a why"));
            }
            Some(code) => drop(accepted.insert(code, why.trim().to_owned())),
        }
    }
    match faults.is_empty() {
        true => Ok(accepted),
        false => Err(faults),
    }
}

/// The code in an annotation's name: `accept_P102`; nothing where it accepts nothing.
pub(super) fn of_annotation(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("accept")?;
    Some(rest.strip_prefix('_').unwrap_or(rest))
}

pub(super) const HINT: &str = "name a lint and say why it is meant, such as `P102`: `the protected environment is asked \
     instead`; `stile explain-code` lists them";

/// One word is no reason.
const FEWEST_WORDS: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lint_is_accepted_with_a_why_and_with_nothing_less() {
        let accepted = read([("P102", " it is asked elsewhere ")]).unwrap();
        assert_eq!(accepted[&Code::UnprotectedRef], "it is asked elsewhere");
        for (code, why) in [
            ("P102", ""),
            ("P102", "ok"),
            ("P012", "it is so"),
            ("", "it is so"),
        ] {
            assert_eq!(read([(code, why)]).unwrap_err().len(), 1, "{code} {why}");
        }
        assert_eq!(of_annotation("accept_P102"), Some("P102"));
        assert_eq!(of_annotation("accept"), Some(""));
        assert_eq!(of_annotation("id"), None);
    }
}
