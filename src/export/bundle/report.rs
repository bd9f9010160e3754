//! Writes a page about the rows for people: counts, plots, what was asked and what proves it.
//!
//! In: the manifest and the counts. Out: one HTML document.
//!
//! Whole in itself: no script, nothing fetched, and it says so to the browser. Light and dark as the
//! reader has it, and on paper. Each plot has its numbers as a table beside it, and no colour says
//! anything alone.
//!
//! Never: a text of somebody else's that is not escaped; anything that does not follow from manifest
//! and rows, so that a checker makes the same page again.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::manifest::Manifest;
use super::tally::{Tally, top};

mod plot;

/// The page.
pub(super) fn text(manifest: &Manifest, tally: &Tally) -> String {
    let mut page = String::new();
    let title = format!("{} rows of evidence", tally.rows);
    page.push_str(HEAD);
    page.push_str(&format!("<title>{title}</title>\n<style>{STYLE}</style>\n"));
    page.push_str("</head>\n<body>\n<header>\n");
    page.push_str(&format!("<h1>{title}</h1>\n"));
    page.push_str("</header>\n<main>\n");
    asked(&mut page, manifest);
    decisions(&mut page, tally);
    section(
        &mut page,
        "days",
        "Requests by day and decision",
        &plot::days(&tally.days),
        || table_of_days(tally),
    );
    bars(
        &mut page,
        "reasons",
        "Reasons why not",
        "reason",
        &tally.reasons,
    );
    bars(
        &mut page,
        "principals",
        "Who asked",
        "principal",
        &tally.principals,
    );
    bars(
        &mut page,
        "classes",
        "Requests by class of action",
        "class",
        &tally.classes,
    );
    in_force(&mut page, tally);
    integrity(&mut page, manifest);
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn asked(page: &mut String, manifest: &Manifest) {
    let query = &manifest.query;
    let means = match query.means.as_str() {
        "" => "everything",
        text => text,
    };
    let rows = [
        ("Asked for", code(or_everything(&query.asked))),
        ("That means", code(means)),
        ("Time zone of days", escaped(&query.zone)),
        ("Exported", escaped(&manifest.exported_at)),
        ("By, as they said", escaped(&manifest.exported_by)),
        ("From", escaped(&manifest.source)),
        ("By stile", escaped(&manifest.version)),
    ];
    page.push_str(
        "<section aria-labelledby=\"asked\">\n<h2 id=\"asked\">What was asked</h2>\n<dl>\n",
    );
    for (name, value) in rows {
        let _ = writeln!(page, "<dt>{name}</dt><dd>{value}</dd>");
    }
    page.push_str("</dl>\n</section>\n");
}

fn or_everything(text: &str) -> &str {
    match text.trim() {
        "" => "everything",
        text => text,
    }
}

fn decisions(page: &mut String, tally: &Tally) {
    page.push_str("<section aria-labelledby=\"counts\">\n<h2 id=\"counts\">What was found</h2>\n");
    let outcomes = tally.outcomes;
    let rows = tally.decisions.iter().map(|(word, count)| {
        let (sign, meaning) = meaning(word);
        let word = escaped(word);
        vec![
            format!("{sign} {word}"),
            meaning.to_owned(),
            count.to_string(),
        ]
    });
    let mut rows: Vec<Vec<String>> = rows.collect();
    rows.push(vec![
        "all".to_owned(),
        format!("{outcomes} with an outcome"),
        tally.rows.to_string(),
    ]);
    page.push_str(&table(
        "Rows by decision",
        &["decision", "meaning", "rows"],
        &rows,
    ));
    page.push_str("</section>\n");
}

fn meaning(word: &str) -> (char, &'static str) {
    match word {
        "allow" => ('✓', "passed on to the upstream"),
        "deny" => ('✗', "refused by policy"),
        "refuse" => ('!', "refused before any policy was asked"),
        "error" => ('!', "refused, since something failed"),
        "public" => ('✓', "a document of stile's own"),
        "own" => ('✓', "a caller was told about itself"),
        _ => ('…', "something that happened to stile itself"),
    }
}

fn bars(page: &mut String, id: &str, title: &str, word: &str, counts: &BTreeMap<String, u64>) {
    let (mut rows, rest) = top(counts, MOST);
    if rest > 0 {
        rows.push(("all others", rest));
    }
    section(page, id, title, &plot::bars(&rows), || {
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|(name, count)| vec![escaped(name), count.to_string()])
            .collect();
        table(title, &[word, "requests"], &rows)
    });
}

fn section(page: &mut String, id: &str, title: &str, plot: &str, table: impl FnOnce() -> String) {
    let _ = writeln!(
        page,
        "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{title}</h2>"
    );
    if plot.is_empty() {
        page.push_str("<p>None.</p>\n</section>\n");
        return;
    }
    let table = table();
    let open = match table.matches("<tr>").count() > MOST_OPEN {
        true => "",
        false => " open",
    };
    let _ = writeln!(page, "<figure>\n{plot}</figure>");
    let _ = writeln!(
        page,
        "<details{open}><summary>The numbers</summary>\n{table}</details>"
    );
    page.push_str("</section>\n");
}

