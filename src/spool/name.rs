use std::fmt;
use std::time::{Duration, SystemTime};

use sentry_types::Uuid;

use super::MAX_TRYING;
use crate::protocol::{Envelope, ItemKind, Timestamp};
use crate::stats::Amount;

/// The name of a file, which tells what is in it.
///
/// The sequence gives the order, so that no jump of the clock can change it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) sequence: u64,
    pub(super) created: Timestamp,
    pub(super) event_id: Uuid,
    pub(super) kind: ItemKind,
    pub(super) spans: u64,
    /// Of logs, which are told behind their number.
    pub(super) log_bytes: u64,
    /// When it was sent first, if no answer is known.
    pub(super) first_tried: Option<Timestamp>,
}

/// What the end of a name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Whole,
    /// It was being written.
    Unfinished,
    /// It could not be read and is kept for whoever wants to know why.
    Aside,
}

impl Name {
    pub(super) fn of(envelope: &Envelope, sequence: u64, wall: SystemTime) -> Self {
        Self {
            sequence,
            created: wall.into(),
            event_id: envelope.event_id,
            kind: envelope.kind,
            spans: envelope.spans,
            log_bytes: envelope.log_bytes,
            first_tried: None,
        }
    }

    /// Reads the name of one of our files; gives none for any other.
    pub(super) fn parse(file: &str) -> Option<(Self, Stage)> {
        let (stem, stage) = [Stage::Whole, Stage::Unfinished, Stage::Aside]
            .into_iter()
            .find_map(|stage| Some((file.strip_suffix(stage.ending())?, stage)))?;
        let mut words = stem.split('-');
        let mut next = || words.next();
        let (sequence, created, event_id, kind) = (next()?, next()?, next()?, next()?);
        let (spans, log_bytes) = next().map(|word| word.split_once('.').unwrap_or((word, "0")))?;
        let name = Self {
            sequence: sequence.parse().ok()?,
            created: timestamp(created)?,
            event_id: event_id.parse().ok()?,
            kind: ItemKind::parse(kind)?,
            spans: spans.parse().ok()?,
            log_bytes: log_bytes.parse().ok()?,
            first_tried: match words.next() {
                Some(word) => Some(timestamp(word)?),
                None => None,
            },
        };
        (name.file(stage) == file).then_some((name, stage))
    }

    pub(super) fn file(&self, stage: Stage) -> String {
        format!("{self}{}", stage.ending())
    }

    /// Whether this is the name of a file with that envelope.
    pub(super) fn is_of(&self, envelope: &Envelope) -> bool {
        (self.event_id, self.kind, self.spans) == (envelope.event_id, envelope.kind, envelope.spans)
    }

    pub(super) fn amount(&self) -> Amount {
        Amount { log_bytes: self.log_bytes, ..Amount::of(self.kind, self.spans) }
    }

    /// The same, marked as sent at this time if it was not before.
    pub(super) fn tried(&self, wall: SystemTime) -> Self {
        let first_tried = Some(self.first_tried.unwrap_or(wall.into()));
        Self { first_tried, ..self.clone() }
    }

    /// Whether it is too old, or may have arrived so long ago that a second copy would count twice.
    ///
    /// After a jump of the clock no one knows how long ago the first try was.
    pub(super) fn is_over(&self, wall: SystemTime, max_age: Duration) -> bool {
        let now = Timestamp::from(wall);
        let since_tried = self
            .first_tried
            .map(|tried| now.since(tried).max(tried.since(now)))
            .unwrap_or_default();
        now.since(self.created) > max_age || since_tried > MAX_TRYING
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:012}-{:018}-{}-{}-{}",
            self.sequence,
            self.created.as_micros(),
            self.event_id.as_simple(),
            self.kind.as_str(),
            self.spans,
        )?;
        if self.kind == ItemKind::Log {
            write!(f, ".{}", self.log_bytes)?;
        }
        match self.first_tried {
            Some(tried) => write!(f, "-{:018}", tried.as_micros()),
            None => Ok(()),
        }
    }
}

impl Stage {
    fn ending(self) -> &'static str {
        match self {
            Self::Whole => ".envelope",
            Self::Unfinished => ".envelope.tmp",
            Self::Aside => ".envelope.corrupt",
        }
    }
}

fn timestamp(word: &str) -> Option<Timestamp> {
    Some(Timestamp::from_micros(word.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const T: fn(u64) -> SystemTime = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);

    const NAME: &str =
        "000000000042-001795167627000000-fc6d8c0c43fc4630ad850ee518f1b9d0-transaction-12";

    fn name() -> Name {
        Name {
            sequence: 42,
            created: T(1_795_167_627).into(),
            event_id: "fc6d8c0c43fc4630ad850ee518f1b9d0".parse().unwrap(),
            kind: ItemKind::Transaction,
            spans: 12,
            log_bytes: 0,
            first_tried: None,
        }
    }

    #[test]
    fn a_name_tells_all_that_is_counted_and_reads_back() {
        assert_eq!(name().file(Stage::Whole), format!("{NAME}.envelope"));
        let tried = name().tried(T(1_795_167_628));
        assert_eq!(
            tried.file(Stage::Unfinished),
            format!("{NAME}-001795167628000000.envelope.tmp")
        );
        assert_eq!(tried.tried(T(1_795_167_700)), tried, "the first try counts");
        let logs = Name { kind: ItemKind::Log, spans: 7, log_bytes: 890, ..name() };
        assert!(logs.file(Stage::Whole).ends_with("-log-7.890.envelope"), "{logs}");
        assert_eq!((logs.amount().logs, logs.amount().log_bytes), (7, 890));
        for name in [name(), tried, logs] {
            for stage in [Stage::Whole, Stage::Unfinished, Stage::Aside] {
                assert_eq!(Name::parse(&name.file(stage)), Some((name.clone(), stage)));
            }
        }
    }

    #[test]
    fn a_file_of_anyone_else_has_no_name_of_ours() {
        for file in [
            String::new(),
            "spool.lock".to_owned(),
            "notes.envelope".to_owned(),
            "notes.corrupt".to_owned(),
            NAME.to_owned(),
            format!("{NAME}.envelope.bak"),
            format!("{NAME}-.envelope"),
            format!("{NAME}-1.envelope"),
            format!("{NAME}-001795167628000000-1.envelope"),
            format!("0{NAME}.envelope"),
            format!("{NAME}.envelope").to_uppercase(),
            format!("{NAME}.envelope").replace("-12", "-+12"),
            format!("{NAME}.envelope").replace("-12", "-12.0"),
        ] {
            assert_eq!(Name::parse(&file), None, "{file}");
        }
    }

    #[test]
    fn an_envelope_waits_its_age_and_55_minutes_after_its_first_try() {
        let max_age = Duration::from_secs(10_000);
        let fresh = Name { created: T(100_000).into(), ..name() };
        assert!(!fresh.is_over(T(110_000), max_age));
        assert!(fresh.is_over(T(110_001), max_age));
        assert!(!fresh.is_over(T(1), max_age), "the clock was set back");
        let tried = fresh.tried(T(104_000));
        assert!(!tried.is_over(T(107_300), max_age));
        assert!(tried.is_over(T(107_301), max_age));
        assert!(!tried.is_over(T(103_999), max_age), "a clock that was set right by a second");
        assert!(tried.is_over(T(100_699), max_age), "no one knows how long ago it was");
    }
}
