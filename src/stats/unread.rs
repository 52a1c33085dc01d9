use std::sync::atomic::{AtomicUsize, Ordering};

/// What was handed over and the thread has not looked at yet: spans or logs, and their bytes.
#[derive(Debug, Default)]
pub(super) struct Unread {
    items: AtomicUsize,
    bytes: AtomicUsize,
}

/// How many may be handed over before the thread takes them.
///
/// Only producers that never wait come near to it.
const MAX_ITEMS: usize = 50_000;

/// How much memory they may take, as much as what waits for parents may by default.
const MAX_BYTES: usize = 128 * 1024 * 1024;

impl Unread {
    /// Notes what is handed over; tells whether there is room for it, as there always is for what
    /// comes alone.
    pub(super) fn add(&self, items: usize, bytes: usize) -> bool {
        let all = self.items.fetch_add(items, Ordering::Relaxed).saturating_add(items);
        let all_bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        let has_room = (all <= MAX_ITEMS && all_bytes <= MAX_BYTES) || all == items;
        if !has_room {
            self.take(items, bytes);
        }
        has_room
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
        assert!(unread.add(1, MAX_BYTES * 2), "alone");
        assert!(!unread.add(1, 0), "too much waits");
        unread.take(1, MAX_BYTES * 2);
        assert!(unread.add(MAX_ITEMS - 1, 7) && unread.add(1, MAX_BYTES - 7));
        assert!(!unread.add(1, 0) && !unread.add(1, 1));
        unread.take(MAX_ITEMS - 1, 7);
        assert!(unread.add(2, 7) && !unread.add(1, 1));
    }
}
