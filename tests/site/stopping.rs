//! Tasks that somebody stops: by signals, at the prompt, from another process, or by stopping the worker itself.

use std::time::{Duration, Instant};

use aegir_testkit::installation::Installation;
use aegir_testkit::lab::Signal;

use crate::{with_site, with_wordpress};

fn newest(aegir: &Installation) -> (i64, String) {
    let task = aegir.json(["task", "list", "--limit", "1"])["items"][0].clone();
    (task["id"].as_i64().unwrap_or_default(), task["state"].as_str().unwrap_or_default().to_owned())
}

/// Waits until the newest task has begun with its plan.
#[track_caller]
fn until_begun(aegir: &Installation) {
    until("begun", || {
        let task = aegir.json(["task", "list", "--limit", "1"])["items"][0].clone();
        task["state"] == "running" && task["steps"].as_u64().is_some_and(|steps| steps > 0)
    });
}

/// Waits until something is so.
#[track_caller]
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "never {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A1: Ctrl-C twice and a kill, at each event; the next command, about something else, takes it back and never goes on.
/// Returns at how many events the task was stopped in time.
fn stop_at_every_event(aegir: &Installation, args: &[&str], check: impl Fn(bool)) -> usize {
    let mut stopped = 0;
    for event in 1..200 {
        let run = aegir.faulty(&format!("signals-event:{event}"), args.iter().copied().chain(["--yes"]));
        aegir.aegir(["server", "verify", "server_master"]).ok();
        let (id, _) = newest(aegir);
        let task = aegir.json(["task", "list", "--limit", "3"])["items"].as_array().cloned().unwrap_or_default();
        let task = task.iter().find(|t| t["kind"] == args.join(".").split('.').take(2).collect::<Vec<_>>().join(".")).cloned();
        let task = task.unwrap_or_else(|| panic!("{args:?} left no task up to {id}"));
        let shown = aegir.json(["task", "show", &task["id"].to_string()])["item"].clone();
        let kinds: Vec<&str> = shown["events"].as_array().into_iter().flatten().filter_map(|e| e["type"].as_str()).collect();
        let committed = kinds.contains(&"committed");
        let state = task["state"].as_str().unwrap_or_default();
        assert_eq!(state, if committed { "done" } else { "rolled_back" }, "{args:?} stopped at event {event}: {kinds:?}");
        if let Some(asked) = kinds.iter().position(|kind| *kind == "cancel_asked") {
            assert!(!kinds[asked..].contains(&"step_started"), "{args:?}: forward after a cancel at event {event}: {kinds:?}");
            stopped += 1;
        }
        check(committed);
        if committed {
            assert!(event > 5, "only {event} events");
            let _ = run;
            return stopped;
        }
    }
    panic!("{args:?} never ends");
}

#[test]
fn a1_a_deletion_that_was_stopped_never_goes_on() {
    let aegir = with_site();
    let stopped = stop_at_every_event(&aegir, &["site", "delete", "one.example.com"], |gone| {
        assert_eq!(aegir.page("one.example.com").status, if gone { 404 } else { 200 });
    });
    assert!(stopped > 10, "stopped in time at {stopped} events");
}

#[test]
fn a1_a14_signals_at_any_time_stop_it() {
    let aegir = with_wordpress();
    let before = aegir.world();
    let rows = aegir.knowledge();
    // A terminal that is closed asks for the same as Ctrl-C.
    for signal in [Signal::HUP, Signal::TERM] {
        let child = aegir.command(["site", "install", "stop.example.com", "--platform", "wp"]).spawn();
        until_begun(&aegir);
        child.signal(signal);
        let run = child.wait(Duration::from_secs(60));
        assert_eq!(run.status, 130, "{signal:?}: {}", run.stderr);
        assert_eq!(newest(&aegir).1, "rolled_back");
        aegir.assert_unchanged(&before, "a stopped installation");
    }
    // From elsewhere, by its number, while nobody watches.
    let detached = aegir.aegir(["site", "install", "stop.example.com", "--platform", "wp", "--no-wait"]).ok();
    let id = detached.trim().to_owned();
    aegir.aegir(["task", "cancel", &id]).ok();
    assert_eq!(newest(&aegir).1, "rolled_back");
    aegir.assert_unchanged(&before, "a cancelled installation");
    let late = aegir.aegir(["task", "cancel", &id]);
    assert_eq!(late.status, 6, "{}", late.stderr);
    assert_eq!(aegir.knowledge(), rows);

    // A14: at the prompt, at once.
    aegir.install("stop.example.com", "Stop").ok();
    let begun = Instant::now();
    let prompt = "(sleep 1; pkill -INT -f '^/usr/local/bin/aegir site delete') & \
        sleep 4 | script -qec '/usr/local/bin/aegir site delete stop.example.com' /dev/null; exit $?";
    let run = aegir.host.command(["sh", "-c", prompt]).user("aegir").run();
    assert!(
        run.status == 130 && run.stdout.contains("stopped before anything was changed"),
        "{} after {:?}: {}",
        run.status,
        begun.elapsed(),
        run.stdout
    );
    assert_eq!(aegir.page("stop.example.com").status, 200);
}

