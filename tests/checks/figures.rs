//! What a look costs, to be read by a person: `cargo test --test checks figures -- --ignored --nocapture`.

use std::time::Instant;

use crate::pair::Pair;

#[test]
#[ignore = "a measurement and no test"]
fn figures() {
    let pair = Pair::new();
    // Another build of the command can be measured in its place.
    if let Some(path) = std::env::var_os("AEGIR_MEASURED") {
        pair.master.host.copy_in(path, "/usr/local/bin/aegir", 0o755);
    }
    pair.master.aegir(["server", "verify", "web1"]).ok();
    let script = "set -e; for i in 1 2 3 4 5 6 7 8 9 10; do aegir --quiet server verify web1; done; cat /proc/$$/stat";
    let ticks = |of: &str| {
        let stat = std::fs::read_to_string(of).unwrap_or_default();
        let fields: Vec<u64> =
            stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(1).filter_map(|f| f.parse().ok()).collect();
        fields[10..14].iter().sum::<u64>()
    };
    let spent = |user: &str, host: &aegir_testkit::lab::Host| {
        let pids = host.exec(["pgrep", "-u", user, "-x", "sshd"]).stdout;
        // Of the connection's process on the server: its own and that of all its ended children.
        pids.lines()
            .map(|pid| host.exec(["cat", &format!("/proc/{}/stat", pid.trim())]).stdout)
            .map(|stat| {
                let fields: Vec<u64> = stat.rsplit(')').next().unwrap().split_whitespace().skip(1).filter_map(|f| f.parse().ok()).collect();
                fields[10..14].iter().sum::<u64>()
            })
            .sum::<u64>()
    };
    let _ = ticks;
    for _ in 0..3 {
        let target = spent("aegir", &pair.web1);
        let begun = Instant::now();
        let said = pair.master.host.exec_as("aegir", ["sh", "-c", script]).ok();
        let wall = begun.elapsed() / 10;
        let fields: Vec<u64> = said.rsplit(')').next().unwrap().split_whitespace().skip(1).filter_map(|f| f.parse().ok()).collect();
        let command = fields[10..14].iter().sum::<u64>();
        println!("verify: {wall:?} wall, command {} ms, target {} ms of processor", command, spent("aegir", &pair.web1) - target);
    }
}
