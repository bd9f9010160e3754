//! Draws who is tied to what: holders, roles, projects, with a line for each binding.
//!
//! In: [`Tie`]s. Out: an SVG without a style of its own. What a line looks like is said in its title and
//! in the table beside: solid, dashed for the own things only, thick for what deletes or hands out
//! rights.

use std::fmt::Write;

use askama::filters::{Html, escape};
use serde::Serialize;

/// A binding.
#[derive(Debug, Serialize)]
pub(super) struct Tie {
    pub(super) binding: String,
    pub(super) holder: String,
    pub(super) role: String,
    pub(super) actions: Vec<String>,
    pub(super) projects: Vec<String>,
    /// Of the own things only.
    pub(super) own: bool,
    /// Whether it deletes, or hands out secrets or rights.
    pub(super) is_strong: bool,
}

/// The picture; nothing where nothing is bound.
pub(super) fn drawn(ties: &[Tie]) -> String {
    if ties.is_empty() {
        return String::new();
    }
    let holders = each(ties.iter().map(|tie| &tie.holder));
    let roles = each(ties.iter().map(|tie| &tie.role));
    let projects = each(ties.iter().flat_map(|tie| &tie.projects));
    let most = holders.len().max(roles.len()).max(projects.len());
    let height = most * STEP + STEP / 2;
    let mut out = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\" \
         aria-labelledby=\"tied tied-desc\"><title id=\"tied\">Who is bound to which role, and where\
         </title><desc id=\"tied-desc\">{} holders, {} roles and {} projects, with {} bindings; the \
         table below says the same.</desc>",
        holders.len(),
        roles.len(),
        projects.len(),
        ties.len()
    );
    let place = |of: &[&str], name: &str| {
        let at = of.iter().position(|known| *known == name).unwrap_or(0);
        // Spread over the whole height, each column by itself.
        (at * 2 + 1) * height / (of.len() * 2)
    };
    for tie in ties {
        let class = match (tie.own, tie.is_strong) {
            (true, _) => "own",
            (false, true) => "strong",
            (false, false) => "",
        };
        let (from, over) = (place(&holders, &tie.holder), place(&roles, &tie.role));
        line(
            &mut out,
            class,
            &tie.binding,
            [(COLUMNS[0] + BOX, from), (COLUMNS[1], over)],
        );
        for project in &tie.projects {
            let to = place(&projects, project);
            line(
                &mut out,
                class,
                &tie.binding,
                [(COLUMNS[1] + BOX, over), (COLUMNS[2], to)],
            );
        }
    }
    for (x, names) in COLUMNS.iter().zip([&holders, &roles, &projects]) {
        for name in names {
            let y = place(names, name);
            let _ = write!(
                out,
                "<rect class=\"box\" x=\"{x}\" y=\"{}\" width=\"{BOX}\" height=\"28\" rx=\"4\"/>\
                 <text x=\"{}\" y=\"{}\">{}</text>",
                y.saturating_sub(14),
                x + 10,
                y + 5,
                markup(&cut(name)),
            );
        }
    }
    out.push_str("</svg>");
    out
}

fn line(out: &mut String, class: &str, title: &str, [(x, y), (to_x, to_y)]: [(usize, usize); 2]) {
    let middle = usize::midpoint(x, to_x);
    let _ = write!(
        out,
        "<path class=\"{class}\" d=\"M{x} {y}C{middle} {y} {middle} {to_y} {to_x} {to_y}\"><title>{}\
         </title></path>",
        markup(title)
    );
}

/// Each name once, in the order of its first appearance.
fn each<'t>(names: impl Iterator<Item = &'t String>) -> Vec<&'t str> {
    let mut found: Vec<&str> = Vec::new();
    for name in names {
        if !found.contains(&name.as_str()) {
            found.push(name);
        }
    }
    found
}

/// What fits into a box.
fn cut(name: &str) -> String {
    match name.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", name.get(..at).unwrap_or(name)),
        None => name.to_owned(),
    }
}

fn markup(text: &str) -> String {
    escape(text, Html).map_or_else(|_| String::new(), |escaped| escaped.to_string())
}

const WIDTH: usize = 900;
const COLUMNS: [usize; 3] = [1, 350, 699];
const BOX: usize = 200;
const STEP: usize = 40;
/// Characters in a box.
const MOST: usize = 24;
