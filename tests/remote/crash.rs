//! `kill -9` of the master's process at every event of a task on a remote server.

use crate::fleet::Fleet;

#[test]
fn of_an_installation() {
    let fleet = Fleet::with_wordpress();
    let before = fleet.worlds();
    let install = ["site", "install", "kill.example.com", "--platform", "wp", "--title", "Killed"];
    let mut event = 1;
    loop {
        let run = fleet.faulty(&format!("die-event:{event}"), install);
        if !matches!(run.status, 137 | -9 | 9) {
            run.ok();
            break;
        }
        fleet.aegir(["task", "recover"]).ok();
        let state = fleet.json(["task", "list"])["items"][0]["state"].as_str().unwrap_or_default().to_owned();
        match state.as_str() {
            "rolled_back" => fleet.assert_unchanged(&before, "a killed installation"),
            "done" => {
                let page = fleet.page("kill.example.com");
                assert!(page.status == 200 && page.body.contains("Killed"), "{}", page.status);
                fleet.aegir(["site", "delete", "kill.example.com", "--yes"]).ok();
                fleet.host.exec(["sh", "-c", "rm /var/aegir/backups/kill*"]).ok();
                fleet.assert_unchanged(&before, "a killed, finished and deleted site");
            }
            other => panic!("killed at event {event} it ended {other}"),
        }
        event += 1;
        assert!(event < 200, "the task never ends");
    }
    assert!(event > 5, "only {event} events: the task did nothing");
    assert_eq!(fleet.page("kill.example.com").status, 200);
}
