//! Draws counts.
//!
//! In: counts. Out: inline SVG with a title, a description and its numbers as text; nothing where
//! there is nothing to draw.
//!
//! Never: a colour that says something alone: the words stand in the legend and at the bars.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::escaped;

/// Bars side by side, one for each day, or for as many days in a row as fit.
pub(super) fn days(days: &BTreeMap<String, BTreeMap<String, u64>>) -> String {
    if days.is_empty() {
        return String::new();
    }
    let in_one = days.len().div_ceil(MOST_BARS).max(1);
    let all: Vec<(&String, &BTreeMap<String, u64>)> = days.iter().collect();
    let bars: Vec<(&str, BTreeMap<&str, u64>)> = all
        .chunks(in_one)
        .filter_map(|some| {
            let mut sums = BTreeMap::new();
            for (word, count) in some.iter().flat_map(|(_, counts)| counts.iter()) {
                let sum: &mut u64 = sums.entry(word.as_str()).or_default();
                *sum = sum.saturating_add(*count);
            }
            some.first().map(|(day, _)| (day.as_str(), sums))
        })
        .collect();
    let highest = bars
        .iter()
        .map(|(_, sums)| sums.values().sum::<u64>())
        .max();
    let highest = highest.unwrap_or(1).max(1);
    let step = 700.0 / as_f64(u64::try_from(bars.len()).unwrap_or(1));
    let mut svg = begin("0 0 800 300", "days-plot", "Requests by day and decision");
    let _ = writeln!(svg, "<line x1=\"80\" y1=\"240\" x2=\"790\" y2=\"240\"/>");
    let _ = writeln!(
        svg,
        "<text x=\"72\" y=\"45\" text-anchor=\"end\">{highest}</text>"
    );
    let _ = writeln!(svg, "<text x=\"72\" y=\"244\" text-anchor=\"end\">0</text>");
    for (at, (day, sums)) in (0_u32..).zip(&bars) {
        let x = 85.0 + f64::from(at) * step;
        let mut y = 240.0;
        for word in WORDS.iter().filter(|word| sums.contains_key(**word)) {
            let count = sums.get(*word).copied().unwrap_or(0);
            let height = 200.0 * as_f64(count) / as_f64(highest);
            y -= height;
            let width = (step * 0.85).max(1.0);
            let _ = writeln!(
                svg,
                "<rect class=\"{word}\" x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\"><title>{}: {count} {word}</title></rect>",
                escaped(day)
            );
        }
        let every = u32::try_from(bars.len().div_ceil(8)).unwrap_or(1).max(1);
        if at % every == 0 && x < 725.0 {
            let _ = writeln!(
                svg,
                "<text class=\"soft\" x=\"{x:.2}\" y=\"260\">{}</text>",
                escaped(day)
            );
        }
    }
    let seen = |word: &&&str| bars.iter().any(|(_, sums)| sums.contains_key(**word));
    for (at, word) in (0_u32..).zip(WORDS.iter().filter(seen)) {
        let x = 85.0 + f64::from(at) * 110.0;
        let _ = writeln!(
            svg,
            "<rect class=\"{word}\" x=\"{x:.0}\" y=\"276\" width=\"12\" height=\"12\"/>"
        );
        let _ = writeln!(svg, "<text x=\"{:.0}\" y=\"287\">{word}</text>", x + 18.0);
    }
    if in_one > 1 {
        let _ = writeln!(
            svg,
            "<text class=\"soft\" x=\"85\" y=\"20\">each bar is {in_one} days with requests</text>"
        );
    }
    svg + "</svg>\n"
}

/// Bars below each other, each with its name and number.
pub(super) fn bars(rows: &[(&str, u64)]) -> String {
    let highest = rows.iter().map(|(_, count)| *count).max().unwrap_or(0);
    if highest == 0 {
        return String::new();
    }
    let height = u64::try_from(rows.len()).unwrap_or(0).saturating_mul(26);
    let mut svg = begin(
        &format!("0 0 800 {height}"),
        "",
        "Counts, the largest first",
    );
    for (at, (name, count)) in (0_u32..).zip(rows) {
        let y = f64::from(at) * 26.0;
        let width = (380.0 * as_f64(*count) / as_f64(highest)).max(1.0);
        let shown: String = name.chars().take(44).collect();
        let more = if shown.len() < name.len() { "…" } else { "" };
        let _ = writeln!(
            svg,
            "<text x=\"320\" y=\"{:.0}\" text-anchor=\"end\">{}{more}</text>",
            y + 17.0,
            escaped(&shown)
        );
        let _ = writeln!(
            svg,
            "<rect x=\"330\" y=\"{:.0}\" width=\"{width:.2}\" height=\"18\"/>",
            y + 4.0
        );
        let _ = writeln!(
            svg,
            "<text x=\"{:.2}\" y=\"{:.0}\">{count}</text>",
            width + 336.0,
            y + 17.0
        );
    }
    svg + "</svg>\n"
}

fn begin(view: &str, id: &str, title: &str) -> String {
    let id = if id.is_empty() {
        String::new()
    } else {
        format!(" id=\"{id}\"")
    };
    format!(
        "<svg{id} viewBox=\"{view}\" role=\"img\" aria-label=\"{title}; the numbers are in the table below\">\n<title>{title}</title>\n"
    )
}

/// Counts are far below what a float holds exactly, and this is a drawing.
#[allow(clippy::cast_precision_loss, reason = "a drawing")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

const WORDS: &[&str] = &["allow", "deny", "refuse", "error", "public", "own"];
const MOST_BARS: usize = 100;
