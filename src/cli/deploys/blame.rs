//! Says what ran at a moment, for people in a few lines and for programs in one.
//!
//! In: what was found. Out: the deployment in force, what ran before it, the commits between, and what
//! was tried since.

use crate::cli::table::Format;
use crate::cli::{Exit, Terminal, Trouble};
use crate::clock::Time;
use crate::index::{Asked, shown_in};
use crate::timeline::{Blame, written};

/// What ran, in a few lines.
pub(super) fn tell(
    blame: &Blame,
    asked: &Asked,
    at: Time,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let deploy = &blame.deploy;
    if terminal.format() != Format::Table {
        terminal.line(written::document(deploy))?;
        return Ok(Exit::Yes);
    }
    let before = at.ms_since(deploy.time) / 1000;
    terminal.line(format_args!(
        "{} deployed {} before, at {}",
        deploy.short(),
        span(before),
        shown_in(deploy.time, &asked.zone),
    ))?;
    for (what, text) in [
        ("change", deploy.change_text()),
        ("by", deploy.by.clone().unwrap_or_default()),
        ("since", deploy.gap_text()),
        ("around", deploy.around_text()),
        (
            "job",
            deploy
                .url
                .clone()
                .or(deploy.job.clone())
                .unwrap_or_default(),
        ),
    ] {
        if !text.is_empty() {
            terminal.line(format_args!("  {what:<8}{text}"))?;
        }
    }
    let verified = match deploy.is_verified() {
        true => "yes: the commit is that of the job's token",
        false => "no: GitLab told it, and the job said nothing here",
    };
    terminal.line(format_args!("  {:<8}{verified}", "verified"))?;
    if let Some(previous) = &deploy.previous {
        terminal.line(format_args!("before it {previous}"))?;
    }
    for commit in deploy.between.iter().flatten() {
        let id = commit.id.get(..8).unwrap_or(&commit.id);
        let machine = commit.machine.as_ref();
        let machine = machine.map_or(String::new(), |word| format!("  (with {word})"));
        terminal.line(format_args!("  {id}  {}{machine}", commit.title))?;
    }
    for tried in &blame.tried_since {
        let (short, word) = (tried.short(), tried.status.word());
        let time = shown_in(tried.time, &asked.zone);
        terminal.line(format_args!(
            "after it  {time}  {short}  {word}  {}",
            tried.gap_text()
        ))?;
    }
    Ok(Exit::Yes)
}

/// Seconds in the two largest units that they have.
fn span(seconds: u64) -> String {
    let units = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let mut left = seconds;
    let mut parts = Vec::new();
    for (unit, size) in units {
        if left >= size && parts.len() < 2 {
            parts.push(format!("{} {unit}", left / size));
            left %= size;
        }
    }
    match parts.is_empty() {
        true => "0 s".to_owned(),
        false => parts.join(" "),
    }
}
