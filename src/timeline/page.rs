//! Draws a timeline as one page.
//!
//! In: a [`Timeline`]. Out: HTML that needs nothing else: no script, no request, one style.
//!
//! Above a drawing: a line for each service and environment, a mark for each deployment, its form and
//! its letter telling what became of it, so that colour says nothing alone. Below the same as a table.
//! Marks are links to the rows. It fits 320 px, both colour schemes, keyboard and screen reader
//! (WCAG 2.2 AA); the policy in its head lets a browser load nothing and run nothing.

use std::collections::BTreeMap;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;

use super::deploy::{Deploy, Status};
use super::reading::Timeline;
use super::written::escaped;
use crate::clock::Time;
use crate::index::shown_in;
use crate::record::frame::sha256;

/// The page, with times in a zone.
pub fn page(timeline: &Timeline, zone: &TimeZone) -> String {
    let mut out = String::with_capacity(16 * 1024);
    let digest = STANDARD.encode(sha256(&[STYLE.as_bytes()]));
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"content-security-policy\" \
         content=\"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>Deployments</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <main>\n<h1>Deployments</h1>\n"
    );
    match timeline.deploys.is_empty() {
        true => out.push_str("<p>No deployment is known in this stretch of time.</p>\n"),
        false => {
            drawing(timeline, zone, &mut out);
            table(timeline, zone, &mut out);
        }
    }
    if timeline.has_more {
        out.push_str(
            "<p>There are more: ask for another stretch of time, or with a larger limit.</p>\n",
        );
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

/// Lanes of marks between the first moment and the last.
fn drawing(timeline: &Timeline, zone: &TimeZone, out: &mut String) {
    let deploys = &timeline.deploys;
    let times = || deploys.iter().map(|deploy| deploy.time.as_ms());
    let (first, last) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
    let mut lanes: BTreeMap<(&str, &str), Vec<(usize, &Deploy)>> = BTreeMap::new();
    for (row, deploy) in deploys.iter().enumerate() {
        let environment = deploy.environment.as_deref().unwrap_or("");
        let lane = lanes.entry((&deploy.service, environment)).or_default();
        lane.push((row, deploy));
    }
    let height = lanes.len() * LANE + AXIS;
    let count = deploys.len();
    let _ = write!(
        out,
        "<div class=\"drawing\" role=\"region\" aria-label=\"Drawing\" tabindex=\"0\">\n\
         <svg viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"group\" \
         aria-labelledby=\"drawn told\">\n<title id=\"drawn\">{count} deployments</title>\n\
         <desc id=\"told\">A line for each service and environment, from {} to {}; \
         the table below says the same.</desc>\n",
        shown_in(Time::from_ms(first), zone),
        shown_in(Time::from_ms(last), zone),
    );
    for (lane, ((service, environment), marks)) in lanes.iter().enumerate() {
        let y = lane * LANE + LANE - 10;
        let name = format!("{service} {environment}");
        let _ = write!(
            out,
            "<text x=\"0\" y=\"{}\">{}</text>\n<line x1=\"0\" x2=\"{WIDTH}\" y1=\"{y}\" y2=\"{y}\"/>\n",
            y - 14,
            escaped(name.trim()),
        );
        // The newest last, and so on top where marks lie over each other.
        for (row, deploy) in marks.iter().rev() {
            let x = place(deploy.time.as_ms(), first, last);
            mark(*row, deploy, x, y, zone, out);
        }
    }
    let y = height - 6;
    let _ = write!(
        out,
        "<text x=\"0\" y=\"{y}\">{}</text>\n<text x=\"{WIDTH}\" y=\"{y}\" text-anchor=\"end\">{}</text>\n\
         </svg>\n</div>\n<p class=\"key\"><b>o</b> deployed, <b>R</b> rollback, <b>!</b> failed, \
         <b>x</b> denied, <b>?</b> not told to the telemetry</p>\n",
        shown_in(Time::from_ms(first), zone),
        shown_in(Time::from_ms(last), zone),
    );
}

fn place(ms: u64, first: u64, last: u64) -> u64 {
    let span = last.saturating_sub(first).max(1);
    let across = u64::from(WIDTH) - 2 * EDGE;
    EDGE + ms.saturating_sub(first).saturating_mul(across) / span
}

fn mark(row: usize, deploy: &Deploy, x: u64, y: usize, zone: &TimeZone, out: &mut String) {
    let (letter, class) = letter(deploy);
    let title = format!(
        "{} {} {} {}",
        deploy.service,
        deploy.short(),
        word(deploy),
        shown_in(deploy.time, zone)
    );
    let _ = writeln!(
        out,
        "<a href=\"#d{row}\" class=\"{class}\"><title>{}</title>\
         <circle cx=\"{x}\" cy=\"{y}\" r=\"9\"/>\
         <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{letter}</text></a>",
        escaped(&title),
        y + 4,
    );
}

fn letter(deploy: &Deploy) -> (char, &'static str) {
    match &deploy.status {
        Status::Deployed if deploy.is_rollback => ('R', "back"),
        Status::Deployed => ('o', "good"),
        Status::Failed => ('!', "bad"),
        Status::Denied(_) => ('x', "bad"),
        Status::NotTold => ('?', "bad"),
    }
}

fn word(deploy: &Deploy) -> String {
    match (&deploy.status, deploy.is_rollback) {
        (Status::Deployed, true) => "deployed, a rollback".to_owned(),
        (Status::Denied(reason), _) => format!("denied: {reason}"),
        (status, _) => status.word().to_owned(),
    }
}

fn table(timeline: &Timeline, zone: &TimeZone, out: &mut String) {
    out.push_str(
        "<div class=\"table\" role=\"region\" aria-label=\"Table\" tabindex=\"0\">\n<table>\n\
         <caption>Deployments, the newest first</caption>\n<thead><tr>",
    );
    for heading in HEADINGS {
        let _ = write!(out, "<th scope=\"col\">{heading}</th>");
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for (row, deploy) in timeline.deploys.iter().enumerate() {
        let time = shown_in(deploy.time, zone);
        let tellers: Vec<&str> = deploy.tellers.iter().map(|teller| teller.word()).collect();
        let verified = if deploy.is_verified() { "yes" } else { "no" };
        let machines: Vec<&str> = deploy.machines.iter().map(String::as_str).collect();
        let _ = write!(
            out,
            "<tr id=\"d{row}\"><td><time datetime=\"{time}\">{time}</time></td>\
             <th scope=\"row\">{}</th>",
            escaped(&deploy.service)
        );
        let job = deploy.job.clone().unwrap_or_default();
        let cells = [
            deploy.environment.clone().unwrap_or_default(),
            deploy.short().to_owned(),
            word(deploy),
            deploy.change_text(),
            deploy.by.clone().unwrap_or_default(),
            deploy.gap_text(),
            format!("{verified}, by {}", tellers.join(" and ")),
            machines.join(" "),
            deploy.around_text(),
        ];
        for cell in cells {
            let _ = write!(out, "<td>{}</td>", escaped(&cell));
        }
        let _ = match deploy.link() {
            Some(url) => writeln!(
                out,
                "<td><a href=\"{}\" rel=\"noreferrer\">{}</a></td></tr>",
                escaped(url),
                escaped(&job)
            ),
            None => writeln!(out, "<td>{}</td></tr>", escaped(&job)),
        };
    }
    out.push_str("</tbody>\n</table>\n</div>\n");
}

const HEADINGS: &[&str] = &[
    "time",
    "service",
    "environment",
    "commit",
    "status",
    "change",
    "by",
    "since",
    "verified",
    "machines",
    "around it",
    "job",
];

/// Of the drawing, in CSS px.
const WIDTH: u32 = 900;
const LANE: usize = 48;
const AXIS: usize = 26;
/// Left and right of the first and the last mark.
const EDGE: u64 = 12;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1a1a1a;--page:#fff;--line:#767676;--good:#0b5d2a;--bad:#a11212;\
--back:#5b2a86;--link:#0645ad}\
@media(prefers-color-scheme:dark){:root{--ink:#eee;--page:#161616;--line:#8c8c8c;--good:#6fd396;\
--bad:#ff9d9d;--back:#c9a6ef;--link:#9cc2ff}}\
*{box-sizing:border-box}body{margin:0;font:16px/1.5 system-ui,sans-serif;color:var(--ink);\
background:var(--page)}main{max-width:76rem;margin:0 auto;padding:1rem}h1{margin:0 0 .5rem;font-size:1.5rem}\
.drawing,.table{overflow-x:auto;margin:0 0 1rem}svg{display:block;max-width:none}\
svg text{font-size:13px;fill:var(--ink)}line{stroke:var(--line)}circle{fill:var(--page);stroke-width:2;\
stroke:currentColor}svg a text{font-weight:700;fill:currentColor}.good{color:var(--good)}\
.bad{color:var(--bad)}.back{color:var(--back)}a{color:var(--link)}\
a:focus-visible,[tabindex]:focus-visible{outline:3px solid var(--link);outline-offset:2px}\
a:focus-visible circle{stroke-width:4}table{border-collapse:collapse;width:100%}\
caption{text-align:left;font-weight:700;padding:.25rem 0}th,td{text-align:left;vertical-align:top;\
padding:.35rem .6rem;border-bottom:1px solid var(--line)}tr:target{outline:3px solid var(--link)}\
td a{display:inline-block;min-height:24px;min-width:24px}td:first-child{white-space:nowrap}";
