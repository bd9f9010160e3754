//! Tells what is wrong with a file that stile was started or reloaded with.
//!
//! In: what a loader found. Out: one [`SetupError`] per fault: code, file, line, column, the line
//! itself, what, hint.
//!
//! The grammar of messages: lower case, no full stop, what the user wrote in back-ticks, the hint
//! apart from the fault. These errors end a start-up or refuse a reload; the end of a request is a
//! [`Refusal`](crate::refusal::Refusal). The two never mix.

use std::fmt;
use std::path::{Path, PathBuf};

mod code;

pub use code::Code;

/// One fault in what the operator wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupError {
    /// What kind of fault it is, where it is one of a policy folder.
    pub code: Option<Code>,
    /// The file with the fault, where there is one.
    pub file: Option<PathBuf>,
    /// Line in that file, from 1.
    pub line: Option<usize>,
    /// Column in that line, from 1, in characters.
    pub column: Option<usize>,
    /// How many characters of the line are meant; 0 where nobody said.
    pub width: u16,
    /// The line itself, where it may be shown.
    pub excerpt: Option<Box<Excerpt>>,
    /// What is wrong: lower case, no full stop, user's words in back-ticks.
    pub fault: String,
    /// What would mend it.
    pub hint: Option<String>,
}

/// A line of what the operator wrote; apart and boxed, since errors are moved about in results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt(String);

impl SetupError {
    /// A fault that no file carries, such as a port in use.
    pub fn new(fault: impl Into<String>) -> SetupError {
        SetupError {
            code: None,
            file: None,
            line: None,
            column: None,
            width: 0,
            excerpt: None,
            fault: fault.into(),
            hint: None,
        }
    }

    /// A fault in a file.
    pub fn in_file(file: &Path, fault: impl Into<String>) -> SetupError {
        SetupError {
            file: Some(file.to_owned()),
            ..SetupError::new(fault)
        }
    }

    /// Says where in the file, from 1.
    #[must_use]
    pub fn at(mut self, line: usize, column: usize) -> SetupError {
        self.line = Some(line);
        self.column = Some(column);
        self
    }

    /// Says which of the known kinds of fault it is; the first that is said stays.
    #[must_use]
    pub fn coded(mut self, code: Code) -> SetupError {
        self.code.get_or_insert(code);
        self
    }

    /// Says how many characters from the column on are meant.
    #[must_use]
    pub fn wide(mut self, width: usize) -> SetupError {
        self.width = u16::try_from(width).unwrap_or(u16::MAX);
        self
    }

    /// Shows the line out of the text of the file that the fault is in.
    pub fn show(&mut self, text: &str) {
        let line = self.line.and_then(|line| line.checked_sub(1));
        let line = line.and_then(|line| text.lines().nth(line));
        self.excerpt = line
            .filter(|line| line.chars().count() <= LONGEST_EXCERPT)
            .map(|line| Box::new(Excerpt(line.replace('\t', " "))));
    }

    /// Says what would mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> SetupError {
        self.hint = Some(hint.into());
        self
    }

    /// Hints at the nearest of the known words, if one is near enough to be meant.
    #[must_use]
    pub fn did_you_mean<'a>(
        self,
        wrote: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> SetupError {
        match nearest(wrote, known) {
            Some(word) => self.hint(format!("did you mean `{word}`?")),
            None => self,
        }
    }
}

/// The known word that `wrote` most probably stands for.
pub fn nearest<'a>(wrote: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|word| (strsim::jaro_winkler(wrote, word), word))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, word)| word)
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fault)?;
        if let Some(file) = &self.file {
            write!(f, "\n  --> {}", file.display())?;
            if let Some(line) = self.line {
                write!(f, ":{line}")?;
                if let Some(column) = self.column {
                    write!(f, ":{column}")?;
                }
            }
        }
        if let (Some(excerpt), Some(line)) = (&self.excerpt, self.line) {
            let gutter = " ".repeat(line.to_string().len());
            let Excerpt(excerpt) = &**excerpt;
            let before = self.column.unwrap_or(1).saturating_sub(1);
            let (indent, carets) = (" ".repeat(before), "^".repeat(self.meant(excerpt)));
            write!(f, "\n {gutter} |\n {line} | {excerpt}")?;
            write!(f, "\n {gutter} | {indent}{carets}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n   = {hint}")?;
        }
        Ok(())
    }
}

impl SetupError {
    /// How many characters of the line are meant: as many as were said, else the word that stands
    /// there; never more than the line has.
    fn meant(&self, excerpt: &str) -> usize {
        let rest = excerpt.chars().skip(self.column.unwrap_or(1).max(1) - 1);
        let word = |c: &char| c.is_alphanumeric() || "_-./*".contains(*c);
        let width = match self.width {
            0 => rest.clone().take_while(word).count(),
            said => usize::from(said).min(rest.clone().count()),
        };
        width.max(1)
    }
}

const LONGEST_EXCERPT: usize = 160;

impl std::error::Error for SetupError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(column: usize, width: usize, text: &str) -> String {
        let mut fault = SetupError::in_file(Path::new("a.cedar"), "it is wrong");
        fault = fault.at(2, column).wide(width).hint("mend it");
        fault.show(text);
        fault.to_string()
    }

    #[test]
    fn the_line_is_shown_with_what_is_meant() {
        let text = "one\n) when { principal.ref };\n";
        let said = "it is wrong\n  --> a.cedar:2:10\n   |\n 2 | ) when { principal.ref };\n   |          \
                    ^^^^^^^^^^^^^\n   = mend it";
        assert_eq!(shown(10, 0, text), said);
        assert!(shown(10, 9, text).contains("          ^^^^^^^^^\n"));
    }

    #[test]
    fn a_width_beyond_the_line_and_a_line_beyond_the_text_are_no_trouble() {
        assert!(shown(3, 99, "one\nab c\n").ends_with("|   ^^\n   = mend it"));
        assert!(shown(99, 99, "one\nab\n").ends_with("^\n   = mend it"));
        assert!(!shown(1, 1, "one").contains('|'));
        let long = format!("one\n{}", "x".repeat(161));
        assert!(!shown(1, 1, &long).contains('|'));
    }
}
