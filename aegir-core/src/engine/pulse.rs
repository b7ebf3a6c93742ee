//! Says that a worker lives, and stops it when its task was taken from it.
//!
//! On a thread of its own: neither work nor a stopped terminal holds it up. A worker that was stopped itself (a
//! laptop's lid, a paused machine) finds its time over when it goes on, and asks before it changes anything.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::Notify;

use crate::inventory::{Claim, Inventory, superseded};
use crate::server::Gate;
use crate::{ErrorKind, Result};

/// How often a living worker looks whether its task is still wanted; the claim is prolonged more rarely.
const PERIOD: Duration = Duration::from_millis(400);

/// Milliseconds that go on while the machine sleeps, and that nobody can set.
fn boot_time() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000
}

/// One claim, as far as this process knows.
#[derive(Debug)]
pub(crate) struct Pulse {
    claim: Claim,
    inventory: Arc<dyn Inventory>,
    ttl: Duration,
    /// Until when nobody else can have taken the task over.
    good_until: AtomicU64,
    lost: AtomicBool,
    cancelled: AtomicBool,
    changed: Notify,
}

impl Pulse {
    /// Whether somebody asked for the task to be stopped.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// Notes that somebody asked for the task to be stopped; the journal has it.
    pub(crate) fn cancelled(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    /// Notes that another worker has the task.
    pub(crate) fn lose(&self) {
        self.lost.store(true, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    /// Waits until another worker has the task.
    pub(crate) async fn lost(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before looking, so that nothing in between is missed.
            changed.as_mut().enable();
            if self.lost.load(Ordering::SeqCst) {
                return;
            }
            changed.await;
        }
    }

    fn left(&self) -> Duration {
        Duration::from_millis(self.good_until.load(Ordering::SeqCst).saturating_sub(boot_time()))
    }

    /// Prolongs the claim when a good part of its time is over, and looks otherwise.
    async fn tick(&self) {
        // A missed beat is no failure: the next one, or whoever takes over, decides.
        let _ = if self.left() < self.ttl * 2 / 3 { self.prolong().await } else { self.note(self.inventory.watch(&self.claim).await) };
    }

    async fn prolong(&self) -> Result<()> {
        let before = boot_time();
        let beat = self.inventory.beat(&self.claim, self.ttl).await;
        if beat.is_ok() {
            self.good_until.store(before + u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX / 2), Ordering::SeqCst);
        }
        self.note(beat)
    }

    fn note(&self, beat: Result<crate::inventory::Beat>) -> Result<()> {
        match beat {
            Ok(beat) => {
                if beat.cancelled {
                    self.cancelled();
                }
                Ok(())
            }
            Err(error) => {
                if matches!(error.kind(), ErrorKind::Superseded | ErrorKind::NotFound) {
                    self.lose();
                }
                Err(error)
            }
        }
    }
}

#[async_trait]
impl Gate for Pulse {
    async fn pass(&self) -> Result<()> {
        if self.lost.load(Ordering::SeqCst) {
            return Err(superseded(&self.claim));
        }
        if self.left() > Duration::ZERO { Ok(()) } else { self.prolong().await }
    }
}

/// The claims of this process, and the thread that beats for them while there are any.
#[derive(Debug, Default)]
pub(crate) struct Heart(Arc<Mutex<Chamber>>);

#[derive(Debug, Default)]
struct Chamber {
    pulses: Vec<Weak<Pulse>>,
    beating: bool,
}

fn lock(chamber: &Mutex<Chamber>) -> std::sync::MutexGuard<'_, Chamber> {
    chamber.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Heart {
    /// Beats for a claim that was taken just now, until the pulse is dropped.
    pub(crate) fn beat_for(&self, inventory: &Arc<dyn Inventory>, claim: Claim, ttl: Duration) -> Arc<Pulse> {
        let pulse = Arc::new(Pulse {
            claim,
            inventory: inventory.clone(),
            ttl,
            good_until: AtomicU64::new(boot_time() + u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX / 2)),
            lost: AtomicBool::new(false),
            cancelled: AtomicBool::new(false),
            changed: Notify::new(),
        });
        let mut chamber = lock(&self.0);
        chamber.pulses.push(Arc::downgrade(&pulse));
        if !chamber.beating {
            let shared = self.0.clone();
            // Without the thread each change asks by itself once the time is over: slower, and right.
            chamber.beating = std::thread::Builder::new().name("aegir-heart".to_owned()).spawn(move || beat(&shared)).is_ok();
        }
        pulse
    }
}

/// Returns the claims that are still at work; without any, the beating is over.
fn living(chamber: &Mutex<Chamber>) -> Option<Vec<Arc<Pulse>>> {
    let mut chamber = lock(chamber);
    chamber.pulses.retain(|pulse| pulse.strong_count() > 0);
    let living = chamber.pulses.iter().filter_map(Weak::upgrade).collect::<Vec<_>>();
    chamber.beating = !living.is_empty();
    chamber.beating.then_some(living)
}

fn beat(chamber: &Mutex<Chamber>) {
    // Most tasks are over by then.
    std::thread::sleep(PERIOD);
    if living(chamber).is_none() {
        return;
    }
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        lock(chamber).beating = false;
        return;
    };
    // All in one go: connections go back to their pool by tasks of this runtime.
    runtime.block_on(async {
        while let Some(pulses) = living(chamber) {
            join_all(pulses.iter().map(|pulse| pulse.tick())).await;
            drop(pulses);
            tokio::time::sleep(PERIOD).await;
        }
    });
}
