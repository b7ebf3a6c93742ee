//! What a verify costs that finds nothing to do, to be read by a person:
//! `AEGIR_MEASURED=target/release/aegir cargo test --test checks figures -- --ignored --nocapture`.

use std::time::Instant;

use aegir_testkit::lab::Host;

use crate::pair::Pair;

/// A process' own time and that of its ended children, user and system, in hundredths of a second (proc(5), fields 14 to 17).
fn spent(stat: &str) -> u64 {
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(4).filter_map(|f| f.parse::<u64>().ok()).sum()
}

/// What the account's connections cost on the server.
fn on_target(host: &Host) -> u64 {
    let pids = host.exec(["pgrep", "-u", "aegir", "-x", "sshd"]).stdout;
    pids.lines().map(|pid| spent(&host.read(&format!("/proc/{}/stat", pid.trim())))).sum()
}

#[test]
#[ignore = "a measurement and no test"]
fn figures() {
    let pair = std::env::var("AEGIR_MEASURED").map_or_else(|_| Pair::new(), |path| Pair::with(&path));
    for what in ["server verify web1", "server verify server_master", "doctor web1", "server list"] {
        pair.master.aegir(what.split(' ')).ok();
        let script = format!(
            "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do aegir --quiet {what} >/dev/null || exit 1; done; cat /proc/$$/stat"
        );
        for _ in 0..2 {
            let (before, begun) = (on_target(&pair.web1), Instant::now());
            let said = pair.master.host.exec_as("aegir", ["sh", "-c", &script]).ok();
            let wall = begun.elapsed() / 20;
            let (here, there) = (spent(&said) * 10 / 20, (on_target(&pair.web1) - before) * 10 / 20);
            println!("{what}: {wall:?}, {here} ms of processor here, {there} ms on the target");
        }
    }
}
