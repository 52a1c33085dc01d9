//! All measurements, and what becomes of them.

use std::fmt::Write;

use crate::cell::{self, Measured};
use crate::exporters::NAMES;
use crate::load::Load;
use crate::options::Options;

/// One row for each delay and load; the exporters take turns within it.
pub fn measure(options: &Options) -> String {
    let mut table = format!("| round trip | load | {} |\n", NAMES.join(" | "));
    table += &format!("|---|---{}|\n", "|---".repeat(NAMES.len()));
    for delay in &options.delays {
        for load in &options.loads {
            let mut measured: [Vec<Measured>; NAMES.len()] = Default::default();
            for _ in 0..options.rounds {
                for (exporter, cell) in NAMES.iter().zip(&mut measured) {
                    let one = cell::measure(exporter, *load, *delay, options);
                    report(exporter, *load, *delay, &one);
                    cell.push(one);
                }
            }
            write!(table, "| {delay} ms | {}", words(*load)).expect("a string");
            for cell in measured {
                let median = median(cell);
                let (goodput, loss) = (grouped(median.goodput()), median.loss());
                write!(table, " | {goodput} /s, {loss:.1} %").expect("a string");
            }
            table += " |\n";
        }
    }
    table
}

/// What each measurement said, so that a bad one can be told from a slow one.
fn report(exporter: &str, load: Load, delay: u64, measured: &Measured) {
    eprintln!(
        "{delay:>4} ms, {load:>6}, {exporter:<20}: {} ended in {:.2} s, {} received in {:.2} s, \
         {} requests",
        measured.ended, measured.made, measured.received, measured.took, measured.requests
    );
}

/// The lower one of two in the middle.
fn median(mut measured: Vec<Measured>) -> Measured {
    measured.sort_by(|a, b| a.goodput().total_cmp(&b.goodput()));
    measured[(measured.len() - 1) / 2]
}

fn words(load: Load) -> String {
    match load {
        Load::Closed => "closed loop".to_owned(),
        Load::Paced(rate) => format!("{} spans/s", grouped(rate as f64)),
    }
}

/// A whole number with commas between its thousands.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
