use std::sync::atomic::{AtomicUsize, Ordering};

/// What was handed over and the thread has not looked at yet: spans or logs, and their bytes.
#[derive(Debug, Default)]
pub(super) struct Unread {
    items: AtomicUsize,
    bytes: AtomicUsize,
}

/// How much room there is for what is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Plenty,
    /// Whoever can wait should do so.
    Scarce,
    /// It was not taken.
    None,
}

/// How many may be handed over before the thread takes them, as many as may wait for parents by
/// default.
const MAX_ITEMS: usize = 200_000;

/// How much memory they may take, as much as what waits for parents may by default.
const MAX_BYTES: usize = 128 * 1024 * 1024;

impl Unread {
    /// Notes what is handed over, if there is room for it, as there always is for what comes alone.
    pub(super) fn add(&self, items: usize, bytes: usize) -> Room {
        let all = self.items.fetch_add(items, Ordering::Relaxed).saturating_add(items);
        let all_bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        // Three quarters.
        let is_below = |all: usize, max: usize| all <= max.saturating_sub(max.div_euclid(4));
        if is_below(all, MAX_ITEMS) && is_below(all_bytes, MAX_BYTES) {
            Room::Plenty
        } else if (all <= MAX_ITEMS && all_bytes <= MAX_BYTES) || all == items {
            Room::Scarce
        } else {
            self.take(items, bytes);
            Room::None
        }
    }

    /// Notes that the thread has taken it.
    pub(super) fn take(&self, items: usize, bytes: usize) {
        self.items.fetch_sub(items, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_so_many_and_so_much_and_for_anything_alone() {
        let unread = Unread::default();
        assert_eq!(unread.add(1, MAX_BYTES * 2), Room::Scarce, "alone");
        assert_eq!(unread.add(1, 0), Room::None, "too much waits");
        unread.take(1, MAX_BYTES * 2);
        assert_eq!(unread.add(MAX_ITEMS / 4 * 3, 7), Room::Plenty);
        assert_eq!(unread.add(MAX_ITEMS / 4 - 1, 0), Room::Scarce);
        assert_eq!(unread.add(1, MAX_BYTES - 7), Room::Scarce);
        assert_eq!([unread.add(1, 0), unread.add(1, 1)], [Room::None; 2]);
        unread.take(MAX_ITEMS - 1, 7);
        assert_eq!([unread.add(2, 7), unread.add(1, 1)], [Room::Scarce, Room::None]);
    }
}
