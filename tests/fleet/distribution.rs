//! A platform on its way to a server that is struck: taken back or left waiting, never half there for long.

use std::time::{Duration, Instant};

use aegir_testkit::fleet::Fleet;
use aegir_testkit::lab::{Base, Host, Run};

use crate::BINARY;
use crate::fault::{Fault, UNREACHABLE, impatient};

/// Slow enough that the middle of a push can be met.
const KBIT: u32 = 40_000;

fn arguments<'a>(name: &'a str, path: &'a str, server: &'a str) -> [&'a str; 9] {
    ["platform", "add", name, "--path", path, "--server", server, "--from", Base::WORDPRESS]
}

const WEB1: &str = "web1.example.com";

/// Waits until something of a tree has come.
fn until_begun(host: &Host, path: &str) {
    let begun = Instant::now();
    while !host.exists(path) {
        assert!(begun.elapsed() < Duration::from_secs(60), "{path} never came");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn leftovers(host: &Host) -> String {
    host.exec(["find", "/var/aegir/platforms", "-mindepth", "1", "-maxdepth", "1"]).ok()
}

#[test]
fn a_push_that_is_struck_is_told_and_a_second_one_arrives() {
    let fleet = Fleet::new(BINARY, &["web1", "web2"]);
    impatient(&fleet);
    let (web1, web2) = (fleet.host("web1"), fleet.host("web2"));
    for (index, fault) in UNREACHABLE.into_iter().chain([Fault::Full, Fault::OtherKey, Fault::NoPhp]).enumerate() {
        let (name, other) = (format!("one{index}"), format!("two{index}"));
        let (path, other_path) = (format!("/var/aegir/platforms/{name}"), format!("/var/aegir/platforms/{other}"));
        fault.prepare(web1);
        let slow = web1.slow(KBIT, Duration::ZERO);
        slow.unwrap();
        let push = fleet.master.command(arguments(&name, &path, WEB1)).spawn();
        let beside = fleet.master.command(arguments(&other, &other_path, "web2.example.com")).spawn();
        until_begun(web1, &format!("/var/aegir/platforms/.{name}.aegir-partial"));
        fault.strike(web1);
        let struck: Run = push.wait(Duration::from_secs(120));
        let expected = match fault {
            Fault::Full => 1,
            // Code arrives without PHP; what runs it is asked for when a site is made.
            Fault::NoPhp => 0,
            _ => 9,
        };
        assert_eq!(struck.status, expected, "{fault:?}: {struck:?}");
        assert!(struck.stderr.contains("web1"), "{fault:?}: {struck:?}");
        if fault == Fault::Full {
            assert!(struck.stderr.contains("No space left") || struck.stderr.contains("full"), "{struck:?}");
        }
        beside.wait(Duration::from_secs(120)).ok();
        assert!(web2.exists(&format!("{other_path}/wp-load.php")), "the other server got its own");
        let known = fleet.master.json(["platform", "list"]).to_string();
        assert!(known.contains(&other) && known.contains(&name) == (fault == Fault::NoPhp), "{fault:?}: {known}");
        fault.mend(web1);
        web1.full_speed();
        if fault != Fault::NoPhp {
            fleet.master.aegir(arguments(&name, &path, WEB1)).ok();
        }
        assert!(web1.exists(&format!("{path}/wp-load.php")), "{fault:?}");
        assert!(!leftovers(web1).contains("/."), "{fault:?} left {}", leftovers(web1));
        let again = fleet.master.aegir(["platform", "verify", &name]);
        assert!(again.stderr.contains("nothing to change"), "{fault:?}: {again:?}");
    }
    let stuck = fleet.master.json(["task", "list", "--state", "stuck"]);
    assert_eq!(stuck["items"].as_array().unwrap().len(), 0, "{stuck}");
}

/// Bytes that came over its network so far.
fn received(host: &Host) -> u64 {
    let table = host.exec(["cat", "/proc/net/dev"]).ok();
    let of = |line: &str| line.split_once(':').filter(|(name, _)| name.trim() != "lo")?.1.split_whitespace().next()?.parse::<u64>().ok();
    table.lines().filter_map(of).sum()
}

#[test]
fn what_goes_over_a_slow_link_is_packed() {
    let fleet = Fleet::new(BINARY, &["web1"]);
    let web1 = fleet.host("web1");
    web1.slow(KBIT, Duration::ZERO).unwrap();
    let before = received(web1);
    let path = "/var/aegir/platforms/slow";
    fleet.master.aegir(arguments("slow", path, WEB1)).ok();
    let came = received(web1) - before;
    let size: u64 = web1.exec(["du", "-sb", path]).ok().split_whitespace().next().unwrap().parse().unwrap();
    assert!(came < size / 2, "{came} of {size} bytes");
    let again = fleet.master.aegir(["platform", "verify", "slow"]);
    assert!(again.stderr.contains("nothing to change"), "{again:?}");
}