#[test]
fn a6_a_stopped_worker_or_terminal_stops_nothing_else() {
    let aegir = with_wordpress();
    // Ctrl-S: the terminal takes nothing any more, and the task goes on to its end.
    let held = "(printf '\\023'; sleep 30) | script -qec 'aegir site install show.example.com --platform wp --verbose' /dev/null";
    let shown = aegir.host.command(["sh", "-c", held]).user("aegir").spawn();
    until("done behind a terminal that shows nothing", || {
        let task = aegir.json(["task", "list", "--limit", "1"])["items"][0].clone();
        task["state"] == "done" && task["kind"] == "site.install"
    });
    shown.kill_all();
    assert_eq!(aegir.page("show.example.com").status, 200);

    // A worker that sleeps for longer than it may: its task is another's, and it changes nothing when it wakes.
    let before = aegir.world();
    let sleeper = aegir.command(["site", "install", "sleep.example.com", "--platform", "wp"]).env("AEGIR_LEASE_SECONDS", "2").spawn();
    until_begun(&aegir);
    sleeper.signal(Signal::STOP);
    std::thread::sleep(Duration::from_millis(2500));
    until("told of", || aegir.aegir(["doctor"]).stdout.contains("was left in the middle by a worker that is gone"));
    until("taken over", || {
        aegir.aegir(["task", "recover"]).ok();
        newest(&aegir).1 != "running"
    });
    let (id, state) = newest(&aegir);
    if state == "done" {
        aegir.aegir(["site", "delete", "sleep.example.com", "--yes"]).ok();
        aegir.host.exec(["sh", "-c", "rm -rf /var/aegir/backups/*"]).ok();
    }
    let rows = aegir.rows();
    sleeper.resume();
    let run = sleeper.wait(Duration::from_secs(60));
    assert_eq!(run.status, 7, "task {id}: {}", run.stderr);
    assert!(run.stderr.contains(&format!("task {id} was taken over")), "{}", run.stderr);
    aegir.assert_unchanged(&before, "a worker that woke up");
    assert_eq!(aegir.rows(), rows, "nothing is written by who was superseded");
    aegir.install("sleep.example.com", "Sleep").ok();
}

/// A2, B28: what is stuck holds its subject, doctor says so, and a person ends it.
#[test]
fn a2_b28_what_is_stuck_is_held_until_somebody_ends_it() {
    let aegir = with_site();
    let stuck = aegir.faulty("fail-after:4,fail-undo:1", ["site", "install", "two.example.com", "--platform", "wp"]);
    assert_eq!(stuck.status, 10, "{}", stuck.stderr);
    let (id, _) = newest(&aegir);
    let id = id.to_string();
    let again = aegir.install("two.example.com", "Two");
    assert_eq!(again.status, 7, "{}", again.stderr);
    assert!(again.stderr.contains(&format!("task {id}, which is stuck")) && again.stderr.contains("task close"), "{}", again.stderr);
    let doctor = aegir.aegir(["doctor"]);
    assert!(doctor.status == 8 && doctor.stdout.contains(&format!("task {id} (site.install)")), "{}", doctor.stdout);
    // Another site is no business of it.
    aegir.aegir(["site", "verify", "one.example.com"]).ok();
    assert_eq!(aegir.aegir(["task", "close", &id]).status, 64, "only when a person says so");
    let retried = aegir.aegir(["task", "retry", &id]);
    retried.ok();
    aegir.install("two.example.com", "Two").ok();
    assert_eq!(aegir.aegir(["task", "retry", &id]).status, 6);
    assert_eq!(aegir.page("two.example.com").status, 200);
}
