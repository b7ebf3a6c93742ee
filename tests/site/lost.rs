//! What is lost is never taken for new: empty or missing files, keys, directories, and output that reaches nobody.

use aegir_testkit::installation::Installation;
use aegir_testkit::lab::Run;

use crate::with_site;

const DB: &str = "/var/aegir/aegir.db";
const KEYS: &str = "/var/aegir/keys";

fn sh(aegir: &Installation, script: &str) -> Run {
    aegir.host.exec(["sh", "-c", script])
}

fn says(run: &Run, status: i32, words: &[&str]) {
    assert_eq!(run.status, status, "{}", run.stderr);
    for word in words {
        assert!(run.stderr.contains(word), "should say “{word}”: {}", run.stderr);
    }
}

#[test]
fn what_is_lost_is_not_begun_anew() {
    let aegir = with_site();
    f13_an_empty_inventory(&aegir);
    f14_lost_keys(&aegir);
    f16_files_of_others(&aegir);
    f1_output_that_reaches_nobody(&aegir);
    f7_ports_that_no_visitor_says(&aegir);
    f18_f20_limits(&aegir);
    assert_eq!(aegir.page("one.example.com").status, 200);
}

/// F13: "there are no sites", exit 0, and a new inventory in the place of the old one.
fn f13_an_empty_inventory(aegir: &Installation) {
    // Everything in the one file, so that it can be put aside and back.
    sh(aegir, &format!("mkdir /root/kept && cp -a {DB}* /root/kept/ && rm {DB}-* ; : >{DB}")).ok();
    for args in [["site", "list"], ["doctor", "server_master"]] {
        says(&aegir.aegir(args), 1, &["damaged: there is nothing in it", "from your backup"]);
    }
    says(&aegir.init(), 1, &["nothing in it"]);
    assert_eq!(sh(aegir, &format!("stat -c %s {DB}; ls /var/aegir | grep -c aegir-new")).stdout.trim(), "0\n0");
    // Without the file there are sites that nobody knows: a new inventory would take them for strangers'.
    sh(aegir, &format!("rm -f {DB}*")).ok();
    says(&aegir.aegir(["site", "list"]), 5, &["the inventory is lost", "backup"]);
    says(&aegir.init(), 8, &["there are sites here", "restore it from your backup"]);
    sh(aegir, "cp -a /root/kept/* /var/aegir/ && rm -r /root/kept").ok();
    assert!(aegir.aegir(["site", "list"]).ok().contains("one.example.com"));
}

/// F14: "run `aegir init`" made new keys beside the inventory, and a new password for the database's administrator.
fn f14_lost_keys(aegir: &Installation) {
    let (before, known) = (aegir.world(), aegir.knowledge());
    for lost in ["keys", "keys/inventory.key", "keys/id_ed25519"] {
        sh(aegir, &format!("cp -a {KEYS} /root/keys && rm -r /var/aegir/{lost}")).ok();
        if lost != "keys/id_ed25519" {
            let run = aegir.aegir(["site", "list"]);
            says(&run, 8, &["does not exist", "restore it from your backup"]);
            assert!(!run.stderr.contains("aegir init"), "{}", run.stderr);
        }
        says(&aegir.init(), 8, &["the inventory /var/aegir/aegir.db is here, and", "restore it from your backup"]);
        assert!(!aegir.host.exec(["test", "-e", &format!("/var/aegir/{lost}")]).success(), "{lost} was made anew");
        sh(aegir, &format!("rm -rf {KEYS} && mv /root/keys {KEYS}")).ok();
    }
    // F16: an empty key.
    sh(aegir, &format!("mv {KEYS}/inventory.key /root/ && install -o aegir -g aegir -m 600 /dev/null {KEYS}/inventory.key")).ok();
    says(&aegir.aegir(["site", "list"]), 8, &["is not a key", "restore it from your backup"]);
    says(&aegir.init(), 8, &["is not a key", "restore it from your backup"]);
    sh(aegir, &format!("mv /root/inventory.key {KEYS}/inventory.key")).ok();
    aegir.assert_unchanged(&before, "commands without keys");
    assert_eq!(known, aegir.knowledge());
    // The administrator's password is the one it was.
    aegir.aegir(["site", "verify", "one.example.com"]).ok();
}

