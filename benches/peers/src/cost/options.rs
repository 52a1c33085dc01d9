//! What to measure, from the command line.

use super::load::Load;
use super::rows::{ROWS, Row};

const USAGE: &str = "\
settings of `cost`, each of which may be left out:
  instructions           count instructions by valgrind, once, instead of time
  rounds=9               measurements of each exporter, which take turns; the table has the medians
  spans=100000           spans of each measurement, after a warm-up
  window=2000            spans between two flushes; fewer for `sentry`, whose queue is shorter
  spans-per-trace=20     from 1 to `window`
  exceptions=5           spans with an exception of 2 KB, in percent
  only=ideal;none        names of rows, with those that they are measured by";

#[derive(Debug)]
pub struct Options {
    pub instructions: bool,
    pub rounds: usize,
    pub load: Load,
    pub rows: Vec<&'static Row>,
}

impl Options {
    pub fn parse(settings: &[&str]) -> Result<Self, String> {
        let load = Load { spans: 0, window: 2000, spans_per_trace: 20, exception_every: 20 };
        let rows = ROWS.iter().collect();
        let mut options = Self { instructions: false, rounds: 9, load, rows };
        for setting in settings {
            options.set(setting).ok_or_else(|| format!("`{setting}` is none of the\n{USAGE}"))?;
        }
        let Self { load, instructions, .. } = &mut options;
        if load.spans == 0 {
            load.spans = if *instructions { 8000 } else { 100_000 };
        }
        if load.window % load.spans_per_trace != 0 {
            return Err("a window has to be whole traces".to_owned());
        }
        Ok(options)
    }

    fn set(&mut self, setting: &str) -> Option<()> {
        let load = &mut self.load;
        match setting.split_once('=').unwrap_or((setting, "")) {
            ("instructions", "") => self.instructions = true,
            ("rounds", value) => self.rounds = positive(value)?.try_into().ok()?,
            ("spans", value) => load.spans = positive(value)?,
            ("window", value) => load.window = positive(value)?,
            ("spans-per-trace", value) => load.spans_per_trace = positive(value)?,
            ("exceptions", "0") => load.exception_every = 0,
            ("exceptions", value) => load.exception_every = 100 / positive(value)?.min(100),
            ("only", value) => self.rows = only(value)?,
            _ => return None,
        }
        Some(())
    }
}

fn positive(value: &str) -> Option<u64> {
    value.parse().ok().filter(|it| *it > 0)
}

/// In the order of the table.
fn only(names: &str) -> Option<Vec<&'static Row>> {
    let mut wanted = Vec::new();
    for name in names.split(';') {
        let row = ROWS.iter().find(|row| row.name == name.trim())?;
        wanted.extend([Some(row.name), Some(row.base), row.ideal, Some("none")].iter().flatten());
    }
    Some(ROWS.iter().filter(|row| wanted.contains(&row.name)).collect())
}
