//! An attempt of a web server that was broken into: what it replaces, what is asked then, and that nothing else has changed.

use std::time::{Duration, Instant};

use aegir_core::text::steers;
use aegir_testkit::installation::world_of;
use aegir_testkit::lab::{Host, World};
use serde_json::Value;

use crate::fleet::Fleet;

/// What of the master a task never changes, beside what all tests watch.
const SYSTEM: [&str; 6] = ["/etc", "/root", "/home", "/usr/local/bin", "/usr/local/sbin", "/var/spool"];
/// What a replaced program writes to, so that no attempt passes unasked.
const TRIED: &str = "/run/lock/tried";
/// How every replaced program begins.
const BASH: &str = "#!/bin/bash\necho \"$0\" >>/run/lock/tried\n";
/// What an attempt replaces on the web server, and what the operator asks then.
#[derive(Default)]
pub(crate) struct Attempt<'a> {
    pub(crate) name: &'a str,
    /// Programs and files by path, each with what takes its place.
    pub(crate) replaced: &'a [(&'a str, String)],
    /// Anything else, as root.
    pub(crate) script: &'a str,
    /// What takes that back.
    pub(crate) undo: &'a str,
    pub(crate) asked: &'a [&'a [&'a str]],
    /// What one of the answers must say; the attempt has come through by then.
    pub(crate) says: &'a str,
}

/// Everything that is not the web server's own: the master, another server, what the inventory says of both.
pub(crate) struct Rest {
    master: [World; 2],
    other: World,
    known: String,
}

pub(crate) fn rest(fleet: &Fleet) -> Rest {
    let host = &fleet.master.host;
    // An archive that was asked for stays in the ledger.
    let mut known: String = fleet.ledger().lines().filter(|row| !row.contains("backups")).map(|row| format!("{row}\n")).collect();
    for what in ["server", "platform", "site"] {
        let mut items = fleet.json([what, "list"])["items"].take();
        for item in items.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            item.remove("revision");
            // What a machine says of itself is its own.
            if item.get("name").is_some_and(|name| name == "web1.example.com") {
                item.remove("facts");
                item.remove("addresses");
            }
        }
        known += &format!("{items}\n");
    }
    Rest { master: [world_of(host), World::of(host, &SYSTEM)], other: world_of(fleet.remote("web2")), known }
}

#[track_caller]
pub(crate) fn assert_untouched(fleet: &Fleet, before: &Rest, what: &str) {
    let now = rest(fleet);
    let pairs = before.master.iter().zip(&now.master).chain([(&before.other, &now.other)]);
    let changes: Vec<String> = pairs.flat_map(|(old, new)| old.diff(new)).collect();
    assert!(changes.is_empty(), "“{what}” changed what is not the web server's:\n{}", changes.join("\n"));
    let (was, is): (Vec<&str>, Vec<&str>) = (before.known.lines().collect(), now.known.lines().collect());
    let news: Vec<_> = was.iter().filter(|l| !is.contains(l)).chain(is.iter().filter(|l| !was.contains(l))).collect();
    assert!(news.is_empty(), "“{what}” changed what is known:\n{news:#?}");
    assert_eq!(fleet.master.page("two.example.com").status, 200, "{what}");
}

/// Puts something in the place of what stands there, which [`give_back`] puts back.
pub(crate) fn replace(host: &Host, path: &str, content: &str) {
    host.exec(["/bin/bash", "-c", "mkdir -p ${0%/*}; [ ! -e $0 ] || mv -T $0 $0.honest", path]).ok();
    host.write(path, content);
    host.exec(["chmod", "755", path]).ok();
}

pub(crate) fn give_back(host: &Host, path: &str) {
    host.exec(["/bin/bash", "-c", "rm -rf $0; [ ! -e $0.honest ] || mv -T $0.honest $0", path]).ok();
}

impl Attempt<'_> {
    pub(crate) fn make(&self, fleet: &Fleet, before: &Rest) {
        let (name, web1) = (self.name, fleet.remote("web1"));
        let begun = Instant::now();
        web1.exec(["install", "-m", "666", "/dev/null", TRIED]).ok();
        for (path, content) in self.replaced {
            replace(web1, path, content);
        }
        if !self.script.is_empty() {
            web1.exec(["/bin/bash", "-c", self.script]).ok();
        }
        let mut said = String::new();
        for args in self.asked {
            let (run, peak) = fleet.master.peak(args.iter().copied());
            for text in [&run.stdout, &run.stderr] {
                assert!(!text.contains(steers), "“{name}”: {args:?} lets a sequence through: {text:?}");
            }
            assert!(peak < 300 << 20, "“{name}”: {args:?} had {peak} bytes");
            assert!(!run.stderr.lines().any(|l| l.starts_with("  hint:") && l.contains("evil")), "“{name}”: {}", run.stderr);
            said += &format!("{args:?} {}: {}{}\n", run.status, run.stdout, run.stderr);
        }
        let tried = !web1.read(TRIED).is_empty();
        self.replaced.iter().for_each(|(path, _)| give_back(web1, path));
        web1.exec(["/bin/bash", "-c", self.undo]).ok();
        assert!(fleet.take_back_what_is_stuck(), "“{name}” leaves what cannot be taken back: {}", fleet.aegir(["task", "list"]).stdout);
        if self.asked.iter().any(|args| args[1] == "install") {
            let _ = fleet.aegir(["site", "delete", "three.example.com", "--yes"]);
            fleet.host.exec(["sh", "-c", "rm -f /var/aegir/backups/three.*"]).ok();
        }
        assert!(tried, "“{name}” was not asked: {said}");
        assert!(said.contains(self.says), "“{name}” should end in “{}”: {said}", self.says);
        assert!(begun.elapsed() < Duration::from_secs(120), "“{name}” took {:?}", begun.elapsed());
        assert_untouched(fleet, before, name);
    }
}

pub(crate) fn program(body: &str) -> String {
    format!("{BASH}{body}\n")
}

/// A PHP that answers its driver with this.
pub(crate) fn php(answer: &str) -> String {
    program(&format!("cat >/dev/null\nprintf '\\nRESULT %s\\n' {}", quoted(answer)))
}

/// One word of a shell.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
