//! The table of medians.

use std::collections::BTreeMap;

use super::ways::Measured;

/// Prints one row per way: the median of its rounds, and what it is of the bare pass-through.
pub fn print(rounds: &[Vec<Measured>]) {
    let mut by_way: BTreeMap<usize, Vec<&Measured>> = BTreeMap::new();
    for round in rounds {
        for (place, measured) in round.iter().enumerate() {
            by_way.entry(place).or_default().push(measured);
        }
    }
    println!(
        "| {:<27} | {:>10} | {:>6} | {:>6} | {:>6} | {:>7} | {:>12} | {:>15} | {:>8} |",
        "way",
        "requests/s",
        "bare",
        "p50 us",
        "p99 us",
        "cpu us",
        "records/sync",
        "decision p99 us",
        "RSS MiB"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for rows in by_way.values() {
        let Some(first) = rows.first() else { continue };
        let share = median(rows.iter().enumerate().filter_map(|(round, row)| {
            let bare = rounds.get(round)?.get(1)?;
            Some(row.seen.per_second() / bare.seen.per_second())
        }));
        println!(
            "| {:<27} | {:>10.0} | {:>5.0}% | {:>6.0} | {:>6.0} | {:>7} | {:>12} | {:>15} | {:>8} |",
            first.way,
            median(rows.iter().map(|r| r.seen.per_second())),
            share * 100.0,
            median(rows.iter().map(|r| f64::from(r.seen.quantile_us(0.50)))),
            median(rows.iter().map(|r| f64::from(r.seen.quantile_us(0.99)))),
            shown(rows.iter().filter_map(|r| r.cpu_us), 1),
            shown(rows.iter().filter_map(|r| r.records_per_sync), 1),
            shown(rows.iter().filter_map(|r| r.decision_p99_us), 0),
            shown(
                rows.iter()
                    .filter_map(|r| r.resident_kib.map(|k| k as f64 / 1024.0)),
                1
            ),
        );
    }
}

fn shown(values: impl Iterator<Item = f64>, digits: usize) -> String {
    let value = median(values);
    if value.is_nan() {
        "-".to_owned()
    } else {
        format!("{value:.digits$}")
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
