//! Tells the demo: scene, what was asked, what came back, whether that was right.
//!
//! In: answers. Out: lines of at most 80 columns on standard output, colour only on a terminal and
//! never alone: a word or sign says the same.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Instant;

use serde_json::Value;

use crate::caller::Answer;
use crate::world::World;

/// What the story counted so far.
#[derive(Debug)]
pub(super) struct Story {
    colour: bool,
    began: Instant,
    scenes: u32,
    allowed: u32,
    denied: u32,
    surprises: u32,
}

impl Story {
    /// The first line.
    pub(super) fn open() -> Story {
        println!(
            "stile {} demo. Runs on this machine only, keeps nothing, needs no account.\n",
            env!("CARGO_PKG_VERSION")
        );
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let began = Instant::now();
        Story {
            colour,
            began,
            scenes: 0,
            allowed: 0,
            denied: 0,
            surprises: 0,
        }
    }

    /// Who plays.
    pub(super) fn introduces(&self, world: &World) {
        println!("  GitLab-shaped issuer     {}", world.gitlab.url());
        println!("  Okta-shaped issuer       {}", world.okta.url());
        println!("  Lightstep-like upstream  {}", world.upstream.url());
        println!("  stile                    {}", world.stile.url());
        println!("  its admin listener       {}", world.stile.admin);
    }

    /// A new scene.
    pub(super) fn scene(&mut self, title: &str) {
        self.scenes += 1;
        println!("\n{}  {title}", self.scenes);
    }

    /// Who asks what.
    pub(super) fn asks(&self, who: &str, what: &str) {
        println!("     {who}   {what}");
    }

    /// The answer must be an allow.
    pub(super) fn allowed(&mut self, answer: &Answer) {
        let right = answer.status.is_success() && !answer.field("stile-record").is_empty();
        self.allowed += 1;
        self.line(
            '+',
            "32",
            &format!("{} ALLOWED", answer.status.as_u16()),
            answer,
        );
        self.judge(right, &format!("an allow was expected: {}", answer.text()));
    }

    /// The answer must be a deny that says these words.
    pub(super) fn denied(&mut self, answer: &Answer, words: &[&str]) {
        let text = answer.text();
        self.denied += 1;
        self.line(
            'x',
            "31",
            &format!("{} DENIED", answer.status.as_u16()),
            answer,
        );
        let body = answer.json();
        if let Some(detail) = body.get("detail").and_then(Value::as_str) {
            for line in wrapped(detail, 70) {
                println!("       {line}");
            }
        }
        let right = answer.status == 403 && words.iter().all(|word| text.contains(word));
        self.judge(
            right,
            &format!("a deny that says {words:?} was expected: {text}"),
        );
    }

    /// A fact that must hold.
    pub(super) fn holds(&mut self, fact: &str, right: bool) {
        let sign = if right { '+' } else { 'x' };
        println!(
            "   {} {fact}",
            self.paint(sign, if right { "32" } else { "31" })
        );
        self.judge(right, "this was expected to hold");
    }

    /// The last line.
    pub(super) fn sums_up(&self) {
        let seconds = self.began.elapsed().as_secs_f64();
        let (scenes, allowed, denied) = (self.scenes, self.allowed, self.denied);
        if self.as_expected() {
            println!(
                "\nAll {scenes} scenes went as expected ({allowed} allowed, {denied} denied) in {seconds:.1} s."
            );
        } else {
            println!(
                "\n{} of the checks in {scenes} scenes were a surprise.",
                self.surprises
            );
        }
    }

    /// What to try while it stays up.
    pub(super) fn invites(&self, world: &World, program: &Path) {
        let folder = world.stile.folder().path().display();
        let url = format!("{}/public/v0.2/acme/projects/X", world.stile.url());
        println!("\n  a stream, as the job on main:");
        println!(
            "    curl -d '{{}}' -H \"authorization: Bearer $(cat {folder}/ci-main.token)\" {url}/streams"
        );
        println!("  the same from a feature branch, denied with the reason:");
        println!(
            "    curl -d '{{}}' -H \"authorization: Bearer $(cat {folder}/ci-feature.token)\" {url}/streams"
        );
        println!("  what a token says, check by check:");
        println!(
            "    {} token explain --config {folder}/stile.yaml - < {folder}/mira.token",
            program.display()
        );
        println!("  the journal:");
        println!("    {} audit verify {folder}/journal", program.display());
        println!("  readiness and counters:");
        println!(
            "    curl {}/readyz {}/metrics",
            world.stile.admin, world.stile.admin
        );
        println!("\n  stop with Ctrl-C; everything above goes with it.");
    }

    /// Something happened that no scene expected.
    pub(super) fn unexpected(&mut self, what: &str) {
        self.judge(false, what);
    }

    /// Whether nothing was a surprise so far.
    pub(super) fn as_expected(&self) -> bool {
        self.surprises == 0
    }

    fn line(&self, sign: char, colour: &str, words: &str, answer: &Answer) {
        let decision = answer.field("stile-decision");
        println!(
            "   {} {words:<14} decision {decision}",
            self.paint(sign, colour)
        );
    }

    fn judge(&mut self, right: bool, otherwise: &str) {
        if !right {
            self.surprises += 1;
            println!("   {} UNEXPECTED: {otherwise}", self.paint('!', "35"));
        }
    }

    fn paint(&self, sign: char, colour: &str) -> String {
        if self.colour {
            format!("\x1b[{colour}m{sign}\x1b[0m")
        } else {
            sign.to_string()
        }
    }
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { break };
        if line.len() + word.len() + 1 > width && !line.is_empty() {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
