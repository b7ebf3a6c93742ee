//! The machine below Aegir's directory: writing there, space, inodes, and its clock.

use crate::entity::Server;
use crate::server::{Command, Facts, Output, Reply};
use crate::service::{Check, as_root, set_up};

/// Below this much free space a server is worth a warning, below the second it is none for a new site.
const LOW_SPACE: u64 = 500 * 1024 * 1024;
const NO_SPACE: u64 = 20 * 1024 * 1024;
const LOW_INODES: u64 = 10_000;
const NO_INODES: u64 = 200;
/// From this many seconds on, times of files and of log lines are misleading.
const SKEW: i64 = 5;

/// Writes, reads and deletes a file. It has lost its name before anything is in it, so nothing stays however this
/// ends; what a kill in between those two could leave is removed by the next. The number in the name is a process.
const PROBE: &str = r#"d=$1
[ -d "$d" ] || { echo missing; exit 0; }
for f in "$d"/.aegir-probe.*; do [ ! -f "$f" ] || [ -d "/proc/${f##*.}" ] || rm -f -- "$f"; done
f=$d/.aegir-probe.$$
exec 9<>"$f" || exit 1
rm -f -- "$f" && echo aegir >&9 && read -r r </proc/self/fd/9 && [ "$r" = aegir ] && [ ! -e "$f" ] && echo good"#;

pub(super) fn probe_question(server: &Server) -> Command {
    Command::new("sh").args(["-c", PROBE, "probe", server.root.as_str()])
}

pub(super) fn root_and_probe(server: &Server, facts: &Facts, answer: &Output) -> [Check; 2] {
    let root = &server.root;
    let said = answer.text();
    if said.trim() == "missing" {
        let failed = Check::fail("root", format!("{root} is no directory"), set_up(server));
        return [failed, Check::skipped("probe", "not looked at: root failed")];
    }
    let stands = Check::pass("root", format!("{root} stands"));
    if answer.ok() && said.trim() == "good" {
        return [stands, Check::pass("probe", format!("a file in {root} was written, read and deleted"))];
    }
    let error = answer.error_text();
    let why = error.lines().next().unwrap_or("it did not come back as it was written").trim();
    // The shell names its own line first.
    let why = why.rsplit_once(".aegir-probe.").map_or(why, |(_, rest)| rest.split_once(": ").map_or(rest, |(_, why)| why));
    let mend = if facts.disk.free < NO_SPACE {
        format!("free some space: `du -xh --max-depth=2 {root} | sort -h`")
    } else {
        as_root(server, format_args!("chown {0}: {root} && chmod u+rwx {root}", server.user))
    };
    [stands, Check::fail("probe", format!("{} cannot write in {root}: {why}", facts.user), mend)]
}

pub(super) fn disk(server: &Server, facts: &Facts) -> Check {
    let megabytes = |bytes: u64| bytes / 1024 / 1024;
    let evidence = format!("{} of {} MB free at {}", megabytes(facts.disk.free), megabytes(facts.disk.total), server.root);
    let mend = format!("free some space: `du -xh --max-depth=2 {} | sort -h`", server.root);
    if facts.disk.total == 0 {
        return Check::warn("disk", format!("the file system of {} does not say how large it is", server.root), mend);
    }
    judge("disk", evidence, facts.disk.free, LOW_SPACE, NO_SPACE, mend)
}

pub(super) fn inodes(server: &Server, facts: &Facts) -> Check {
    if facts.disk.inodes == 0 {
        return Check::pass("inodes", format!("the file system of {} makes them as it needs them", server.root));
    }
    let evidence = format!("{} of {} inodes free at {}", facts.disk.inodes_free, facts.disk.inodes, server.root);
    let mend = format!("remove files: `du -x --inodes --max-depth=2 {} | sort -n` shows where they are", server.root);
    judge("inodes", evidence, facts.disk.inodes_free, LOW_INODES, NO_INODES, mend)
}

fn judge(name: &str, evidence: String, free: u64, low: u64, none: u64, mend: String) -> Check {
    if free < none {
        Check::fail(name, evidence, mend)
    } else if free < low {
        Check::warn(name, evidence, mend)
    } else {
        Check::pass(name, evidence)
    }
}

/// The server's clock was read between the question and the answer, so only what lies outside of that is skew. It
/// shows whole seconds.
pub(super) fn clock(server: &Server, reply: &Reply) -> Check {
    let (before, after) = (reply.asked.0.timestamp(), reply.asked.1.timestamp());
    let skew = if reply.facts.clock < before { reply.facts.clock - before } else { (reply.facts.clock - after).max(0) };
    let evidence = format!("{} s {} the master's", skew.abs(), if skew < 0 { "behind" } else { "ahead of" });
    if skew.abs() > SKEW {
        Check::warn("clock", evidence, as_root(server, "timedatectl set-ntp true"))
    } else if skew == 0 {
        Check::pass("clock", "as the master's")
    } else {
        Check::pass("clock", evidence)
    }
}
