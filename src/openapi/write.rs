//! Writes a catalogue, with a comment wherever a reader should look.
//!
//! In: an [`Imported`]. Out: the text of `policies/operations/NAME.yaml`, the same for the same input.
//!
//! Never: a byte of the description that could end a line or a quotation.

use std::fmt::Write;

use super::imported::{Imported, Kind, Made};
use super::shapes::pointer;
use crate::resolve::BodyMeans;

impl Imported {
    /// The catalogue's text.
    pub fn catalogue(&self) -> String {
        let mut text = String::new();
        let file = self.file.file_name().map(|name| name.to_string_lossy());
        let file = quoted(&file.unwrap_or_default());
        let base = match self.base.as_str() {
            "" => String::new(),
            base => format!("base: {}\n", quoted(base)),
        };
        // Writing to a string cannot fail, here and below.
        let _ = write!(
            text,
            "{FIRST_LINE}\n#\n# Made by `stile operations import` of {file}. It is closed: what is not here is \
             refused with\n# `no_operation`, whatever the policies say.\n#\n# `# review:` stands above what \
             was guessed or could not be told. `power` is given where an operation\n# hands out secrets or \
             rights, or where it could not be told that it does not. Give it the class it\n# deserves, then \
             take the comment away. `docs/operations.md` says what each key means.\n\nspeaks: problem\n\
             {base}body_bytes: 1048576\n\nresources:\n"
        );
        for (name, kind) in &self.kinds {
            text.push_str(&self.kind(name, kind));
        }
        text.push_str("\noperations:\n");
        let written: Vec<String> = self.operations.iter().map(operation).collect();
        text.push_str(&written.join("\n"));
        if !self.left_out.is_empty() {
            text.push('\n');
        }
        for left_out in &self.left_out {
            let _ = writeln!(text, "{LEFT_OUT}{}", plain(left_out));
        }
        text
    }

    fn kind(&self, name: &str, kind: &Kind) -> String {
        let mut text = String::new();
        for remark in kind.remarks() {
            let _ = writeln!(text, "  # review: {remark}");
        }
        let mut said = Vec::new();
        said.extend(kind.id.iter().map(|id| format!("id: {}", word(id))));
        said.extend(
            kind.project
                .iter()
                .map(|id| format!("project: {}", word(id))),
        );
        let name = word(name);
        let Some(object) = &kind.object else {
            let said = said.join(", ");
            let said = if said.is_empty() {
                said
            } else {
                format!(" {said} ")
            };
            let _ = writeln!(text, "  {name}: {{{said}}}");
            return text;
        };
        let _ = writeln!(text, "  {name}:");
        for line in said {
            let _ = writeln!(text, "    {line}");
        }
        let labels = quoted(&pointer(&object.labels));
        let (read, owner) = (&object.read, quoted(&self.owner));
        let _ = writeln!(
            text,
            "    object:\n      read: {read}\n      labels: {labels}"
        );
        let _ = writeln!(text, "      owner: {owner}");
        if let (Some(same), Some(id)) = (&object.same, &kind.id) {
            let same = quoted(&pointer(same));
            let _ = writeln!(text, "      same: {{ {}: {same} }}", word(id));
        }
        text
    }
}

fn operation(made: &Made) -> String {
    let mut text = String::new();
    for remark in &made.remarks {
        let _ = writeln!(text, "  # review: {remark}");
    }
    let _ = writeln!(text, "  - action: {}", made.action);
    let _ = writeln!(text, "    class: {}", made.class.word());
    let _ = writeln!(text, "    resource: {}", word(&made.kind));
    if let Some(list) = &made.list {
        let items = quoted(&pointer(&list.items));
        let id = quoted(&pointer(&list.id));
        let labels = list.labels.as_ref().map(|labels| quoted(&pointer(labels)));
        let labels = labels.map_or_else(String::new, |labels| format!(", labels: {labels}"));
        let read = &list.read;
        let _ = writeln!(
            text,
            "    list: {{ read: {read}, items: {items}, id: {id}{labels} }}"
        );
    }
    let request = quoted(&format!("{} {}", made.method, made.template));
    let _ = writeln!(text, "    do: [{request}]");
    match made.body {
        Some(BodyMeans::Whole) => text.push_str("    body: whole\n"),
        Some(BodyMeans::Changes) => text.push_str("    body: changes\n"),
        None => {}
    }
    if let Some(note) = &made.note {
        let _ = writeln!(text, "    note: {}", quoted(note));
    }
    text
}

/// A text in quotation marks that YAML and JSON read alike, in plain characters.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_ascii() && !c.is_ascii_control() => quoted.push(c),
            c if c.is_alphanumeric() => quoted.push(c),
            _ => quoted.push(' '),
        }
    }
    quoted.push('"');
    quoted
}

/// What a comment may have of somebody else's text.
pub(super) fn plain(text: &str) -> String {
    let keep = |c: char| {
        if c.is_ascii_graphic() || c == ' ' {
            c
        } else {
            '?'
        }
    };
    text.chars().map(keep).collect()
}

/// A name, in quotation marks where YAML would take it for something else.
fn word(name: &str) -> String {
    match NO_NAMES.contains(&name.to_ascii_lowercase().as_str()) {
        true => quoted(name),
        false => name.to_owned(),
    }
}

const FIRST_LINE: &str = "# yaml-language-server: $schema=../.schema/operations.json";

/// What stands before a request that somebody left out on purpose.
pub(super) const LEFT_OUT: &str = "# left out: ";

const NO_NAMES: &[&str] = &["true", "false", "yes", "no", "on", "off", "y", "n", "null"];
