//! Bad input: a clear message, the right exit code, and nothing changed.

use aegir_testkit::installation::Installation;

use crate::{BINARY, with_site};

/// Each must fail with this status and say this.
fn refuse(aegir: &Installation, cases: &[(&[&str], i32, &str)]) {
    let before = (aegir.world(), aegir.knowledge());
    for (args, status, says) in cases {
        let run = aegir.aegir(args.iter().copied());
        assert_eq!(run.status, *status, "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(says), "{args:?} should say “{says}”: {}", run.stderr);
        assert!(run.stdout.is_empty(), "{args:?} printed data: {}", run.stdout);
    }
    aegir.assert_unchanged(&before.0, "bad input");
    assert_eq!(before.1, aegir.knowledge());
}

#[test]
fn names_that_are_none() {
    let aegir = with_site();
    let long = "a".repeat(300);
    for name in ["../x", "a b", "a\"b", "a'b", "a\nb", "a;b", "$(id)", "`id`", "a|b", "", long.as_str()] {
        refuse(
            &aegir,
            &[
                (&["site", "install", name, "--platform", "wp"], 64, "site URI"),
                (&["site", "install", "ok.example.com", "--platform", "wp", "--alias", name], 64, "site URI"),
                (&["platform", "add", name, "--path", "/var/aegir/platforms/x", "--server", "server_master"], 64, "platform name"),
                (&["site", "install", "ok.example.com", "--platform", "wp", "--profile", name], 64, "machine name"),
            ],
        );
    }
}

#[test]
fn things_that_are_not_there_or_are_taken() {
    let aegir = with_site();
    aegir.aegir(["site", "edit", "one.example.com", "--alias", "alias.example.com"]).ok();
    aegir.host.exec(["mkdir", "-p", "/var/aegir/platforms/empty"]).ok();
    let add = |path: &'static str| ["platform", "add", "x", "--path", path, "--server", "server_master"];
    refuse(
        &aegir,
        &[
            (&["site", "install", "alias.example.com", "--platform", "wp"], 6, "alias of the site one.example.com"),
            (&["site", "install", "new.example.com", "--platform", "wp", "--alias", "one.example.com"], 6, "one.example.com"),
            (&["site", "install", "new.example.com", "--platform", "none"], 5, "platform none"),
            (&["site", "install", "new.example.com", "--platform", "wp", "--profile", "nothing"], 8, "it has: standard"),
            (&["site", "install", "new.example.com", "--platform", "wp", "--db-server", "db9"], 5, "server db9"),
            (&["site", "install", "new.example.com", "--platform", "wp", "--email", "nobody"], 64, "e-mail"),
            (&["site", "verify", "none.example.com"], 5, "none.example.com"),
            (&add("/var/aegir/platforms/missing"), 8, "does not exist"),
            (&add("/var/aegir/platforms/empty"), 8, "no application"),
            (&add("/var/aegir/platforms/wp"), 6, "claimed by the platform wp"),
            (&add("/var/aegir/platforms/wp/wp-content"), 6, "claimed by the platform wp"),
            (&add("relative/path"), 64, "not absolute"),
            (&add("/var/aegir/../../etc"), 64, "‘..’"),
            (
                &[
                    "platform",
                    "add",
                    "x",
                    "--path",
                    "/var/aegir/platforms/empty",
                    "--server",
                    "server_master",
                    "--from",
                    "/usr/local/share/aegir-lab/wordpress",
                ],
                6,
                "never writes into",
            ),
            (&["platform", "delete", "wp", "--yes"], 8, "still has the site one.example.com"),
            (&["site", "frobnicate"], 64, "frobnicate"),
            (&["service", "show", "iis"], 5, "apache"),
        ],
    );
}

#[test]
fn a_deletion_without_a_terminal_wants_a_flag() {
    let aegir = with_site();
    refuse(&aegir, &[(&["site", "delete", "one.example.com"], 64, "--yes")]);
}

#[test]
fn root_is_refused_except_for_init() {
    let aegir = with_site();
    let before = aegir.world();
    let run = aegir.host.exec(["/usr/local/bin/aegir", "site", "list"]);
    assert_eq!(run.status, 4, "{}", run.stderr);
    assert!(run.stderr.contains("sudo -u aegir"), "{}", run.stderr);
    aegir.assert_unchanged(&before, "root");
}

#[test]
fn a_wrong_database_password_is_named_as_such() {
    let aegir = with_site();
    aegir.host.exec(["mariadb", "-e", "ALTER USER 'aegir'@'localhost' IDENTIFIED BY 'another'"]).ok();
    refuse(
        &aegir,
        &[
            (&["site", "install", "new.example.com", "--platform", "wp"], 8, "password"),
            (&["server", "verify", "server_master"], 8, "password"),
        ],
    );
}

#[test]
fn a_full_disk_is_named_as_such() {
    let aegir = Installation::with_wordpress(BINARY);
    let before = (aegir.world(), aegir.knowledge());
    aegir.host.fill_disk("/var/aegir");
    let run = aegir.install("new.example.com", "New");
    assert_eq!(run.status, 1, "{}", run.stderr);
    assert!(run.stderr.contains("no room") || run.stderr.contains("No space"), "{}", run.stderr);
    aegir.host.free_disk("/var/aegir", 1 << 30);
    aegir.aegir(["task", "recover"]).ok();
    aegir.assert_unchanged(&before.0, "an installation onto a full disk");
    assert_eq!(before.1, aegir.knowledge());
}

#[test]
fn an_unknown_service_type_lists_the_known_ones() {
    let aegir = Installation::bare(BINARY);
    let before = aegir.world();
    let run = aegir.host.exec(["/usr/local/bin/aegir", "init", "--web", "iis"]);
    assert_eq!(run.status, 64, "{}", run.stderr);
    assert!(run.stderr.contains("apache, mysql"), "{}", run.stderr);
    aegir.assert_unchanged(&before, "an unknown service type");
}

#[test]
fn before_init_everything_says_so() {
    let aegir = Installation::bare(BINARY);
    aegir.host.exec(["useradd", "--system", "--home-dir", "/var/aegir", "aegir"]).ok();
    let run = aegir.aegir(["site", "list"]);
    assert_ne!(run.status, 0);
    assert!(run.stderr.contains("aegir init"), "{}", run.stderr);
}
