//! A13: what a site or a server says steers no terminal: no sequence of theirs gets to standard output or standard error.

use std::time::Duration;

use aegir_core::text::steers;
use aegir_testkit::installation::Installation;

use crate::with_site;

/// Sets the clipboard and the title, paints, writes over the line, turns the text round: as bytes of PHP and of a shell.
const PHP: &str = r#""\x1b]52;c;b3duZWQ=\x07\x1b]0;owned\x07\x1b[31mred\roverwritten\u{9b}31m\u{202e}""#;
const SHELL: &str = r"printf '\033]52;c;b3duZWQ=\007\033]0;owned\007\033[31mred\roverwritten\302\23331m\342\200\256\n'";

/// Runs a verb, which may fail; nothing that it prints may steer.
fn harmless(aegir: &Installation, args: &[&str]) -> String {
    let run = aegir.aegir(args.iter().copied());
    for (stream, text) in [("standard output", &run.stdout), ("standard error", &run.stderr)] {
        assert!(!text.contains(steers), "{args:?} lets a sequence through to {stream}: {text:?}");
    }
    run.stdout + &run.stderr
}

#[test]
fn a13_nothing_from_outside_steers_the_terminal() {
    let aegir = with_site();
    let owned = String::from_utf8(aegir.host.exec(["sh", "-c", SHELL]).ok().into_bytes()).expect("text");
    a_server(&aegir, owned.trim_end_matches('\n'));
    a_site(&aegir);
    a_command(&aegir);
}

/// What a machine says of itself.
fn a_server(aegir: &Installation, owned: &str) {
    let release = aegir.host.read("/etc/os-release");
    aegir.host.write("/etc/os-release", format!("PRETTY_NAME=\"Debian {owned} 12\"\nNAME=\"{owned}\"\n"));
    harmless(aegir, &["server", "verify", "server_master"]);
    for args in [
        &["server", "list"][..],
        &["server", "show", "server_master"],
        &["server", "show", "server_master", "--json"],
        &["server", "verify", "server_master", "--dry-run"],
        &["doctor"],
        &["doctor", "--json"],
    ] {
        let said = harmless(aegir, args);
        if args.len() < 3 && args[0] == "server" {
            assert!(said.contains("]52;c;"), "the system is shown, without what steers: {said}");
        }
    }
    aegir.host.write("/etc/os-release", release);
    aegir.aegir(["server", "verify", "server_master"]).ok();
}

/// What a site's code says: to its driver, as progress, as an answer, as a page, in its files.
fn a_site(aegir: &Installation) {
    let evil = format!(
        "<?php\n/*\nPlugin Name: Evil\nVersion: {}\n*/\n$evil = {PHP};\nerror_log($evil);\n\
         if (PHP_SAPI === 'cli') {{\n  echo \"PROGRESS 18446744073709551615 1 $evil\\n\";\n  fwrite(STDERR, $evil . \"\\n\");\n\
         register_shutdown_function(function () use ($evil) {{\n    \
         echo \"\\nRESULT \", json_encode(['ok' => is_file('/run/lock/says-ok'), 'error' => $evil, 'kind' => 'other', \
         'url' => 'http://one.example.com/' . $evil]), \"\\n\";\n  }});\n}}\nheader('X-Evil: 1');\n",
        "\u{1b}[31m1"
    );
    let place = "/var/aegir/platforms/wp/wp-content/mu-plugins/evil.php";
    aegir.host.write(place, &evil);
    aegir.host.write("/var/aegir/platforms/wp/wp-content/plugins/evil.php", &evil);
    for args in [
        &["platform", "verify", "wp"][..],
        &["platform", "show", "wp"],
        &["platform", "show", "wp", "--json"],
        &["site", "verify", "one.example.com"],
        &["site", "install", "two.example.com", "--platform", "wp", "--verbose"],
        &["site", "login", "one.example.com"],
    ] {
        harmless(aegir, args);
    }
    // A link that begins well and goes on badly, and one that begins badly.
    aegir.host.write("/run/lock/says-ok", "");
    let login = aegir.aegir(["site", "login", "one.example.com"]);
    assert!(!login.success() && login.stdout.is_empty(), "{}{}", login.stdout, login.stderr);
    assert!(login.stderr.contains("leads somewhere else"), "{}", login.stderr);
    // On a terminal, where a bar shows what a driver says.
    let shown = aegir.host.command(["script", "-qec", "/usr/local/bin/aegir site install two.example.com --platform wp", "/dev/null"]);
    let shown = shown.user("aegir").env("TERM", "xterm").timeout(Duration::from_secs(180)).run().stdout;
    assert!(!shown.contains("\u{1b}]") && !shown.contains('\u{9b}') && !shown.contains('\u{202e}'), "{shown:?}");
    assert!(!shown.contains("\u{1b}[31mred"), "{shown:?}");
    aegir.host.exec(["rm", place, "/run/lock/says-ok"]).ok();
    aegir.host.exec(["rm", "/var/aegir/platforms/wp/wp-content/plugins/evil.php"]).ok();
}

/// What a program on a server prints when it fails, at once and later from the journal.
fn a_command(aegir: &Installation) {
    aegir.host.exec(["mv", "/usr/bin/mysqldump", "/usr/bin/mysqldump.real"]).ok();
    aegir.host.write("/usr/bin/mysqldump", format!("#!/bin/sh\nprintf 'mysqldump: ' >&2\n{SHELL} >&2\nexit 3\n"));
    aegir.host.exec(["chmod", "755", "/usr/bin/mysqldump"]).ok();
    let said = harmless(aegir, &["site", "delete", "one.example.com", "--yes"]);
    assert!(said.contains("\\u{1b}]52;c;"), "the cause is shown, written out: {said}");
    let last = aegir.json(["task", "list"])["items"][0]["id"].to_string();
    for args in [
        &["task", "list"][..],
        &["task", "show", &last],
        &["task", "show", &last, "--json"],
        &["task", "watch", &last],
        &["site", "delete", "one.example.com", "--yes", "--json"],
    ] {
        harmless(aegir, args);
    }
    let watched = harmless(aegir, &["task", "watch", &last, "--json"]);
    for line in watched.lines() {
        let event: serde_json::Value = serde_json::from_str(line).expect("a line is a document");
        assert_eq!((&event["apiVersion"], &event["kind"]), (&"aegir/1".into(), &"Event".into()), "{line}");
    }
    aegir.host.exec(["mv", "/usr/bin/mysqldump.real", "/usr/bin/mysqldump"]).ok();
}