/// F16: the hint was what was just done, or a path that is not there; and SQLite left files that nobody could write.
fn f16_files_of_others(aegir: &Installation) {
    let mended = |breaks: &str, args: &[&str], words: &[&str]| {
        sh(aegir, breaks).ok();
        let run = aegir.aegir(args.iter().copied());
        says(&run, 4, words);
        let hint = run.stderr.split('`').nth(1).expect("a command that mends it").to_owned();
        sh(aegir, &hint).ok();
        aegir.aegir(args.iter().copied()).ok();
    };
    let list = ["site", "list"];
    mended(&format!("chown root {DB}"), &list, &["as root: `chown aegir: "]);
    mended(&format!("chmod 400 {DB}; rm -f {DB}-*"), &list, &["as root: `chown aegir: "]);
    mended(&format!("chown root {KEYS}/inventory.key"), &list, &["as root: `chown aegir: "]);
    mended(&format!("chown root: {KEYS}; chmod 700 {KEYS}"), &list, &["as root: `chown aegir: "]);
    // Nowhere to put an archive: said before anything begins, with what mends it.
    let delete = ["site", "delete", "one.example.com", "--yes"];
    sh(aegir, "mv /var/aegir/backups /root/").ok();
    says(
        &aegir.aegir(delete),
        8,
        &["/var/aegir/backups on server_master, where archives are kept, is not there", "aegir server verify server_master"],
    );
    sh(aegir, "mv /root/backups /var/aegir/ && chmod 500 /var/aegir/backups").ok();
    says(&aegir.aegir(delete), 1, &["`chmod u+rwX /var/aegir/backups`"]);
    sh(aegir, "chmod 700 /var/aegir/backups").ok();
}

/// F1: a login link was made and lost, a bootstrap script cut off, and the exit code was 0.
fn f1_output_that_reaches_nobody(aegir: &Installation) {
    let commands = [
        "site login one.example.com",
        "site list",
        "site list --json",
        "site delete one.example.com --dry-run",
        "site verify one.example.com --json",
        "doctor",
        "completion bash",
        "server bootstrap new.example.com",
        "--help",
        "site --help",
        "--version",
    ];
    for command in commands {
        let run = aegir.host.exec_as("aegir", ["sh", "-c", &format!("aegir {command} >/dev/full")]);
        says(&run, 1, &["could not be written to standard output", "No space left"]);
        // Whoever has seen enough closes the pipe.
        let enough = aegir.host.exec_as("aegir", ["bash", "-c", &format!("aegir {command} | true; exit ${{PIPESTATUS[0]}}")]);
        assert_eq!(enough.status, 0, "{command}: {}", enough.stderr);
    }
}

/// F7: a browser leaves the usual port away, so nobody ever asked for such a site; only the probe did.
fn f7_ports_that_no_visitor_says(aegir: &Installation) {
    for name in ["x.example.com:80", "x.example.com:443"] {
        for args in [&["site", "install", name, "--platform", "wp"][..], &["site", "edit", "one.example.com", "--add-alias", name]] {
            says(&aegir.aegir(args.iter().copied()), 8, &["visitors leave the port", "write x.example.com"]);
        }
    }
    // The dot that ends a name in full is no part of it, here as for servers; a visitor may write it.
    assert!(aegir.aegir(["site", "show", "One.Example.COM."]).ok().contains("one.example.com"));
    assert_eq!(aegir.page("one.example.com.").status, 200);
}

/// F18, F20: a root that no socket fits below was told when all was built; a plan was read without a limit.
fn f18_f20_limits(aegir: &Installation) {
    let root = format!("/srv/{}", "aegir-of-the-department".repeat(5));
    let long = aegir.host.exec(["aegir", "--root", &root, "init", "--hostname", "master.example.com"]);
    says(&long, 8, &["control socket", "too long", "choose a shorter root"]);
    assert!(!aegir.host.exec(["test", "-e", &root]).success(), "it was begun");
    says(&aegir.aegir(["apply", "/dev/zero"]), 1, &["the plan /dev/zero cannot be read", "it is no plan", "--plan-out"]);
    says(&aegir.aegir(["apply", "/var/aegir"]), 1, &["cannot be read", "--plan-out"]);
}
