//! A password in clear appears in its own file and nowhere else.

use aegir_testkit::installation::Installation;
use aegir_testkit::lab::Base;

use crate::{BINARY, with_site};

/// Every process's arguments and environment, every 5 ms, while a task runs.
const WATCH: &str =
    "while [ ! -e /run/stop ]; do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' ' ' >> /run/seen; sleep 0.005; done";

#[test]
fn no_secret_leaks() {
    let aegir = with_site();
    let watcher = aegir.host.spawn(["sh", "-c", WATCH]);
    let mut said = String::new();
    for args in [
        &["site", "install", "two.example.com", "--platform", "wp", "--title", "Two", "--verbose"][..],
        &["site", "install", "three.example.com", "--platform", "wp", "--dry-run"],
        &["site", "install", "three.example.com", "--platform", "wp", "--dry-run", "--json"],
        &["site", "install", "three.example.com", "--platform", "wp", "--plan-out", "/var/aegir/three.plan"],
        &["site", "show", "two.example.com", "--json"],
        &["server", "show", "server_master", "--json"],
        &["task", "show", "3", "--json"],
        &["site", "verify", "two.example.com", "--json"],
        &["site", "delete", "two.example.com", "--yes", "--verbose"],
    ] {
        let run = aegir.aegir(args.iter().copied());
        said.push_str(&run.stdout);
        said.push_str(&run.stderr);
        // The password of the site that stays, and of the one that comes and goes while it is there.
        if args[1] == "install" && args.len() == 7 {
            assert!(run.success(), "{}", run.stderr);
        }
    }
    aegir.install("two.example.com", "Two").ok();
    aegir.host.write("/run/stop", "");
    let _ = watcher.wait(std::time::Duration::from_secs(10));

    let password = |uri: &str| {
        let vhost = aegir.host.read(&format!("/var/aegir/config/server_master/vhost.d/{uri}.conf"));
        let line = vhost.lines().find(|l| l.contains("db_passwd")).expect("a vhost holds the password").to_owned();
        line.split_whitespace().last().expect("a value").trim_matches('"').to_owned()
    };
    for uri in ["one.example.com", "two.example.com"] {
        let canary = password(uri);
        assert!(canary.len() >= 20, "{canary} is no password of ours");
        assert!(!said.contains(&canary), "the command printed the password of {uri}");
        assert!(!aegir.host.read("/run/seen").contains(&canary), "an argument list or environment held the password of {uri}");
        let found = aegir
            .host
            .exec([
                "grep",
                "-rlsF",
                "--exclude-dir=proc",
                "--exclude-dir=sys",
                "--exclude-dir=dev",
                "--exclude-dir=lab",
                &canary,
                "/var/aegir",
                "/var/log",
                "/tmp",
                "/etc",
                "/run",
            ])
            .stdout;
        let mut files: Vec<&str> = found.lines().filter(|f| *f != "/run/seen").collect();
        files.sort_unstable();
        assert_eq!(
            files,
            [
                format!("/var/aegir/config/server_master/credentials.d/{uri}.php"),
                format!("/var/aegir/config/server_master/vhost.d/{uri}.conf")
            ],
            "the password of {uri} lies elsewhere"
        );
        for file in files {
            let mode = aegir.host.exec(["stat", "-c", "%a", file]).ok();
            assert!(mode.trim().ends_with("00"), "{file} has mode {mode}");
        }
    }
    let settings = aegir.host.read("/var/aegir/platforms/wp/sites/one.example.com/wp-config.php");
    assert!(!settings.contains(&password("one.example.com")));
}

/// The administrator's password, set by somebody else and handed to `init` in a file.
#[test]
fn the_administrators_password_is_nowhere_in_clear() {
    const CANARY: &str = "Canary-7f3a'b\\c $d \"e";
    let aegir = Installation::bare(BINARY);
    let quoted = CANARY.replace('\\', "\\\\").replace('\'', "\\'");
    let sql = format!("CREATE USER 'boss'@'localhost' IDENTIFIED BY '{quoted}'; GRANT ALL ON *.* TO 'boss'@'localhost' WITH GRANT OPTION");
    aegir.host.command(["mariadb"]).stdin(sql).run().ok();
    let watcher = aegir.host.spawn(["sh", "-c", WATCH]);
    let mut said = String::new();
    let init =
        ["init", "--hostname", "master.example.com", "--stage", "test", "--db-url", "mysql://boss@localhost", "--db-password-file", "-"];
    let run = aegir
        .host
        .command(std::iter::once("/usr/local/bin/aegir").chain(init))
        .stdin(CANARY)
        .timeout(std::time::Duration::from_secs(120))
        .run();
    assert!(run.success(), "{}", run.stderr);
    said.push_str(&(run.stdout + &run.stderr));
    for args in [
        &["platform", "add", "wp", "--path", "/var/aegir/platforms/wp", "--server", "server_master", "--from", Base::WORDPRESS][..],
        &["site", "install", "two.example.com", "--platform", "wp", "--title", "Two", "--verbose"],
        &["site", "install", "three.example.com", "--platform", "wp", "--plan-out", "/var/aegir/three.plan"],
        &["server", "verify", "server_master", "--json"],
        &["server", "show", "server_master", "--json"],
        &["doctor", "server_master", "--json"],
        &["site", "delete", "two.example.com", "--yes", "--verbose"],
    ] {
        let run = aegir.aegir(args.iter().copied());
        assert!(run.success(), "{args:?}: {}", run.stderr);
        said.push_str(&(run.stdout + &run.stderr));
    }
    // A wrong one is refused, and not repeated to whoever looks over the shoulder.
    aegir.host.exec(["mariadb", "-e", "ALTER USER 'boss'@'localhost' IDENTIFIED BY 'another'"]).ok();
    let refused = aegir.aegir(["site", "install", "four.example.com", "--platform", "wp"]);
    assert_eq!(refused.status, 8, "{}", refused.stderr);
    said.push_str(&refused.stderr);
    aegir.host.write("/run/stop", "");
    let _ = watcher.wait(std::time::Duration::from_secs(10));
    // Its first part has no character that any grammar would escape.
    let canary = "Canary-7f3a";
    assert!(!said.contains(canary), "the command printed the password");
    assert!(!aegir.host.read("/run/seen").contains(canary), "an argument list or environment held the password");
    let places = ["/var/aegir", "/var/log", "/tmp", "/etc", "/run", "/root", "/home"];
    let found = aegir.host.exec(["grep", "-rlsF", "--exclude-dir=lab", canary].into_iter().chain(places)).stdout;
    assert_eq!(found.trim(), "", "the password lies in files");
}
