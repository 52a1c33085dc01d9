use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Connections that nobody uses now, each for a while.
pub(super) struct Idle<T> {
    shelf: Arc<Mutex<Shelf<T>>>,
    limit: Duration,
}

struct Shelf<T> {
    /// In the order in which they came, with the time at which they have to go.
    kept: Vec<(T, Instant)>,
    /// Whether somebody sees to it that they go in time.
    is_watched: bool,
}

impl<T: Send + 'static> Idle<T> {
    /// Each is kept for so long.
    pub(super) fn new(limit: Duration) -> Self {
        let shelf = Shelf { kept: Vec::new(), is_watched: false };
        Self { shelf: Arc::new(Mutex::new(shelf)), limit }
    }

    pub(super) fn put(&self, connection: T) {
        let now = Instant::now();
        let until = now.checked_add(self.limit).unwrap_or(now);
        let mut shelf = lock(&self.shelf);
        shelf.kept.push((connection, until));
        if !std::mem::replace(&mut shelf.is_watched, true) {
            tokio::spawn(watch(Arc::clone(&self.shelf), until));
        }
    }

    /// Of those that fit the one that was used last, so that what is more than needed grows old.
    pub(super) fn take(&self, fits: impl Fn(&T) -> bool) -> Option<T> {
        let kept = &mut lock(&self.shelf).kept;
        let place = kept.iter().rposition(|(connection, _)| fits(connection))?;
        let (connection, until) = kept.remove(place);
        (until > Instant::now()).then_some(connection)
    }
}

/// Drops those that have been there too long, until none are left.
async fn watch<T>(shelf: Arc<Mutex<Shelf<T>>>, mut next: Instant) {
    loop {
        sleep_until(next).await;
        let mut shelf = lock(&shelf);
        shelf.kept.retain(|(_, until)| *until > next);
        match shelf.kept.first() {
            Some((_, until)) => next = *until,
            None => {
                shelf.is_watched = false;
                return;
            }
        }
    }
}

fn lock<T>(shelf: &Mutex<Shelf<T>>) -> MutexGuard<'_, Shelf<T>> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(4);

    #[tokio::test(start_paused = true)]
    async fn each_is_kept_for_a_while_and_the_one_that_was_used_last_is_taken_first() {
        let idle = Idle::new(LIMIT);
        let [first, second] = [Arc::new(()), Arc::new(())];
        idle.put(Arc::clone(&first));
        tokio::time::sleep(LIMIT / 2).await;
        idle.put(Arc::clone(&second));
        assert!(Arc::ptr_eq(&idle.take(|_| true).unwrap(), &second));
        idle.put(Arc::clone(&second));
        tokio::time::sleep(LIMIT / 2 + Duration::from_millis(1)).await;
        assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 2));
        tokio::time::sleep(LIMIT).await;
        assert_eq!((Arc::strong_count(&second), idle.take(|_| true)), (1, None));
        idle.put(Arc::clone(&first));
        tokio::time::sleep(LIMIT * 2).await;
        assert_eq!(Arc::strong_count(&first), 1, "the watch goes on");
    }
}
