//! Says which known operation is nearest to a request that matches none.
//!
//! In: the templates and a path. Out: a sentence made of templates only.
//!
//! Never: a byte of the request; a template is ours, the path is a stranger's.

use http::Method;

use super::path::{Path, Segment};
use super::template::{Part, Template};

/// What to tell the caller, where something is near enough to be meant.
pub(super) fn told<'a>(
    templates: impl Iterator<Item = &'a Template>,
    method: &Method,
    path: &Path<'_>,
) -> Option<String> {
    let segments = path.segments();
    let scored = templates.map(|template| (score(template, method, segments), template));
    let near = scored
        .filter(|(score, _)| *score >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let (_, template) = near?;
    Some(format!(
        "no operation of the catalogue has this method and path; the nearest is `{} {}`",
        template.method, template.text
    ))
}

/// How much of a template is in a path: 1 for all of it.
fn score(template: &Template, method: &Method, segments: &[Segment<'_>]) -> f64 {
    let longest = template.parts.len().max(segments.len());
    if longest.abs_diff(template.parts.len().min(segments.len())) > 1 {
        return 0.0;
    }
    let alike: f64 = template
        .parts
        .iter()
        .zip(segments)
        .map(|(part, segment)| likeness(part, segment))
        .sum();
    let literals = template.parts.iter().zip(segments);
    let literals = literals
        .filter(|(part, segment)| matches!(part, Part::Literal(text) if *text == *segment.text()));
    if literals.count() == 0 {
        return 0.0;
    }
    let other_method = if template.method == *method {
        0.0
    } else {
        OTHER_METHOD
    };
    alike / count(longest) - other_method
}

fn likeness(part: &Part, segment: &Segment<'_>) -> f64 {
    match part {
        Part::Parameter(_) => PARAMETER,
        Part::Literal(text) if segment.text().len() <= COMPARED_BYTES => {
            strsim::jaro_winkler(text, segment.text())
        }
        Part::Literal(_) => 0.0,
    }
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}

/// From this score on a template is named.
const NEAR: f64 = 0.75;

/// A parameter takes anything, which says a little less than a literal that fits.
const PARAMETER: f64 = 0.95;

/// What another method takes off.
const OTHER_METHOD: f64 = 0.02;

/// Longer segments are not compared: the work per refusal stays bounded.
const COMPARED_BYTES: usize = 64;
