//! What to measure, from the command line.

use crate::load::{Load, SPANS_PER_TRACE};

const USAGE: &str = "\
settings, each of which may be left out:
  delays=0,20,50,100,300   milliseconds of a round trip
  loads=closed,2000,20000  `closed`, or spans a second
  seconds=3                how long spans are made in each measurement
  window=2000              spans of the closed loop that are under way at once
  rounds=1                 measurements of each cell; the table has the median";

#[derive(Debug)]
pub struct Options {
    pub delays: Vec<u64>,
    pub loads: Vec<Load>,
    pub seconds: u64,
    pub window: u64,
    pub rounds: usize,
}

impl Options {
    pub fn parse(settings: &[&str]) -> Result<Self, String> {
        let mut options = Self {
            delays: vec![0, 20, 50, 100, 300],
            loads: vec![Load::Closed, Load::Paced(2000), Load::Paced(20_000)],
            seconds: 3,
            window: 2000,
            rounds: 1,
        };
        for setting in settings {
            options.set(setting).ok_or_else(|| format!("`{setting}` is none of the\n{USAGE}"))?;
        }
        Ok(options)
    }

    fn set(&mut self, setting: &str) -> Option<()> {
        let (name, value) = setting.split_once('=')?;
        match name {
            "delays" => {
                self.delays = value.split(',').map(|it| it.parse().ok()).collect::<Option<_>>()?;
            }
            "loads" => self.loads = value.split(',').map(Load::parse).collect::<Option<_>>()?,
            "seconds" => self.seconds = positive(value)?,
            "window" => self.window = positive(value).filter(|it| it % SPANS_PER_TRACE == 0)?,
            "rounds" => self.rounds = positive(value)?.try_into().ok()?,
            _ => return None,
        }
        Some(())
    }
}

fn positive(value: &str) -> Option<u64> {
    value.parse().ok().filter(|it| *it > 0)
}
