use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sentry_types::Uuid;

use super::capture::Capture;

/// What the SDK has captured and the thread of the exporter has not looked at yet.
#[derive(Debug, Default)]
#[cfg_attr(not(feature = "sentry"), allow(dead_code, reason = "only the integration adds"))]
pub(crate) struct Registry {
    entries: Mutex<Entries>,
    hears_panics: AtomicBool,
}

#[derive(Debug, Default)]
struct Entries {
    /// On their way to a transport that confirms them.
    unsure: VecDeque<(Uuid, Capture)>,
    sent: VecDeque<Capture>,
}

/// How many of each wait at most; the oldest go first.
const MAX_WAITING: usize = 500;

#[cfg_attr(not(feature = "sentry"), allow(dead_code, reason = "only the integration adds"))]
impl Registry {
    /// Notes an error that the SDK sends.
    pub(crate) fn add(&self, capture: Capture) {
        let sent = &mut self.entries().sent;
        sent.push_back(capture);
        limit(sent);
    }

    /// Notes one that the SDK may still drop.
    pub(crate) fn add_unsure(&self, id: Uuid, capture: Capture) {
        let unsure = &mut self.entries().unsure;
        unsure.push_back((id, capture));
        limit(unsure);
    }

    /// Notes that the SDK did send it.
    pub(crate) fn confirm(&self, id: Uuid) {
        let mut entries = self.entries();
        if let Some(at) = entries.unsure.iter().position(|(unsure, _)| *unsure == id)
            && let Some((_, capture)) = entries.unsure.remove(at)
        {
            entries.sent.push_back(capture);
            limit(&mut entries.sent);
        }
    }

    pub(crate) fn take_all(&self) -> VecDeque<Capture> {
        std::mem::take(&mut self.entries().sent)
    }

    /// Notes that the SDK has a hook for panics.
    pub(crate) fn note_panic_hook(&self) {
        self.hears_panics.store(true, Ordering::Release);
    }

    #[cfg_attr(not(feature = "panic"), allow(dead_code, reason = "only the hook asks"))]
    pub(crate) fn hears_panics(&self) -> bool {
        self.hears_panics.load(Ordering::Acquire)
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn limit<T>(queue: &mut VecDeque<T>) {
    let surplus = queue.len().saturating_sub(MAX_WAITING);
    queue.drain(..surplus);
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::sentry_sdk::Said;

    fn capture(number: u128) -> Capture {
        let said = Said { texts: vec![number.to_string()], ..Said::default() };
        Capture { span: None, time: UNIX_EPOCH, is_failure: true, said }
    }

    #[test]
    fn only_what_is_confirmed_was_sent() {
        let registry = Registry::default();
        (1..=3).for_each(|number| registry.add_unsure(Uuid::from_u128(number), capture(number)));
        registry.confirm(Uuid::from_u128(2));
        registry.confirm(Uuid::from_u128(2));
        registry.confirm(Uuid::from_u128(4));
        assert_eq!(registry.take_all(), [capture(2)]);
        assert_eq!(registry.take_all(), []);
    }

    #[test]
    fn no_more_than_five_hundred_of_each_wait() {
        let registry = Registry::default();
        for number in 0..=500 {
            registry.add(capture(number));
            registry.add_unsure(Uuid::from_u128(number), capture(number));
        }
        let sent = registry.take_all();
        assert_eq!((sent.len(), &sent[0]), (500, &capture(1)));
        registry.confirm(Uuid::from_u128(0));
        assert_eq!(registry.take_all(), []);
        (0..=500).for_each(|number| registry.confirm(Uuid::from_u128(number)));
        assert_eq!(registry.take_all().len(), 500);
    }
}
