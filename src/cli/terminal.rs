//! The two streams of a command: data on standard output, talk on standard error.
//!
//! In: what a command has to say. Out: bytes, coloured where somebody looks at them.
//!
//! The only place that prints errors, so that each has one shape: `error: ` and the fault, where it
//! is, and what would mend it.
//!
//! Never: a control character of somebody else's text, which could rewrite what a reader sees.

use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Stderr, Stdout, Write};

use super::exit::Exit;
use super::table::{Format, Table};
use super::trouble::Trouble;
use crate::config::environment;
use crate::setup_error::SetupError;

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Color {
    /// On terminals, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Also into files and pipes.
    Always,
    /// Nowhere.
    Never,
}

/// A stroke of meaning; each has a word beside it in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    /// Something is wrong.
    Red,
    /// Something is right.
    Green,
    /// Something wants a look.
    Yellow,
}

/// Where a command prints.
pub(super) struct Terminal {
    out: BufWriter<Stdout>,
    err: Stderr,
    format: Format,
    color_out: bool,
    color_err: bool,
}

impl Terminal {
    /// The streams of this process.
    pub(super) fn new(color: Color, format: Format) -> Terminal {
        let out = io::stdout();
        let err = io::stderr();
        Terminal {
            color_out: colored(color, out.is_terminal()),
            color_err: colored(color, err.is_terminal()),
            out: BufWriter::new(out),
            err,
            format,
        }
    }

    /// How data is to be printed.
    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// Prints rows as the user asked for.
    pub(super) fn table(&mut self, table: &Table) -> Result<(), Trouble> {
        Ok(table.write(self.format, &mut self.out)?)
    }

    /// Prints one line of data.
    pub(super) fn line(&mut self, line: impl fmt::Display) -> Result<(), Trouble> {
        Ok(writeln!(self.out, "{line}")?)
    }

    /// Prints one line of data with somebody else's text in it.
    pub(super) fn foreign(&mut self, line: impl fmt::Display) -> Result<(), Trouble> {
        let line = plain(&line.to_string()).replace('\n', "\\n");
        self.line(line)
    }

    /// Prints one line of data that begins with a word in its colour.
    pub(super) fn verdict(
        &mut self,
        word: &str,
        paint: Paint,
        rest: impl fmt::Display,
    ) -> Result<(), Trouble> {
        let word = paint_if(self.color_out, word, paint);
        let rest = plain(&rest.to_string()).replace('\n', "\\n");
        self.line(format_args!("{word} {rest}"))
    }

    /// Prints one line of data with a mark in its colour, where it has one, before somebody else's
    /// text.
    pub(super) fn marked(
        &mut self,
        before: &str,
        mark: String,
        paint: Option<Paint>,
        rest: impl fmt::Display,
    ) -> Result<(), Trouble> {
        let mark = plain(&mark).replace('\n', "\\n");
        let mark = match paint {
            Some(paint) => paint_if(self.color_out, &mark, paint),
            None => mark,
        };
        let rest = plain(&rest.to_string()).replace('\n', "\\n");
        self.line(format_args!("{before}  {mark}  {rest}"))
    }

    /// Whether somebody looks at standard error.
    pub(super) fn watched(&self) -> bool {
        self.err.is_terminal()
    }

    /// Prints data as it is.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        Ok(self.out.write_all(bytes)?)
    }

    /// Prints a JSON document: indented, or on one line for `jsonl`.
    pub(super) fn json(&mut self, document: &serde_json::Value) -> Result<(), Trouble> {
        match self.format {
            Format::Jsonl => self.line(document),
            _ => self.line(format_args!("{document:#}")),
        }
    }

    /// Says something that is not data. Talk that nobody hears is no fault.
    pub(super) fn say(&mut self, talk: impl fmt::Display) {
        let _ = writeln!(self.err, "{talk}");
    }

    /// Says what wants a look but stops nothing.
    pub(super) fn warn(&mut self, fault: &SetupError) {
        let label = paint_if(self.color_err, &labelled("warning", fault), Paint::Yellow);
        self.say(format_args!("{label}: {}", plain(&fault.to_string())));
    }

    /// Hands over what is still held back.
    pub(super) fn finish(&mut self) -> Result<(), Trouble> {
        Ok(self.out.flush()?)
    }

    /// Tells why there is no answer; after the data that was printed before.
    pub(super) fn tell(&mut self, trouble: &Trouble) -> Exit {
        let _ = self.out.flush();
        let faults = trouble.faults();
        for fault in &faults {
            let label = paint_if(self.color_err, &labelled("error", fault), Paint::Red);
            self.say(format_args!("{label}: {}", plain(&fault.to_string())));
        }
        if faults.len() > 1 {
            self.say(format_args!("{} errors", faults.len()));
        }
        trouble.exit()
    }
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal")
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

/// `error[P012]` where the fault has a code.
fn labelled(word: &str, fault: &SetupError) -> String {
    match fault.code {
        Some(code) => format!("{word}[{code}]"),
        None => word.to_owned(),
    }
}

/// The text with every control character but the line break made visible.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let visible = c == '\n' || !(c.is_control() || DIRECTION.contains(&c));
            let escaped = (!visible).then(|| c.escape_unicode());
            escaped.into_iter().flatten().chain(visible.then_some(c))
        })
        .collect()
}

/// The flag, else the two variables that every program obeys, else whether somebody looks.
fn colored(color: Color, terminal: bool) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if environment::is_set("NO_COLOR") => false,
        Color::Auto => terminal || environment::is_set("CLICOLOR_FORCE"),
    }
}

fn paint_if(colored: bool, word: &str, paint: Paint) -> String {
    let code = match paint {
        Paint::Red => "1;31",
        Paint::Green => "1;32",
        Paint::Yellow => "1;33",
    };
    if colored {
        format!("\x1b[{code}m{word}\x1b[0m")
    } else {
        word.to_owned()
    }
}

/// Characters that turn the direction of a text around (Unicode TR 36, section 2.9).
const DIRECTION: &[char] = &[
    '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}',
    '\u{2067}', '\u{2068}', '\u{2069}',
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_move_the_cursor_or_turn_the_line() {
        assert_eq!(
            plain("a\x1b[2Jb\r\n\u{202e}c\u{9b}"),
            "a\\u{1b}[2Jb\\u{d}\n\\u{202e}c\\u{9b}"
        );
        assert_eq!(plain("Grüße ✓"), "Grüße ✓");
    }
}
