use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

/// A point in time as Sentry stores it: whole microseconds since 1970.
///
/// Written as a number of seconds, for starts and ends alike. Cutting both to whole microseconds
/// before they are written is what keeps an end from falling behind its start (rule R12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The last second of the year 9999, the latest time that RFC 3339 can tell.
    const LATEST: u64 = 253_402_300_799_000_000;

    /// The point in time `micros` microseconds after 1970.
    pub fn from_micros(micros: u64) -> Self {
        Self(micros.min(Self::LATEST))
    }

    /// Microseconds since 1970.
    pub fn as_micros(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to here, zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The point in time `span` before this one, not before 1970.
    pub fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(micros(span)))
    }

    /// The point in time `span` after this one.
    pub fn after(self, span: Duration) -> Self {
        Self::from_micros(self.0.saturating_add(micros(span)))
    }

    fn seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl From<SystemTime> for Timestamp {
    /// Times before 1970 become 1970.
    fn from(time: SystemTime) -> Self {
        Self::from_micros(time.duration_since(UNIX_EPOCH).map_or(0, micros))
    }
}

impl From<Timestamp> for SystemTime {
    fn from(timestamp: Timestamp) -> Self {
        UNIX_EPOCH.checked_add(Duration::from_micros(timestamp.0)).unwrap_or(UNIX_EPOCH)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.seconds())
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(time: SystemTime) -> String {
        serde_json::to_string(&Timestamp::from(time)).unwrap()
    }

    #[test]
    fn a_time_is_written_as_seconds_with_whole_microseconds() {
        let time = UNIX_EPOCH + Duration::new(1_795_167_627, 123_456_999);
        assert_eq!(json(time), "1795167627.123456");
        assert_eq!(json(UNIX_EPOCH + Duration::from_secs(1_795_167_627)), "1795167627.0");
    }

    #[test]
    fn times_outside_of_the_calendar_are_moved_to_its_edges() {
        assert_eq!(json(UNIX_EPOCH - Duration::from_secs(1)), "0.0");
        let far = UNIX_EPOCH + Duration::from_secs(1 << 50);
        assert_eq!(json(far), "253402300799.0");
    }
}
