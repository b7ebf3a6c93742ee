//! Faults are real, and can be taken back.

use std::io;
use std::time::{Duration, Instant};

use aegir_testkit::lab::{Lab, Service};

const SHORT: Duration = Duration::from_millis(500);
const LONG: Duration = Duration::from_secs(5);

#[test]
fn a_small_disk_gets_full() {
    let lab = Lab::new();
    let host = lab.host("web1");
    host.small_disk("/srv/small", 64 * 1024);
    host.write("/srv/small/fits", [0; 1000]);
    let full = host.exec(["dd", "if=/dev/zero", "of=/srv/small/big", "bs=4k", "count=64"]);
    assert!(full.stderr.contains("No space left on device"), "{full:?}");
    host.write("/srv/elsewhere", "x");
}

#[test]
fn a_disk_can_be_filled_and_freed_again() {
    let lab = Lab::new();
    let host = lab.host("web1");
    host.small_disk("/srv/small", 1024 * 1024);
    for (disk, file) in [("/", "/srv/file"), ("/srv/small", "/srv/small/file")] {
        host.write(file, "before");
        host.fill_disk(disk);
        let more = ["dd", "if=/dev/zero", "bs=4k", "count=4", &format!("of={file}2")];
        let full = host.exec(more);
        assert!(full.stderr.contains("No space left on device"), "{disk}: {full:?}");
        assert_eq!(host.read(file), "before");
        host.free_disk(disk, 1024 * 1024);
        host.exec(more).ok();
    }
}

#[test]
fn a_cut_cable_is_silence_until_it_heals() {
    let lab = Lab::new();
    let (web, db) = (lab.host("web1"), lab.host("db1"));
    db.start(Service::MariaDb);
    assert!(db.banner(3306, LONG).is_some());
    db.cut();
    assert!(db.banner(3306, SHORT).is_none());
    assert!(db.listens(3306), "the server itself is well");
    assert_eq!(db.exec(["mariadb", "-BNe", "SELECT 1"]).ok(), "1");
    db.heal();
    assert!(db.banner(3306, LONG).is_some());
    let port = ["bash", "-c", "exec 3<>/dev/tcp/db1.example.com/3306"];
    web.exec(port).ok();
    db.power_off();
    assert!(!db.is_up());
    assert!(db.banner(3306, SHORT).is_none());
}

#[test]
fn half_a_cable_carries_one_way() {
    let lab = Lab::new();
    let (web, db) = (lab.host("web1"), lab.host("db1"));
    db.start(Service::MariaDb);
    let received =
        |host: &aegir_testkit::lab::Host| -> u64 { host.exec(["cat", "/sys/class/net/eth0/statistics/rx_packets"]).ok().parse().unwrap() };
    db.half_cut();
    let before = received(&db);
    assert!(db.banner(3306, SHORT).is_none(), "its answer does not arrive");
    assert!(received(&db) > before, "the question did");
    web.exec(["true"]).ok();
    db.full_speed();
    assert!(db.banner(3306, LONG).is_some());
}

#[test]
fn a_slow_network_is_slow_or_says_that_it_cannot() {
    let lab = Lab::new();
    let (one, two) = (lab.host("web1"), lab.host("web2"));
    one.write("/var/www/html/big", vec![0; 128 * 1024]);
    one.start(Service::Nginx);
    let get = || {
        let start = Instant::now();
        two.exec(["curl", "-sSo", "/dev/null", "http://web1/big"]).ok();
        start.elapsed()
    };
    one.slow(1000, Duration::ZERO).expect("the kernel has sch_tbf");
    // A megabit takes a second; the first packets go at once.
    assert!(get() > Duration::from_millis(600));
    one.full_speed();
    assert!(get() < Duration::from_millis(600));

    match one.slow(10_000, Duration::from_millis(100)) {
        Ok(()) => assert!(get() > Duration::from_millis(200)),
        Err(e) => {
            assert_eq!(e.kind(), io::ErrorKind::Unsupported);
            assert!(e.to_string().contains("netem"), "{e}");
        }
    }
}

#[test]
fn a_silent_sshd_accepts_and_says_nothing() {
    let lab = Lab::new();
    let host = lab.host("web1");
    host.start(Service::Sshd);
    assert!(host.banner(22, LONG).is_some());
    host.silence_sshd();
    let connected = std::net::TcpStream::connect_timeout(&(host.v4(), 22).into(), LONG);
    assert!(connected.is_ok(), "it accepts");
    assert!(host.banner(22, SHORT).is_none(), "it says nothing");
    host.wake_sshd();
    assert!(host.banner(22, LONG).is_some());
}
