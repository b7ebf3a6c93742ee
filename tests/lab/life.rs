//! Hosts come up, know each other, run commands, and leave nothing behind.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use aegir_testkit::lab::{Base, Lab, Process, Storage, Suite, reap};
use aegir_testkit::machine::built;

fn lab_exists(id: &str) -> bool {
    Path::new("/run/aegir-lab").join(id).exists()
}

fn bridge_exists(id: &str) -> bool {
    Path::new("/sys/class/net").join(id.replace("lab", "aegir")).exists()
}

#[test]
fn a_host_comes_up_as_itself_and_goes_without_a_trace() {
    Base::ensure(Suite::Bookworm).expect("the base is there");
    let start = Instant::now();
    let lab = Lab::new();
    let host = lab.host("web1");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());

    assert_eq!(host.exec(["uname", "-n"]).ok(), "web1");
    assert_eq!(host.exec(["hostname", "-f"]).ok(), "web1.example.com");
    assert_eq!(host.exec(["cat", "/proc/1/comm"]).ok(), "sh");
    assert!(host.exec(["cat", "/proc/mounts"]).ok().contains("overlay / overlay"));
    assert!(!host.exists("/run/lab/old"));
    let (id, init) = (lab.id(), host.init());
    assert!(lab_exists(&id) && bridge_exists(&id));

    drop(lab);
    assert!(!init.is_alive());
    assert!(!lab_exists(&id) && !bridge_exists(&id));
}

#[test]
fn labs_side_by_side_have_networks_of_their_own() {
    let (one, two) = (Lab::new(), Lab::new());
    let (a, b) = (one.host("web1"), two.host("web1"));
    assert_ne!(one.id(), two.id());
    assert_ne!(a.v4(), b.v4());
    drop(one);
    assert!(!a.is_up());
    assert!(b.exec(["true"]).success());
}

#[test]
fn commands_run_as_the_user_with_input_environment_and_an_end() {
    let lab = Lab::new();
    let host = lab.host("web1");
    host.exec(["useradd", "-m", "-G", "adm", "aegir"]).ok();

    assert_eq!(host.exec_as("aegir", ["id", "-nG"]).ok(), "aegir adm");
    let env = host.command(["env"]).user("aegir").env("X", "1").run().ok();
    let mut names: Vec<&str> = env.lines().filter_map(|l| Some(l.split_once('=')?.0)).collect();
    names.sort_unstable();
    assert_eq!(names, ["HOME", "LANG", "LOGNAME", "PATH", "USER", "X"]);
    assert!(env.contains("HOME=/home/aegir\n"));

    let echoed = host.command(["cat"]).stdin("a\nb").cwd("/tmp").run();
    assert_eq!(echoed.stdout, "a\nb");
    let failed = host.exec(["sh", "-c", "echo no >&2; exit 7"]);
    assert_eq!((failed.status, failed.stderr.as_str()), (7, "no\n"));

    let slow = host.command(["sh", "-c", "echo begun; sleep 100 & sleep 100"]);
    let slow = slow.timeout(Duration::from_millis(300)).run();
    assert!(slow.timed_out);
    assert_eq!((slow.status, slow.stdout.as_str()), (124, "begun\n"));
    assert!(!host.exec(["pgrep", "sleep", "-u", "root", "-x", "-f", "sleep 100"]).success());
}

#[test]
fn kill_reaches_the_process_inside_and_only_that() {
    let lab = Lab::new();
    let host = lab.host("web1");
    let child = host.spawn(["sh", "-c", "sleep 1234 & echo $$; wait"]);
    let inside = || child.stdout().trim().to_owned();
    let start = Instant::now();
    while inside().is_empty() {
        assert!(start.elapsed() < Duration::from_secs(5), "it never started");
        std::thread::yield_now();
    }
    let inside = inside();
    assert!(host.exec(["kill", "-0", &inside]).success());
    child.kill();
    assert_eq!(child.wait(Duration::from_secs(5)).status, 128 + 9);
    assert!(!host.exec(["kill", "-0", &inside]).success());
    // What a crashed program started lives on.
    assert!(host.exec(["pgrep", "-x", "sleep"]).success());

    let child = host.spawn(["sh", "-c", "sleep 4321 & wait"]);
    let process = child.process().expect("it has just started");
    drop(child);
    assert!(process.gone_within(Duration::from_secs(5)));
}

#[test]
fn files_go_in_and_out_and_never_through_a_link_to_this_machine() {
    let lab = Lab::new();
    let host = lab.host("web1");
    host.write("/srv/new/file", "content");
    assert_eq!(host.read("/srv/new/file"), "content");

    // /var/run is an absolute link to /run: of the host, not of this machine.
    host.write("/var/run/aegir-lab-probe", "x");
    assert!(!Path::new("/run/aegir-lab-probe").exists());
    assert_eq!(host.exec(["cat", "/run/aegir-lab-probe"]).ok(), "x");

    let outside = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(outside.path().join("index.php"), "<?php").expect("a file in it");
    host.bind_mount(outside.path(), "/srv/tree");
    assert_eq!(host.read("/srv/tree/index.php"), "<?php");
    assert!(!host.exec(["touch", "/srv/tree/x"]).success(), "it is read-only");

    host.copy_in(outside.path().join("index.php"), "/usr/local/bin/tool", 0o755);
    assert_eq!(host.exec(["stat", "-c", "%a", "/usr/local/bin/tool"]).ok(), "755");
    host.bind_mount(outside.path().join("index.php"), "/srv/one.php");
    assert_eq!(host.read("/srv/one.php"), "<?php");
}

#[test]
fn a_host_on_disk_works_and_is_removed() {
    let lab = Lab::new();
    let host = lab.host_of("db1", Storage::Disk);
    host.write("/srv/file", "on disk");
    assert_eq!(host.read("/srv/file"), "on disk");
    lab.take_down(&host).expect("it ends");
    assert!(!host.is_up());
    assert!(lab.find("db1").is_none());
}

#[test]
fn a_lab_whose_owner_was_killed_dies_and_is_cleaned_up() {
    let mut owner = built(env!("CARGO_BIN_EXE_aegir-lab"))
        .args(["hold", "web1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("aegir-lab starts");
    let mut line = String::new();
    let stdout = owner.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    let (id, init) = line.trim().split_once(' ').expect("an id and a process");
    let init = Process::of(init.parse().expect("a number")).expect("the host is up");
    assert!(lab_exists(id) && bridge_exists(id));

    owner.kill().expect("kill -9");
    assert!(init.gone_within(Duration::from_secs(5)), "the host outlives its owner");
    owner.wait().expect("it ended");
    // Another test's lab may have been quicker to clean up; gone is gone.
    reap().expect("the lock is free");
    assert!(!lab_exists(id) && !bridge_exists(id));
}
