//! Draws counts over time.
//!
//! In: moments and counts between them. Out: an SVG without a style of its own, and the same numbers as
//! rows of a table.

use std::fmt::Write;

use serde::Serialize;

use super::frame::Stamp;
use super::texts::grouped;
use super::view::View;
use crate::clock::Time;
use crate::index::Counted;

/// What happened in one stretch.
#[derive(Debug, Serialize)]
pub(super) struct Bar {
    pub(super) from: Stamp,
    pub(super) came: u64,
    pub(super) not: u64,
}

/// The moments that cut a stretch of time into so many pieces.
pub(super) fn moments(since: Time, until: Time) -> Vec<Time> {
    let length = until.ms_since(since).max(PIECES);
    let at = |piece: u64| since.plus_ms(length.saturating_mul(piece) / PIECES);
    (0..=PIECES).map(at).collect()
}

/// What happened between moments: what was allowed, and what was not.
pub(super) fn bars(view: &View<'_>, moments: &[Time], counted: &[Counted]) -> Vec<Bar> {
    let pieces = moments.iter().zip(counted);
    let bar = |(from, counted): (&Time, &Counted)| Bar {
        from: Stamp::of(view, *from),
        came: counted.with,
        not: counted.rows.saturating_sub(counted.with),
    };
    pieces.map(bar).collect()
}

/// The drawing: what came through below, what did not above it, hatched.
pub(super) fn drawn(bars: &[Bar]) -> String {
    let sums = bars.iter().map(|bar| bar.came.saturating_add(bar.not));
    let most = sums.max().unwrap_or(0).max(1);
    let (came, not) = (
        bars.iter().map(|bar| bar.came).sum::<u64>(),
        bars.iter().map(|bar| bar.not).sum::<u64>(),
    );
    let width = WIDE * bars.len() as u64;
    let mut out = format!(
        "<svg viewBox=\"0 0 {width} {HIGH}\" class=\"bars\" role=\"img\" preserveAspectRatio=\"none\" \
         aria-labelledby=\"bars-title bars-desc\"><title id=\"bars-title\">Requests over time</title>\
         <desc id=\"bars-desc\">{} allowed and {} not, in {} pieces; the table below has the numbers.\
         </desc><line class=\"axis\" x1=\"0\" x2=\"{width}\" y1=\"{HIGH}\" y2=\"{HIGH}\"/>",
        grouped(came),
        grouped(not),
        bars.len(),
    );
    for (at, bar) in bars.iter().enumerate() {
        let x = WIDE * at as u64 + 1;
        // What happened at all is to be seen.
        let high = |count: u64| match count {
            0 => 0,
            some => (some.saturating_mul(HIGH - 4) / most).max(2),
        };
        let (low, top) = (high(bar.came), high(bar.not));
        let mut bar = |class: &str, y: u64, height: u64| {
            if height > 0 {
                let _ = write!(
                    out,
                    "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{height}\"/>",
                    WIDE - 2
                );
            }
        };
        bar("came", HIGH.saturating_sub(low), low);
        bar("not", HIGH.saturating_sub(low + top), top);
    }
    out.push_str("</svg>");
    out
}

/// Of the stretch of a page.
const PIECES: u64 = 24;

/// In units of the drawing, which is as wide as the page.
const WIDE: u64 = 40;
const HIGH: u64 = 80;
