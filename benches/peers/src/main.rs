//! Spans that arrive in a second, spans that never do, and what sending them costs: this crate
//! beside its peers.
//!
//! Every measurement has two processes of its own, one that receives and one that makes spans, so
//! that no thread, no connection and no global of one exporter is there for the next.

mod cell;
mod cost;
mod count;
mod exporters;
mod load;
mod options;
mod receiver;
mod table;
mod traces;
mod web;

use std::env;

use options::Options;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["receive", delay] => receiver::run(delay),
        ["load", exporter, load, seconds, window, address] => {
            load::run(exporter, load, seconds, window, address);
        }
        ["spend", exporter, load, counting, address] => {
            cost::spend(exporter, load, counting, address);
        }
        ["cost", settings @ ..] => cost::run(settings),
        settings => match Options::parse(settings) {
            Ok(options) => print!("{}", table::measure(&options)),
            Err(error) => {
                eprintln!("{error}");
                std::process::exit(2);
            }
        },
    }
}
