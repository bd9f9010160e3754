//! What the journal endures with the real program, real load and real faults.

mod crash_loop;
mod flooded;

/// What an environment variable says; only the scripts that run these tests for longer set any.
#[allow(
    clippy::disallowed_methods,
    reason = "scripts/crash-loop.sh and its like hand over how long and with which program"
)]
fn told(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// The program under test, or the one that a script built for speed.
fn program() -> std::path::PathBuf {
    told("STILE_PROGRAM").map_or_else(|| crate::support::program().to_owned(), Into::into)
}

/// Random numbers that a seed repeats.
struct Dice(u64);

impl Dice {
    /// Seeded as told, or by the moment; says which it is.
    fn cast(what: &str) -> Dice {
        let seed = told("STILE_SEED").and_then(|text| text.parse().ok());
        let seed = seed.unwrap_or_else(|| uuid::Uuid::now_v7().as_u64_pair().1) | 1;
        eprintln!("{what}: seed {seed}");
        Dice(seed)
    }

    /// From `from` to below `to`.
    fn between(&mut self, from: u64, to: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        from + self.0 % (to - from)
    }
}
