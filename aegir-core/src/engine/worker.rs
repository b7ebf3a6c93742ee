//! Tells this process from every other, and a dead one from a busy one.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::inventory::Worker;

/// This process. The boot and the process-number space tell machines and containers apart.
pub(crate) fn this_process() -> Worker {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let space = std::fs::read_link("/proc/self/ns/pid").map(|p| p.to_string_lossy().into_owned()).unwrap_or_default();
    let pid = std::process::id();
    let instance = INSTANCES.fetch_add(1, Ordering::Relaxed);
    Worker { machine: format!("{} {space}", boot.trim()), pid, started: started(pid).unwrap_or(0), instance }
}

/// Counts the workers within this process.
static INSTANCES: AtomicU64 = AtomicU64::new(1);

/// Whether a living worker on this machine is stopped, as by SIGSTOP or a debugger: it does nothing until it goes on.
pub(crate) fn is_stopped(worker: &Worker) -> bool {
    matches!(stat(worker.pid).as_deref().and_then(|stat| stat.split_whitespace().next()), Some("T" | "t"))
}

/// What `/proc/PID/stat` says after the program's name (proc(5)).
fn stat(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name, field 2, may hold anything; it ends with the last parenthesis.
    stat.rsplit_once(')').map(|(_, rest)| rest.to_owned())
}

/// Whether a worker is known to be dead. One on another machine is never known; its leases run out.
pub(crate) fn is_dead(worker: &Worker, here: &Worker) -> bool {
    worker.machine == here.machine && started(worker.pid) != Some(worker.started)
}

/// A process's start, in clock ticks since boot: field 22 of `/proc/PID/stat` (proc(5)). `None` for a zombie too.
fn started(pid: u32) -> Option<u64> {
    let stat = stat(pid)?;
    let mut fields = stat.split_whitespace();
    if matches!(fields.next(), Some("Z" | "X")) {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_itself_alive_and_a_reused_number_dead() {
        let here = this_process();
        assert!(!is_dead(&here, &here));
        assert!(is_dead(&Worker { started: here.started + 1, ..here.clone() }, &here));
        assert!(!is_dead(&Worker { machine: "elsewhere".into(), pid: 1, started: 0, instance: 1 }, &here));
    }
}
