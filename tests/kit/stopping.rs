//! Stops a task on real hosts as a person does who has enough of it: Ctrl-C, again, and `kill -9`.
//!
//! What comes next then, about something else, takes the task back where it was not committed, and never goes on with it.

use crate::installation::{Installation, world_of};
use crate::lab::{Host, World};

/// At which events a task is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Events {
    /// The first one, one in the middle, and one near the end.
    Some,
    /// Each of them, up to and with the one that it is committed.
    Each,
}

/// Stops a task at its events, with two interrupts and a kill. Until it is committed everything on the master and on the
/// remote hosts must be as before when the next command has ended; in the end it is done.
///
/// # Panics
/// When it goes forward after somebody asked for an end, or leaves something.
#[track_caller]
pub fn stop_at(events: Events, aegir: &Installation, remotes: &[Host], args: &[&str]) {
    let plan = aegir.json(args.iter().copied().chain(["--dry-run"]));
    let steps = plan["item"]["steps"].as_array().map_or(0, |steps| steps.iter().filter(|s| s["after_commit"] == false).count());
    assert!(steps > 0, "{args:?} has no steps to stop at");
    // A step is two events at least.
    let (middle, end) = (steps, 2 * steps);
    let worlds = || std::iter::once(&aegir.host).chain(remotes).map(world_of).collect::<Vec<World>>();
    let knowledge = || format!("{}\n{}", aegir.knowledge(), aegir.ledger());
    let before = (worlds(), knowledge());
    let mut known = last(aegir).0;
    let chosen = (1..300).filter(|event| events == Events::Each || [1, middle, end].contains(event));
    for (stopped, event) in chosen.enumerate() {
        let what = format!("{args:?} stopped at event {event}");
        let run = aegir.faulty(&format!("signals-event:{event}"), args.iter().copied().chain(["--yes"]));
        aegir.aegir(["server", "verify", "server_master"]).ok();
        let (id, state, kinds) = last(aegir);
        assert!(id > known, "{what} began nothing: {}", run.stderr);
        known = id;
        let committed = kinds.iter().any(|kind| kind == "committed");
        assert_eq!(state, if committed { "done" } else { "rolled_back" }, "{what}: {kinds:?} {}", run.stderr);
        assert!(committed || kinds.iter().any(|kind| kind == "cancel_asked"), "{what}, and nobody heard it: {kinds:?}");
        if let Some(asked) = kinds.iter().position(|kind| kind == "cancel_asked") {
            assert!(!kinds[asked..].iter().any(|kind| kind == "step_started"), "{what} went forward: {kinds:?}");
        }
        if committed {
            assert!(stopped > 0, "{what} was stopped {stopped} times only: {kinds:?} {} {}", run.status, run.stderr);
            return;
        }
        for (host, (before, after)) in std::iter::once(&aegir.host).chain(remotes).zip(before.0.iter().zip(worlds())) {
            let changes = before.diff(&after);
            assert!(changes.is_empty(), "{what} left changes on {}:\n{}", host.name(), changes.join("\n"));
        }
        assert_eq!(before.1, knowledge(), "{what} changed the inventory");
    }
    assert!(events == Events::Some, "{args:?} never ends");
    aegir.aegir(args.iter().copied().chain(["--yes"])).ok();
}

/// The last task that is not the next command's own: its number, its state, and the kinds of its events.
fn last(aegir: &Installation) -> (u64, String, Vec<String>) {
    let tasks = aegir.json(["task", "list", "--limit", "3"])["items"].take();
    let task = tasks.as_array().into_iter().flatten().find(|task| !task["subject"].to_string().contains("server_master"));
    let Some(task) = task else { return (0, String::new(), Vec::new()) };
    let shown = aegir.json(["task", "show", &task["id"].to_string()])["item"].take();
    let kinds = shown["events"].as_array().into_iter().flatten().filter_map(|e| e["type"].as_str()).map(str::to_owned).collect();
    (task["id"].as_u64().unwrap_or_default(), task["state"].as_str().unwrap_or_default().to_owned(), kinds)
}
