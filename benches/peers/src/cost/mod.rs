//! What an exporter costs the process that it is in, beside the least possible.

mod allocations;
mod load;
mod options;
mod rows;
mod sample;
mod table;

pub use self::load::spend;
use self::options::Options;

pub fn run(settings: &[&str]) {
    match Options::parse(settings) {
        Ok(options) if options.instructions => print!("{}", table::instructions(&options)),
        Ok(options) => print!("{}", table::times(&options)),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(2);
        }
    }
}
