use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, timeout_at};

use super::inbox::{Inbox, Message};

/// The messages for the thread, in the order in which they came, but that ends of requests come
/// before all others.
///
/// A burst of spans is let pass before work on it begins: what makes spans and what empties the
/// queue of the batch processor need the processors more than this thread does, because spans that
/// find that queue full are lost.
#[derive(Debug)]
pub(super) struct Arrivals {
    inbox: UnboundedReceiver<Message>,
    /// Told when something has come that somebody waits for.
    comes_urgent: Arc<Notify>,
    ends: VecDeque<Message>,
    others: VecDeque<Message>,
    /// How many of the others somebody waits for.
    urgent: usize,
    /// How many of the others are batches of a burst.
    bursts: usize,
    /// When the first of these came.
    first_burst: Option<Instant>,
    /// Until when a burst is let pass if no more of it comes.
    passes_until: Option<Instant>,
    /// Whether somebody waits for what has been handled already.
    is_waited_for: bool,
}

/// A burst is over when nothing of it came for so long.
const LULL: Duration = Duration::from_millis(5);

/// How long work waits for the end of a burst.
const MAX_BURST: Duration = Duration::from_millis(200);

impl Arrivals {
    /// The way to the thread, and what comes on it.
    pub(super) fn channel() -> (Inbox, Self) {
        let (messages, inbox) = unbounded_channel();
        let comes_urgent = Arc::default();
        let way = Inbox::new(messages, Arc::clone(&comes_urgent));
        let arrivals = Self {
            inbox,
            comes_urgent,
            ends: VecDeque::new(),
            others: VecDeque::new(),
            urgent: 0,
            bursts: 0,
            first_burst: None,
            passes_until: None,
            is_waited_for: false,
        };
        (way, arrivals)
    }

    /// Waits for the next message; no burst is let pass while somebody waits for what came before.
    /// Nothing is lost if the wait is given up.
    pub(super) async fn next(&mut self, is_waited_for: bool) -> Option<Message> {
        self.is_waited_for = is_waited_for;
        loop {
            if let Some(message) = self.next_now() {
                return Some(message);
            }
            if let Some(lull) = self.passes_until {
                // To sleep, and not to be woken by each batch, is a part of what lets it pass.
                let _ = timeout_at(lull, self.comes_urgent.notified()).await;
            } else {
                let message = self.inbox.recv().await?;
                self.sort(message);
            }
        }
    }

    /// The next message if it is there already.
    pub(super) fn next_now(&mut self) -> Option<Message> {
        while let Ok(message) = self.inbox.try_recv() {
            self.sort(message);
        }
        self.passes_until.take_if(|lull| {
            let is_over = |first: Instant| first.elapsed() >= MAX_BURST;
            self.is_waited_for
                || self.urgent > 0
                || *lull <= Instant::now()
                || self.first_burst.is_none_or(is_over)
        });
        if self.passes_until.is_some() || !self.ends.is_empty() {
            return self.ends.pop_front();
        }
        let message = self.others.pop_front()?;
        if message.is_urgent() {
            self.urgent = self.urgent.saturating_sub(1);
        }
        if message.is_burst() {
            self.bursts = self.bursts.saturating_sub(1);
        }
        if self.bursts == 0 {
            self.first_burst = None;
        }
        Some(message)
    }

    /// Takes no more messages; those that were sent already still come.
    pub(super) fn close(&mut self) {
        self.inbox.close();
    }

