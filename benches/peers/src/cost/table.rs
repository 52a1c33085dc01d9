//! All measurements, and what becomes of them.

use std::fmt::Write;

use super::options::Options;
use super::rows::Row;
use super::sample::{self, Sample};

/// What is measured of a row.
struct Measured<'a> {
    row: &'a Row,
    counted: Sample,
    /// One for each round.
    timed: Vec<Sample>,
}

/// Time, allocations and bytes, above the same process without an exporter.
pub fn times(options: &Options) -> String {
    let measure = |row: &&'static Row| {
        let counted = sample::measure(row, options.load, true);
        Measured { row, counted, timed: Vec::new() }
    };
    let mut all: Vec<_> = options.rows.iter().map(measure).collect();
    for round in 0..options.rounds {
        for measured in &mut all {
            let sample = sample::measure(measured.row, options.load, false);
            eprintln!("round {round}, {}: {sample:?}", measured.row.name);
            measured.timed.push(sample);
        }
    }
    let mut table = "| | adds CPU, µs | × ideal | making, ns | allocations | bytes of them \
                     | bytes on the wire | requests a trace | lost |\n"
        .to_owned();
    table += &format!("|---|{}\n", "---|".repeat(8));
    for measured in &all {
        let base = &all[place(&all, measured.row.base)];
        let adds = median(adds(measured, base)) / 1000.0;
        let making = median(measured.timed.iter().map(|it| it.making_ns));
        let above = |of: fn(&Sample) -> f64| of(&measured.counted) - of(&base.counted);
        let lost = measured.timed.iter().map(|it| it.lost).fold(0.0, f64::max);
        writeln!(
            table,
            "| {} | {adds:.2} | {} | {making:.0} | {:.2} | {:.0} | {:.0} | {:.2} | {lost:.2} % |",
            measured.row.name,
            ratio(measured, &all),
            above(|it| it.allocations),
            above(|it| it.allocated_bytes),
            median(measured.timed.iter().map(|it| it.wire_bytes)),
            median(measured.timed.iter().map(|it| it.requests)),
        )
        .expect("a string");
    }
    table
}

/// Instructions, above the same process without an exporter.
pub fn instructions(options: &Options) -> String {
    let count = |row: &&'static Row| {
        let count = sample::instructions(row, options.load);
        eprintln!("{}: {count:.0} instructions", row.name);
        (row.name, count)
    };
    let counts: Vec<_> = options.rows.iter().map(count).collect();
    let of = |name: &str| counts.iter().find(|(is, _)| *is == name).map_or(f64::NAN, |it| it.1);
    let mut table = "| | adds instructions | × ideal |\n|---|---|---|\n".to_owned();
    for row in &options.rows {
        let adds = of(row.name) - of(row.base);
        let times = |ideal| format!("{:.2}", adds / (of(ideal) - of("none")));
        let ratio = row.ideal.map(times).unwrap_or_default();
        writeln!(table, "| {} | {adds:.0} | {ratio} |", row.name).expect("a string");
    }
    table
}

/// What each round took above the base, which was measured beside it.
fn adds<'a>(measured: &'a Measured<'_>, base: &'a Measured<'_>) -> impl Iterator<Item = f64> + 'a {
    measured.timed.iter().zip(&base.timed).map(|(one, base)| one.cpu_ns - base.cpu_ns)
}

fn ratio(measured: &Measured<'_>, all: &[Measured<'_>]) -> String {
    let Some(ideal) = measured.row.ideal.map(|name| &all[place(all, name)]) else {
        return String::new();
    };
    let base_of = |measured: &Measured<'_>| place(all, measured.row.base);
    let (one, least) = (adds(measured, &all[base_of(measured)]), adds(ideal, &all[base_of(ideal)]));
    format!("{:.2}", median(one.zip(least).map(|(one, least)| one / least)))
}

fn place(all: &[Measured<'_>], name: &str) -> usize {
    all.iter().position(|measured| measured.row.name == name).expect("a row")
}

/// The lower one of two in the middle.
fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers[(numbers.len() - 1) / 2]
}
