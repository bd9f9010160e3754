//! Writes cells that every spreadsheet reads as text and none runs.
//!
//! In: values. Out: a line.
//!
//! A spreadsheet would run what begins with one of six signs, unless a tick is before it. The tick
//! is part of the cell: who reads the file by a program takes it off again.
//!
//! RFC 4180.

use serde_json::Value;

/// A line with its end.
pub fn line(cells: &[Value]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(&bare(cell))).collect();
    cells.join(",") + "\r\n"
}

/// A cell without quotes; nothing for null.
pub fn bare(cell: &Value) -> String {
    match cell {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A cell as it stands in a line.
fn quoted(text: &str) -> String {
    let tick = match text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        true => "'",
        false => "",
    };
    if tick.is_empty() && !text.contains(['"', ',', '\n', '\r']) {
        return text.to_owned();
    }
    format!("\"{tick}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_has_a_tick_before_it() {
        assert_eq!(
            line(&["plain".into(), Value::Null, 7.into()]),
            "plain,,7\r\n"
        );
        for sign in ["=", "+", "-", "@", "\t", "\r", "\n"] {
            let cell: Value = format!("{sign}cmd|' /C calc'!A0").into();
            let written = line(&[cell]);
            assert!(written.starts_with(&format!("\"'{sign}")), "{written:?}");
        }
        assert_eq!(line(&["a=1".into()]), "a=1\r\n");
    }

    #[test]
    fn a_cell_is_whole_whatever_is_in_it() {
        let cell = "a,\"b\"\r\nc";
        assert_eq!(line(&[cell.into()]), "\"a,\"\"b\"\"\r\nc\"\r\n");
    }
}
