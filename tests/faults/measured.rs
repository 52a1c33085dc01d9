//! What came of a fault.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use opentelemetry_sentry::DropReason;

use super::app::Processor;

#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Spans that the application ended.
    pub spans: u64,
    pub delivered: u64,
    pub dropped: BTreeMap<DropReason, u64>,
    /// Spans that were still there when the process ended.
    pub pending: u64,
    /// Errors that were delivered, and that were dropped.
    pub errors: (u64, u64),
    /// The longest that one call of `export` took.
    pub export: Duration,
    /// How long the shutdown took, or the drop.
    pub shutdown: Duration,
}

impl Measured {
    /// The sum of two runs, with the longer of their times.
    pub fn and(mut self, other: Self) -> Self {
        self.spans += other.spans;
        self.delivered += other.delivered;
        self.pending += other.pending;
        self.errors = (self.errors.0 + other.errors.0, self.errors.1 + other.errors.1);
        for (reason, spans) in other.dropped {
            *self.dropped.entry(reason).or_default() += spans;
        }
        self.export = self.export.max(other.export);
        self.shutdown = self.shutdown.max(other.shutdown);
        self
    }

    /// Only this loss and no other.
    #[track_caller]
    pub fn lost(self, reason: DropReason, spans: u64) -> Self {
        assert_eq!(self.dropped, BTreeMap::from([(reason, spans)]), "{self:?}");
        self
    }

    #[track_caller]
    pub fn lost_nothing(self) -> Self {
        let lost = (self.dropped.len(), self.errors.1);
        assert_eq!((self.delivered, lost), (self.spans, (0, 0)), "{self:?}");
        self
    }

    fn balance(&self) -> String {
        let mut text = format!("{} = {} delivered", counted(self.spans, "span"), self.delivered);
        for (reason, spans) in &self.dropped {
            write!(text, " + {spans} `{reason:?}`").expect("a text");
        }
        if self.pending > 0 {
            write!(text, " + {} lost with the process", self.pending).expect("a text");
        }
        let (delivered, dropped) = self.errors;
        if delivered + dropped > 0 {
            let all = counted(delivered + dropped, "error");
            write!(text, "; {all} = {delivered} delivered").expect("a text");
        }
        if dropped > 0 {
            write!(text, " + {dropped} dropped").expect("a text");
        }
        text
    }
}

/// The cell of the table: what is the same for all processors is said once.
pub fn cell(measured: &[(Processor, Measured)]) -> String {
    let balances: Vec<_> = measured.iter().map(|(_, measured)| measured.balance()).collect();
    let names: Vec<_> = measured.iter().map(|(on, _)| on.name()).collect();
    let balance = if balances.windows(2).all(|two| two[0] == two[1]) {
        balances[0].clone()
    } else {
        let named = names.iter().zip(&balances).map(|(name, balance)| format!("{name}: {balance}"));
        named.collect::<Vec<_>>().join("; ")
    };
    let times = |time: fn(&Measured) -> Duration| {
        let times = measured.iter().map(|(_, measured)| millis(time(measured)));
        times.collect::<Vec<_>>().join(" / ")
    };
    format!(
        "{balance}<br>{}: `export` {} ms, shutdown {} ms",
        names.join(" / "),
        times(|measured| measured.export),
        times(|measured| measured.shutdown)
    )
}

fn counted(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    if millis < 10.0 { format!("{millis:.1}") } else { format!("{millis:.0}") }
}
