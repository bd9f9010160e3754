//! The figures of one run, as a table that is read in a terminal and in Markdown.

/// One figure beside what is wanted of it.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What was done.
    pub what: String,
    /// What was measured.
    pub figure: String,
    /// What is wanted.
    pub wanted: &'static str,
    /// Whether it is so; none where nothing is wanted.
    pub met: Option<bool>,
}

impl Figure {
    /// A figure of which nothing is wanted.
    pub(super) fn plain(what: impl Into<String>, figure: String) -> Figure {
        Figure {
            what: what.into(),
            figure,
            wanted: "",
            met: None,
        }
    }

    /// A figure of which something is.
    pub(super) fn of(
        what: impl Into<String>,
        figure: String,
        wanted: &'static str,
        met: bool,
    ) -> Figure {
        Figure {
            what: what.into(),
            figure,
            wanted,
            met: Some(met),
        }
    }
}

/// Prints the machine and one row per figure.
pub fn print(figures: &[Figure]) {
    println!("{}\n", machine());
    let rows = figures.iter().map(|one| {
        let met = one.met.map_or("", |met| if met { "yes" } else { "no" });
        [&one.what, &one.figure, one.wanted, met]
    });
    let heads = ["what", "figure", "wanted", "met"];
    let rows: Vec<[&str; 4]> = std::iter::once(heads).chain(rows).collect();
    let widths = [0, 1, 2, 3].map(|column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    });
    for (at, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        println!("| {} |", cells.join(" | "));
        if at == 0 {
            let rules = widths.map(|width| "-".repeat(width));
            println!("| {} |", rules.join(" | "));
        }
    }
}

/// What it ran on, and how busy that was.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, model)| model);
    let processors = cpuinfo.matches("processor\t:").count();
    let load = read("/proc/loadavg");
    let load: Vec<&str> = load.split(' ').take(3).collect();
    format!(
        "{processors} x {model}, Linux {}, load {} at the end",
        read("/proc/sys/kernel/osrelease").trim(),
        load.join(" "),
    )
}

/// Smallest, middle and largest.
pub(super) fn spread(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
    (
        at(0),
        at(values.len() / 2),
        at(values.len().saturating_sub(1)),
    )
}
