//! `kill -9` at every journal event: the next start finishes or takes back, and leaves nothing behind.

use aegir_testkit::installation::Installation;

use crate::{with_site, with_wordpress};

/// The statuses of a process that killed itself, as seen from outside.
fn was_killed(status: i32) -> bool {
    status == 137 || status == -9 || status == 9
}

/// Kills a task at each of its events; after recovery `check` sees whether it was done.
fn kill_at_every_event(aegir: &Installation, args: &[&str], check: impl Fn(&Installation, bool), again: impl Fn(&Installation)) {
    let mut event = 1;
    loop {
        let run = aegir.faulty(&format!("die-event:{event}"), args.iter().copied().chain(["--yes"]));
        if !was_killed(run.status) {
            run.ok();
            break;
        }
        aegir.aegir(["task", "recover"]).ok();
        let task = &aegir.json(["task", "list"])["items"][0];
        let state = task["state"].as_str().unwrap_or_default();
        assert!(matches!(state, "done" | "rolled_back"), "{args:?} killed at event {event} ended {state}");
        check(aegir, state == "done");
        if state == "done" {
            again(aegir);
        }
        event += 1;
        assert!(event < 200, "the task never ends");
    }
    assert!(event > 5, "only {event} events: the task did nothing");
}

#[test]
fn of_an_installation() {
    let aegir = with_wordpress();
    let before = aegir.world();
    let done = |aegir: &Installation, done: bool| {
        if done {
            let page = aegir.page("kill.example.com");
            assert_eq!(page.status, 200);
            assert!(page.body.contains("Killed"));
        } else {
            aegir.assert_unchanged(&before, "a killed installation");
        }
    };
    let remove = |aegir: &Installation| {
        aegir.aegir(["site", "delete", "kill.example.com", "--yes"]).ok();
        aegir.host.exec(["sh", "-c", "rm -rf /var/aegir/backups/*"]).ok();
        aegir.assert_unchanged(&before, "a killed, finished and deleted site");
    };
    kill_at_every_event(&aegir, &["site", "install", "kill.example.com", "--platform", "wp", "--title", "Killed"], done, remove);
}

#[test]
fn of_a_deletion() {
    let aegir = with_wordpress();
    let empty = aegir.world();
    aegir.install("kill.example.com", "Killed").ok();
    let done = |aegir: &Installation, done: bool| {
        assert_eq!(aegir.page("kill.example.com").status, if done { 404 } else { 200 });
    };
    let again = |aegir: &Installation| {
        aegir.host.exec(["sh", "-c", "rm -rf /var/aegir/backups/*"]).ok();
        aegir.assert_unchanged(&empty, "a killed and finished deletion");
        aegir.install("kill.example.com", "Killed").ok();
    };
    kill_at_every_event(&aegir, &["site", "delete", "kill.example.com"], done, again);
}

#[test]
fn of_a_verify() {
    let aegir = with_site();
    let before = aegir.world();
    let spoil = |aegir: &Installation| {
        aegir.host.exec(["chmod", "0777", "/var/aegir/platforms/wp/sites/one.example.com/files"]).ok();
        aegir.host.exec(["sh", "-c", "echo '# by hand' >> /var/aegir/config/server_master/vhost.d/one.example.com.conf"]).ok();
    };
    spoil(&aegir);
    let done = |aegir: &Installation, done: bool| {
        assert!(done, "a verify goes on after a crash");
        aegir.assert_unchanged(&before, "a killed and finished verify");
    };
    kill_at_every_event(&aegir, &["site", "verify", "one.example.com"], done, spoil);
}

#[test]
fn while_the_installer_runs() {
    let aegir = with_wordpress();
    let install = ["site", "install", "kill.example.com", "--platform", "wp", "--title", "Killed"];
    let steps = aegir.json(install.into_iter().chain(["--dry-run"]))["item"]["steps"].clone();
    let installer =
        steps.as_array().and_then(|s| s.iter().position(|s| s["action"] == "app.install")).expect("an installation has an installer");
    let killed = aegir.faulty(&format!("die-apply:{installer}"), install);
    assert!(was_killed(killed.status), "{}", killed.status);
    aegir.aegir(["task", "recover"]).ok();
    assert_eq!(aegir.page("kill.example.com").status, 200);
}

#[test]
fn two_processes_never_run_one_task_twice() {
    let aegir = with_wordpress();
    let install = || aegir.command(["site", "install", "race.example.com", "--platform", "wp", "--title", "Race"]).spawn();
    let racers = [install(), install(), install()];
    let statuses: Vec<i32> = racers.into_iter().map(|r| r.wait(std::time::Duration::from_secs(120)).status).collect();
    assert_eq!(statuses.iter().filter(|s| **s == 0).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|s| matches!(s, 0 | 6 | 7)), "{statuses:?}");
    assert_eq!(aegir.page("race.example.com").status, 200);
    let databases = aegir.host.exec(["mariadb", "-BNe", "SHOW DATABASES LIKE 'race%'"]).ok();
    assert_eq!(databases.lines().count(), 1, "{databases}");
}
