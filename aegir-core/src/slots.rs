//! Bounds how much is worked on at once, without letting the slow hold up the quick.
//!
//! A slot is lent: who has not finished after a while goes on without it. So dead and slow servers, on which work
//! means waiting, never keep the others out for longer than that.

use std::time::Duration;

use tokio::sync::Semaphore;

/// How long work keeps its slot. Long for a processor, short for a person.
const LENT: Duration = Duration::from_millis(700);

/// A number of slots.
#[derive(Debug)]
pub(crate) struct Slots {
    free: Semaphore,
    lent: Duration,
}

impl Slots {
    pub(crate) fn new(number: usize) -> Self {
        Self { free: Semaphore::new(number.max(1)), lent: LENT }
    }

    /// Waits for a slot, then works; the slot is given back at the end, or when it was lent long enough.
    pub(crate) async fn work<T>(&self, work: impl Future<Output = T>) -> T {
        // Nobody closes it; without a slot work would still be right.
        let slot = self.free.acquire().await.ok();
        tokio::pin!(work);
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = tokio::time::sleep(self.lent) => drop(slot),
        }
        work.await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn no_more_than_its_number_at_once() {
        let (slots, busy, most) = (Slots::new(3), AtomicUsize::new(0), AtomicUsize::new(0));
        let work = || {
            slots.work(async {
                most.fetch_max(busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(5)).await;
                busy.fetch_sub(1, Ordering::SeqCst);
            })
        };
        futures::future::join_all((0..20).map(|_| work())).await;
        assert_eq!(most.into_inner(), 3);
    }

    #[tokio::test]
    async fn the_slow_hold_up_nobody() {
        let slots = Slots { lent: Duration::from_millis(20), ..Slots::new(2) };
        let begun = tokio::time::Instant::now();
        let slow = || slots.work(tokio::time::sleep(Duration::from_secs(2)));
        let quick = async {
            slots.work(async {}).await;
            begun.elapsed()
        };
        let (.., waited) = tokio::join!(slow(), slow(), slow(), slow(), quick);
        assert!(waited < Duration::from_secs(1), "{waited:?}");
    }
}