    fn sort(&mut self, message: Message) {
        if let Message::Answered(..) = message {
            return self.ends.push_back(message);
        }
        if message.is_urgent() {
            self.urgent = self.urgent.saturating_add(1);
        }
        if message.is_burst() {
            let now = Instant::now();
            self.bursts = self.bursts.saturating_add(1);
            self.first_burst.get_or_insert(now);
            self.passes_until = now.checked_add(LULL);
        }
        self.others.push_back(message);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::mpsc;

    use super::super::inbox::{Answer, Deadline, Failure, Source};
    use super::*;
    use crate::segment::Batch;

    fn batch(is_burst: bool, answer: Option<Answer>) -> Message {
        let batch = Batch::of(Vec::new());
        Message::Batch { source: Source::default(), batch, is_burst, answer }
    }

    fn flush() -> Message {
        Message::Flush(Deadline::after(Duration::from_secs(1)), mpsc::sync_channel(1).0)
    }

    /// How long it took until the first message came, and how many came by then.
    async fn first(arrivals: &mut Arrivals) -> (Duration, usize) {
        let started = Instant::now();
        assert!(arrivals.next(false).await.is_some());
        (started.elapsed(), 1 + arrivals.others.len())
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_let_pass_before_work_on_it_begins() {
        let (inbox, mut arrivals) = Arrivals::channel();
        let burst = tokio::spawn(async move {
            for _ in 0..10 {
                inbox.send(batch(true, None)).unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            inbox
        });
        let (took, came) = first(&mut arrivals).await;
        assert_eq!(came, 10);
        let last = Duration::from_millis(9);
        assert!((last + LULL..last + LULL * 2).contains(&took), "{took:?}");
        assert_eq!(std::iter::from_fn(|| arrivals.next_now()).count(), 9, "in their order");
        drop(burst.await);
        assert!(arrivals.next(false).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_let_pass_in_the_midst_of_other_work() {
        let (inbox, mut arrivals) = Arrivals::channel();
        (0..3).for_each(|_| inbox.send(batch(false, None)).unwrap());
        assert_eq!(first(&mut arrivals).await, (Duration::ZERO, 3));
        inbox.send(batch(true, None)).unwrap();
        assert!(arrivals.next_now().is_none());
        assert_eq!(first(&mut arrivals).await, (LULL, 3));
        assert_eq!(first(&mut arrivals).await, (Duration::ZERO, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn only_more_of_a_burst_prolongs_it_and_what_comes_meanwhile_wakes_nobody() {
        let (inbox, mut arrivals) = Arrivals::channel();
        inbox.send(batch(true, None)).unwrap();
        let others = tokio::spawn(async move {
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_millis(1)).await;
                inbox.send(batch(false, None)).unwrap();
            }
        });
        let mut wakes = 0_u32;
        let mut next = pin!(arrivals.next(false));
        let started = Instant::now();
        let came = std::future::poll_fn(|context| {
            wakes += 1;
            next.as_mut().poll(context)
        });
        assert!(matches!(came.await, Some(Message::Batch { is_burst: true, .. })));
        assert_eq!((started.elapsed(), wakes), (LULL, 2));
        others.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn work_on_a_burst_without_an_end_begins_all_the_same_and_is_done_through() {
        let (inbox, mut arrivals) = Arrivals::channel();
        let burst = tokio::spawn(async move {
            while inbox.send(batch(true, None)).is_ok() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        let (took, came) = first(&mut arrivals).await;
        assert!(took >= MAX_BURST && took < MAX_BURST + LULL * 2, "{took:?}");
        for _ in 0..came * 2 {
            assert_eq!(first(&mut arrivals).await.0, Duration::ZERO);
            // More comes than is done.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        while arrivals.bursts > 0 {
            assert_eq!(first(&mut arrivals).await.0, Duration::ZERO);
        }
        assert!(first(&mut arrivals).await.0 >= MAX_BURST, "and then another one is let pass");
        burst.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_that_somebody_waits_for_is_held_up_by_a_burst_before_or_behind_it() {
        let (inbox, mut arrivals) = Arrivals::channel();
        for message in [batch(false, None), flush(), batch(true, None)] {
            inbox.send(message).unwrap();
        }
        assert_eq!(first(&mut arrivals).await, (Duration::ZERO, 3));
        assert!(matches!(arrivals.next_now(), Some(Message::Flush(..))));
        inbox.send(batch(true, None)).unwrap();
        assert!(arrivals.next_now().is_none());
        let soon = Duration::from_millis(1);
        tokio::spawn(async move {
            tokio::time::sleep(soon).await;
            inbox.send(flush())
        });
        assert_eq!(first(&mut arrivals).await, (soon, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_no_burst_and_what_somebody_waits_for_comes_at_once() {
        for messages in [vec![batch(false, None)], vec![flush()], vec![batch(true, None), flush()]]
        {
            let (inbox, mut arrivals) = Arrivals::channel();
            let all = messages.len();
            messages.into_iter().for_each(|message| inbox.send(message).unwrap());
            assert_eq!(first(&mut arrivals).await, (Duration::ZERO, all));
        }
        let (inbox, mut arrivals) = Arrivals::channel();
        let (answer, _answered) = mpsc::sync_channel(1);
        inbox.send(batch(true, Some(Answer::Room(answer)))).unwrap();
        assert_eq!(first(&mut arrivals).await, (Duration::ZERO, 1), "there is no room for more");
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_request_overtakes_a_burst_that_was_let_pass() {
        let (inbox, mut arrivals) = Arrivals::channel();
        (0..3).for_each(|_| inbox.send(batch(true, None)).unwrap());
        assert_eq!(first(&mut arrivals).await.1, 3);
        let end = Message::Answered(Box::default(), Err(Failure::Cut));
        inbox.send(end).unwrap();
        assert!(matches!(arrivals.next_now(), Some(Message::Answered(..))));
        assert!(matches!(arrivals.next(false).await, Some(Message::Batch { .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_request_is_seen_to_while_a_burst_is_let_pass() {
        let (inbox, mut arrivals) = Arrivals::channel();
        inbox.send(batch(true, None)).unwrap();
        inbox.send(Message::Answered(Box::default(), Err(Failure::Cut))).unwrap();
        let started = Instant::now();
        assert!(matches!(arrivals.next(false).await, Some(Message::Answered(..))));
        assert_eq!((started.elapsed(), arrivals.next_now().is_none()), (Duration::ZERO, true));
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            inbox.send(Message::Answered(Box::default(), Err(Failure::Cut)))
        });
        assert!(matches!(arrivals.next(false).await, Some(Message::Answered(..))));
        assert_eq!(started.elapsed(), LULL, "when the thread wakes");
        assert!(matches!(arrivals.next(false).await, Some(Message::Batch { .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn no_burst_is_let_pass_while_somebody_waits() {
        let (inbox, mut arrivals) = Arrivals::channel();
        inbox.send(batch(true, None)).unwrap();
        let started = Instant::now();
        assert!(matches!(arrivals.next(true).await, Some(Message::Batch { .. })));
        assert_eq!(started.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_lost_where_the_wait_is_given_up() {
        let (inbox, mut arrivals) = Arrivals::channel();
        inbox.send(batch(true, None)).unwrap();
        let soon = tokio::time::timeout(Duration::from_millis(1), arrivals.next(false));
        assert!(soon.await.is_err());
        inbox.send(flush()).unwrap();
        assert!(matches!(arrivals.next(false).await, Some(Message::Batch { .. })));
        assert!(matches!(arrivals.next(false).await, Some(Message::Flush(..))));
    }
}
