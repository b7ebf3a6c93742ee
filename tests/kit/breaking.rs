//! Breaks every step of a task on real hosts: rolled back, and the world as it was.

use crate::installation::{Installation, world_of};
use crate::lab::{Host, World};

/// Breaks each step of a task in both ways, every apply and undo run twice; the task must roll back, on the master and on
/// the remote hosts. In the end it runs with nothing broken.
///
/// # Panics
/// When a broken task ends in another way, or leaves something.
#[track_caller]
pub fn break_every_step(aegir: &Installation, remotes: &[Host], args: &[&str]) {
    let plan = aegir.json(args.iter().copied().chain(["--dry-run"]));
    let steps = plan["item"]["steps"].as_array().map_or(0, |steps| steps.iter().filter(|s| s["after_commit"] == false).count());
    assert!(steps > 0, "{args:?} has no steps to break");
    let worlds = || remotes.iter().map(world_of).collect::<Vec<World>>();
    let knowledge = || format!("{}\n{}", aegir.knowledge(), aegir.ledger());
    let before = (aegir.world(), knowledge(), worlds());
    for step in 0..steps {
        for fault in ["fail-before", "fail-after"] {
            let what = format!("{args:?} with {fault}:{step},twice");
            let run = aegir.faulty(&format!("{fault}:{step},twice"), args.iter().copied().chain(["--yes"]));
            assert_eq!(run.status, 1, "{what} ended with {}: {}", run.status, run.stderr);
            aegir.assert_unchanged(&before.0, &what);
            assert_eq!(before.1, knowledge(), "{what} changed the inventory");
            for (remote, (before, after)) in remotes.iter().zip(before.2.iter().zip(worlds())) {
                let changes = before.diff(&after);
                assert!(changes.is_empty(), "{what} left changes on {}:\n{}", remote.name(), changes.join("\n"));
            }
        }
    }
    // With nothing broken, each apply run twice gives the same as once.
    aegir.faulty("twice", args.iter().copied().chain(["--yes"])).ok();
}
