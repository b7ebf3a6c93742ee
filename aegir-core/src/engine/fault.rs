//! Failures that tests order; nothing happens unless the feature `testing` is on.

/// Which failures to make. Empty outside tests.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Fail one step.
    #[cfg(feature = "testing")]
    pub fail: Option<Fails>,
    /// Fail the undo of one step, each time.
    #[cfg(feature = "testing")]
    pub fail_undo: Option<usize>,
    /// At the undo of one step its server does not answer, each time.
    #[cfg(feature = "testing")]
    pub lose_undo: Option<usize>,
    /// Kill this process.
    #[cfg(feature = "testing")]
    pub die: Option<Die>,
    /// Run every apply and every undo twice.
    #[cfg(feature = "testing")]
    pub twice: bool,
}

/// Where a step fails.
#[cfg(feature = "testing")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fails {
    /// Before it touches anything.
    Before(usize),
    /// When it has done everything.
    After(usize),
}

/// Where the process is killed, as by `kill -9`.
#[cfg(feature = "testing")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Die {
    /// When the event of this number is durable.
    AfterEvent(u64),
    /// When this step has done everything and nothing says so yet.
    AfterApply(usize),
    /// When the event of this number is durable somebody presses Ctrl-C, again, and then kills.
    SignalsAfter(u64),
}

#[cfg(feature = "testing")]
impl Faults {
    pub(super) fn before_apply(&self, step: usize) -> crate::Result<()> {
        if self.fail == Some(Fails::Before(step)) { Err(ordered(step)) } else { Ok(()) }
    }

    pub(super) fn after_apply(&self, step: usize) -> crate::Result<()> {
        if self.die == Some(Die::AfterApply(step)) {
            die();
        }
        if self.fail == Some(Fails::After(step)) { Err(ordered(step)) } else { Ok(()) }
    }

    pub(super) fn before_undo(&self, step: usize) -> crate::Result<()> {
        if self.lose_undo == Some(step) {
            return Err(crate::Error::unreachable(format!("the server of step {step} does not answer because a test ordered it")));
        }
        if self.fail_undo == Some(step) { Err(ordered(step)) } else { Ok(()) }
    }

    pub(super) async fn after_event(&self, seq: u64) {
        if self.die == Some(Die::AfterEvent(seq)) {
            die();
        }
        if self.die == Some(Die::SignalsAfter(seq)) {
            use rustix::process::Signal;
            // Time enough for the process to hear the first, on a busy machine too; the others come while it is taking back.
            for (signal, pause) in [(Signal::INT, 300), (Signal::INT, 15), (Signal::KILL, 1000)] {
                let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
                tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
            }
        }
    }

    pub(super) fn twice(&self) -> bool {
        self.twice
    }
}

#[cfg(feature = "testing")]
fn ordered(step: usize) -> crate::Error {
    crate::Error::failed(format!("step {step} fails because a test ordered it"))
}

#[cfg(feature = "testing")]
fn die() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    // The signal is on its way; nothing more may happen here.
    loop {
        std::thread::park();
    }
}

#[cfg(not(feature = "testing"))]
#[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the same calls as in the testing build, doing nothing")]
impl Faults {
    pub(super) fn before_apply(&self, _step: usize) -> crate::Result<()> {
        Ok(())
    }

    pub(super) fn after_apply(&self, _step: usize) -> crate::Result<()> {
        Ok(())
    }

    pub(super) fn before_undo(&self, _step: usize) -> crate::Result<()> {
        Ok(())
    }

    #[expect(clippy::unused_async, reason = "the same call as in the testing build")]
    pub(super) async fn after_event(&self, _seq: u64) {}

    pub(super) fn twice(&self) -> bool {
        false
    }
}