fn table_of_days(tally: &Tally) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in tally.days.values().flat_map(BTreeMap::keys) {
        if !words.contains(&word.as_str()) {
            words.push(word);
        }
    }
    words.sort_unstable();
    let heading: Vec<&str> = std::iter::once("day")
        .chain(words.iter().copied())
        .collect();
    let rows = tally.days.iter().map(|(day, counts)| {
        let counts = words
            .iter()
            .map(|word| counts.get(*word).copied().unwrap_or(0));
        let mut row = vec![escaped(day)];
        row.extend(counts.map(|count| count.to_string()));
        row
    });
    table(
        "Requests by day and decision",
        &heading,
        &rows.collect::<Vec<_>>(),
    )
}

fn in_force(page: &mut String, tally: &Tally) {
    page.push_str("<section aria-labelledby=\"force\">\n<h2 id=\"force\">What was in force</h2>\n");
    let rows = |counts: &BTreeMap<String, u64>| -> Vec<Vec<String>> {
        let rows = counts.iter();
        rows.map(|(digest, count)| vec![code(digest), count.to_string()])
            .collect()
    };
    let sets = rows(&tally.policy_sets);
    page.push_str(&table(
        "Policy sets that decided",
        &["digest", "requests"],
        &sets,
    ));
    let configs = rows(&tally.configs);
    page.push_str(&table("Settings in force", &["digest", "rows"], &configs));
    page.push_str("</section>\n");
}

fn integrity(page: &mut String, manifest: &Manifest) {
    page.push_str("<section aria-labelledby=\"proof\">\n<h2 id=\"proof\">What proves it</h2>\n");
    page.push_str(STATEMENT);
    let rows: Vec<Vec<String>> = manifest
        .journals
        .iter()
        .map(|journal| {
            vec![
                escaped(&journal.origin),
                journal.rows.to_string(),
                journal.leaves.to_string(),
                journal.size.to_string(),
                code(&journal.root),
            ]
        })
        .collect();
    let heading = [
        "journal",
        "rows",
        "records here",
        "records in the tree",
        "root",
    ];
    page.push_str(&table("Journals", &heading, &rows));
    let rows: Vec<Vec<String>> = manifest
        .searched
        .iter()
        .map(|s| {
            vec![
                escaped(&s.origin),
                s.first.to_string(),
                s.next.saturating_sub(1).to_string(),
            ]
        })
        .collect();
    page.push_str(&table(
        "Records that were searched",
        &["journal", "first", "last"],
        &rows,
    ));
    page.push_str("</section>\n");
}

/// A table; its cells are written as they are. Numbers stand below each other.
fn table(caption: &str, heading: &[&str], rows: &[Vec<String>]) -> String {
    let is_number = |cell: &String| cell.bytes().all(|b| b.is_ascii_digit());
    let class = |column: usize| {
        let mut cells = rows.iter().filter_map(|row| row.get(column));
        match !rows.is_empty() && cells.all(is_number) {
            true => " class=\"n\"",
            false => "",
        }
    };
    let classes: Vec<&str> = (0..heading.len()).map(class).collect();
    let mut text = format!("<table>\n<caption>{caption}</caption>\n<thead><tr>");
    for (cell, class) in heading.iter().zip(&classes) {
        let _ = write!(text, "<th scope=\"col\"{class}>{}</th>", escaped(cell));
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        text.push_str("<tr>");
        for (cell, class) in row.iter().zip(&classes) {
            let _ = write!(text, "<td{class}>{cell}</td>");
        }
        text.push_str("</tr>\n");
    }
    if rows.is_empty() {
        let _ = writeln!(text, "<tr><td colspan=\"{}\">none</td></tr>", heading.len());
    }
    text.push_str("</tbody>\n</table>\n");
    text
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", escaped(text))
}

/// Somebody else's text as HTML shows it; what a reader would not see is written out.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() || is_unseen(c) => {
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
            }
            c => safe.push(c),
        }
    }
    safe
}

/// Turns the direction of text round, or has no width.
fn is_unseen(c: char) -> bool {
    matches!(u32::from(c), 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x2069 | 0xfeff)
}

const MOST: usize = 12;
/// A longer table is shown when it is asked for.
const MOST_OPEN: usize = 33;

const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta name=\"color-scheme\" content=\"light dark\">
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">
";

const STATEMENT: &str = "<p>Each row is made of one or two records of a journal. These records are in \
<code>leaves/</code>, byte for byte; <code>proofs/</code> leads from them to the root of the journal's \
tree, which <code>keys/</code> has under the journal's signature. So no row was made up or changed \
since.</p>
<p>That no row was left out is not proved by this bundle unless it holds every record of the tree; the \
records that were searched are below, and whoever has the journal can ask the same query again. Who \
exported and when is what the exporter said.</p>
<p><code>stile audit verify FILE --vkey KEY</code> checks all of it; <code>HOW-TO-VERIFY.txt</code> says \
how to do so without stile.</p>
";

const STYLE: &str = include_str!("report/style.css");
