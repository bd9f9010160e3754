//! What the journal endures with the real program, real load and real faults.

mod crash_loop;
mod flooded;
mod power;
mod run;
mod sweep;

/// What an environment variable says; only the scripts that run these tests for longer set any.
#[allow(
    clippy::disallowed_methods,
    reason = "scripts/crash-loop.sh and its like hand over how long and with which program"
)]
pub(crate) fn told(name: &str) -> Option<String> {
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

/// Each test that the page of what is endured names is there under that name.
#[test]
fn the_page_of_what_is_endured_names_tests_that_there_are() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/endurance.md")).unwrap();
    let named = page
        .split('`')
        .filter_map(|piece| piece.split_once(".rs::"));
    let mut count = 0;
    for (file, name) in named {
        let path = root.join(format!("{file}.rs"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("{file}.rs"));
        assert!(
            text.contains(&format!("fn {name}(")),
            "{file}.rs has no {name}"
        );
        count += 1;
    }
    let rows = page.lines().filter(|line| line.starts_with("| ")).count();
    assert!(count > rows / 2, "{count} tests in {rows} rows");
    for row in page
        .lines()
        .skip_while(|line| *line != "## Recovery rules")
        .skip(4)
    {
        if !row.starts_with("| ") {
            break;
        }
        assert!(row.contains(".rs::"), "no test does this: {row}");
    }
}
