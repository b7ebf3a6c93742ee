//! Push in, pull out: the events of one running task, followable from any point.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::Utc;
use tokio::sync::Notify;

use super::{Event, EventKind};

/// How many passing events (progress, output) are kept for a late follower.
const PASSING_KEPT: usize = 2000;

#[derive(Debug, Default)]
struct State {
    events: Vec<Event>,
    /// How many were dropped from the front of `events`.
    dropped: usize,
    closed: bool,
}

/// The events of a task in this process. A slow follower never stalls the engine: the log is pulled.
#[derive(Clone, Debug, Default)]
pub struct EventLog {
    state: Arc<Mutex<State>>,
    woken: Arc<Notify>,
}

impl EventLog {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a stored event.
    pub fn push(&self, event: Event) {
        self.lock().events.push(event);
        self.woken.notify_waiters();
    }

    /// Adds a passing event; it repeats the last number.
    pub fn pass(&self, kind: EventKind) {
        let mut state = self.lock();
        let seq = state.events.last().map_or(0, |e| e.seq);
        state.events.push(Event { seq, at: Utc::now(), kind });
        if state.events.len() > PASSING_KEPT * 2 {
            let before = state.events.len();
            let cut = before - PASSING_KEPT;
            let kept: Vec<Event> = state.events.drain(..cut).filter(|e| e.kind.is_durable()).collect();
            let missing = cut - kept.len();
            state.events.splice(0..0, kept);
            state.dropped += missing;
        }
        drop(state);
        self.woken.notify_waiters();
    }

    /// No more events will come.
    pub fn close(&self) {
        self.lock().closed = true;
        self.woken.notify_waiters();
    }

    /// Events from a position on, and the position after them.
    pub fn from(&self, position: usize) -> (Vec<Event>, usize) {
        let state = self.lock();
        let end = state.dropped + state.events.len();
        let start = position.saturating_sub(state.dropped).min(state.events.len());
        (state.events[start..].to_vec(), end)
    }

    /// Waits for events from a position on; empty when the log is closed and all were seen.
    pub async fn wait(&self, position: usize) -> (Vec<Event>, usize) {
        loop {
            let woken = self.woken.notified();
            tokio::pin!(woken);
            // Registered before looking, so that nothing pushed in between is missed.
            woken.as_mut().enable();
            let (events, end) = self.from(position);
            if !events.is_empty() || self.lock().closed {
                return (events, end);
            }
            woken.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_follower_sees_everything_and_the_end() {
        let log = EventLog::default();
        log.push(Event { seq: 1, at: Utc::now(), kind: EventKind::TaskResumed });
        let (events, next) = log.wait(0).await;
        assert_eq!(events.len(), 1);
        log.pass(EventKind::Output { step: 0, line: "x".into() });
        let (events, next) = log.wait(next).await;
        assert_eq!((events.len(), events[0].seq), (1, 1));
        log.close();
        assert!(log.wait(next).await.0.is_empty());
    }

    #[test]
    fn an_unknown_event_still_reads() {
        let text = r#"{"seq":3,"at":"2026-01-01T00:00:00Z","type":"from_the_future","x":1}"#;
        assert_eq!(serde_json::from_str::<Event>(text).unwrap().kind, EventKind::Unknown);
    }
}
