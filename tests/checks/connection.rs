//! Whether a server can be reached: the layer that fails is named, with its cause, and nothing else fails with it.

use std::time::Instant;

use aegir_testkit::lab::Service;

use crate::pair::{Case, Pair, pin, told};

#[test]
fn the_first_layer_that_fails_is_named_with_its_cause() {
    let pair = Pair::new();
    let (checks, status) = pair.doctor("web1");
    assert_eq!(status, 0, "{}", told(&checks));
    assert!(checks.values().all(|c| c.finding == "pass"), "{}", told(&checks));
    for (name, evidence) in [
        ("reachable", "aegir@web1.example.com answers in"),
        ("host-key", "SHA256:"),
        ("login", "as aegir without a password, shell /bin/bash"),
        ("user", "(uid "),
        ("sudo", "/usr/local/lib/aegir/helper"),
        ("helper", "is of this build"),
        ("packages", "php-fpm 2:8.2"),
        ("web.php", "8.2 at /run/php/php8.2-fpm.sock"),
        ("web.port", "answers the master"),
        ("db.from-here", "sees web1 as"),
        ("name.forward", "on web1 master.example.com is"),
    ] {
        assert!(checks[name].evidence.contains(evidence), "{name}: {}", told(&checks));
    }
    let again = || pair.disconnect(&pair.web1);
    let sshd = |breaks: &dyn Fn()| {
        pair.web1.stop(Service::Sshd);
        breaks();
        again();
        pair.web1.start(Service::Sshd);
    };

    pair.broken(&Case {
        check: "reachable",
        evidence: "Connection refused",
        mend: "service ssh start",
        status: 9,
        breaks: &|| {
            pair.web1.stop(Service::Sshd);
            again();
        },
        mends: &|_| pair.web1.start(Service::Sshd),
        ..Case::default()
    });
    pair.broken(&Case {
        check: "reachable",
        evidence: "Could not resolve hostname does-not-exist.example.com",
        mend: "getent hosts",
        status: 9,
        breaks: &|| {
            again();
            pair.master
                .host
                .exec([
                    "sh",
                    "-c",
                    "printf 'Host web1.example.com\\n HostName does-not-exist.example.com\\n' >/etc/ssh/ssh_config.d/lab.conf",
                ])
                .ok();
        },
        mends: &|_| drop(pair.master.host.exec(["rm", "/etc/ssh/ssh_config.d/lab.conf"]).ok()),
        ..Case::default()
    });
    pair.broken(&Case {
        check: "host-key",
        evidence: "pinned is SHA256:",
        mend: "aegir server edit web1 --host-key SHA256:",
        breaks: &|| sshd(&|| drop(pair.web1.exec(["sh", "-c", "rm /etc/ssh/ssh_host_*"]).ok())),
        mends: &|_| pin(&pair.master, &pair.web1),
        ..Case::default()
    });
    pair.broken(&Case {
        check: "login",
        evidence: "Permission denied (publickey",
        mend: "aegir server bootstrap web1 | ssh root@web1.example.com sh",
        breaks: &|| {
            pair.web1.exec(["mv", "/home/aegir/.ssh/authorized_keys", "/root/"]).ok();
            again();
        },
        mends: &|_| drop(pair.web1.exec(["mv", "/root/authorized_keys", "/home/aegir/.ssh/"]).ok()),
        ..Case::default()
    });
    pair.broken(&Case {
        check: "login",
        evidence: "This account is currently not available",
        mend: "as root on web1: `usermod -s /bin/sh aegir && pkill -u aegir sshd`",
        breaks: &|| {
            pair.web1.exec(["usermod", "-s", "/usr/sbin/nologin", "aegir"]).ok();
            again();
        },
        mends: &|found| pair.mend(found),
        ..Case::default()
    });
}

#[test]
fn what_says_nothing_is_unreachable_in_time_and_everything_else_is_skipped() {
    let pair = Pair::new();
    // One that answers nobody: connections are accepted, and then there is silence.
    pair.disconnect(&pair.web1);
    pair.web1.silence_sshd();
    let begun = Instant::now();
    let (checks, status) = pair.doctor("web1");
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
    pair.web1.wake_sshd();
    assert_eq!(status, 9, "{}", told(&checks));
    let failed: Vec<_> = checks.iter().filter(|(_, c)| c.finding == "fail").map(|(n, _)| n.as_str()).collect();
    assert_eq!(failed, ["reachable"], "{}", told(&checks));
    assert!(checks.iter().all(|(n, c)| n == "reachable" || c.finding == "skipped"), "{}", told(&checks));
    for name in ["host-key", "login", "disk", "web"] {
        assert!(checks.contains_key(name), "{name}: {}", told(&checks));
    }
    // Asked for one check, it says why there is none.
    pair.web1.cut();
    let (some, status) = pair.ask(&["server", "verify", "web1", "--check", "web.php"]);
    pair.web1.heal();
    let names: Vec<_> = some.keys().map(|(_, n)| n.as_str()).collect();
    assert_eq!((names, status), (vec!["reachable", "web"], 9), "{some:?}");
}
