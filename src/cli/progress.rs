//! Shows how far long work is: amount, rate, time left.
//!
//! In: how much is done and how much there is. Out: a bar that stays on its line where somebody
//! looks, a plain line every ten per cent where nobody does.
//!
//! Never: on standard output; for work that ends at once.

use std::io::{Write, stderr};
use std::time::{Duration, Instant};

/// A meter of one piece of work.
#[derive(Debug)]
pub(super) struct Meter {
    watched: bool,
    began: Instant,
    shown: Option<Instant>,
    tenth: u64,
}

impl Meter {
    /// A meter that begins now. `watched` says whether standard error is a terminal.
    pub(super) fn new(watched: bool) -> Meter {
        Meter {
            watched,
            began: Instant::now(),
            shown: None,
            tenth: 0,
        }
    }

    /// Shows the state, if it is time to. Sizes in bytes.
    pub(super) fn show(&mut self, done: u64, total: u64, count: u64, of: &str) {
        let elapsed = self.began.elapsed();
        if let Some(percent) = self.due(done, total, elapsed) {
            self.say(&text(percent, done, total, count, of, elapsed));
        }
    }

    /// How many per cent are done, if it is time to say so.
    fn due(&mut self, done: u64, total: u64, elapsed: Duration) -> Option<u64> {
        if elapsed < PATIENCE || total == 0 {
            return None;
        }
        let percent = done.min(total).saturating_mul(100) / total;
        let due = match self.watched {
            true => self.shown.is_none_or(|shown| shown.elapsed() >= BETWEEN),
            false => percent / 10 > self.tenth,
        };
        if due {
            self.tenth = percent / 10;
        }
        due.then_some(percent)
    }

    fn say(&mut self, text: &str) {
        self.shown = Some(Instant::now());
        // Talk that nobody hears is no fault.
        let _ = match self.watched {
            true => write!(stderr(), "\r{text}\x1b[K"),
            false => writeln!(stderr(), "{text}"),
        };
    }

    /// Shows the state of work that is counted in steps, if it is time to.
    pub(super) fn count(&mut self, done: usize, total: usize, at: &str) {
        let steps = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let elapsed = self.began.elapsed();
        let Some(percent) = self.due(steps(done), steps(total), elapsed) else {
            return;
        };
        let seconds = elapsed.as_secs_f64();
        let rate = done as f64 / seconds;
        let left = total.saturating_sub(done) as f64 / rate.max(1e-3);
        self.say(&format!(
            "[{}] {percent:3} %  {done} of {total}  {rate:.0}/s  {left:.0} s left  {at}",
            bar(percent)
        ));
    }

    /// Takes the bar away.
    pub(super) fn finish(self) {
        if self.watched && self.shown.is_some() {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

fn text(percent: u64, done: u64, total: u64, count: u64, of: &str, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    let rate = done as f64 / seconds;
    let left = total.saturating_sub(done) as f64 / rate.max(1.0);
    let mib = rate / 1_048_576.0;
    let bar = bar(percent);
    format!("[{bar}] {percent:3} %  {count} {of}  {mib:.0} MiB/s  {left:.0} s left")
}

fn bar(percent: u64) -> String {
    let filled = usize::try_from(percent / 5).unwrap_or(20);
    format!(
        "{}{}",
        "#".repeat(filled),
        "-".repeat(20_usize.saturating_sub(filled))
    )
}

/// Work that ends within this shows nothing.
const PATIENCE: Duration = Duration::from_millis(500);
const BETWEEN: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_amount_rate_and_time_left() {
        let said = text(25, 1 << 20, 4 << 20, 10, "records", Duration::from_secs(1));
        assert_eq!(
            said,
            "[#####---------------]  25 %  10 records  1 MiB/s  3 s left"
        );
    }
}
