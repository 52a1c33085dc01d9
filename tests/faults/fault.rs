//! One thing that can go wrong, and its proof.

use std::panic::resume_unwind;
use std::thread;
use std::time::Duration;

use super::app::Processor;
use super::measured::Measured;
use super::table;
use crate::common::watchdog::watchdog;

/// A row of the document.
#[derive(Clone, Copy)]
pub struct Fault {
    /// The name of the test.
    pub name: &'static str,
    pub done: &'static str,
    pub promised: &'static str,
    pub proof: Proof,
}

#[derive(Clone, Copy)]
pub enum Proof {
    /// Each processor on its own, all at the same time.
    Here(&'static [Processor], fn(Processor) -> Measured),
    /// A test of this name in another file.
    Elsewhere(&'static str),
}

/// The faults of one file.
pub struct Group {
    pub title: &'static str,
    pub faults: &'static [Fault],
}

/// How long all processors together may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Makes a group of faults, and a test of each.
macro_rules! faults {
    ($title:literal; $($name:ident on $on:expr, by $run:expr, $done:literal, $promised:literal;)+) => {
        pub const GROUP: $crate::faults::fault::Group = $crate::faults::fault::Group {
            title: $title,
            faults: &[$($crate::faults::fault::Fault {
                name: stringify!($name),
                done: $done,
                promised: $promised,
                proof: $crate::faults::fault::Proof::Here($on, $run),
            }),+],
        };

        $(
            #[test]
            fn $name() {
                GROUP.prove(stringify!($name));
            }
        )+
    };
}

pub(super) use faults;

impl Group {
    pub fn prove(&self, name: &str) {
        let fault = self.faults.iter().find(|fault| fault.name == name).expect("a fault");
        let Proof::Here(processors, run) = fault.proof else { panic!("{name} is elsewhere") };
        let measured = watchdog(LIMIT, move || {
            let start = |on: &Processor| {
                let on = *on;
                let name = format!("{} {name}", on.name(), name = fault.name);
                thread::Builder::new().name(name).spawn(move || (on, run(on))).expect("a thread")
            };
            let threads: Vec<_> = processors.iter().map(start).collect();
            let ended: Vec<_> = threads.into_iter().map(thread::JoinHandle::join).collect();
            let kept =
                |ended: thread::Result<_>| ended.unwrap_or_else(|panic| resume_unwind(panic));
            ended.into_iter().map(kept).collect::<Vec<_>>()
        });
        table::note(name, &measured);
    }
}
