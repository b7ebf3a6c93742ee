//! A site that is hostile, with its own PHP and its own database and nothing else: against Aegir and its neighbours.

use aegir_testkit::installation::Installation;
use aegir_testkit::malicious;

use crate::{BINARY, with_site};

const SITES: &str = "/var/aegir/platforms/wp/sites";
const FILES: &str = "/var/aegir/platforms/wp/sites/one.example.com/files";

#[test]
fn a3a_the_code_of_a_site_gets_nothing_that_its_pages_do_not_have() {
    let aegir = with_site();
    malicious::attempts(&aegir, &aegir.host, "server_master");
}

/// Makes, as PHP does, what only PHP may read and remove.
const PLANT: &str = r#"
    umask(0077);
    chdir($argv[1]);
    $private = tempnam('.', 'private');
    file_put_contents($private, 'private');
    mkdir('closed', 0700) && file_put_contents('closed/secret', 'x');
    mkdir('plain', 0755) && file_put_contents('plain/file', 'x');
    file_put_contents('nobody', 'nobody reads this') && chmod('nobody', 0);
    mkdir('shut') && file_put_contents('shut/inside', 'x') && chmod('shut', 0);
    mkdir('readonly') && file_put_contents('readonly/inside', 'x') && chmod('readonly', 0500);
    file_put_contents("new\nline\x1b[31m", 'x');
    file_put_contents("-rf", 'x');
    file_put_contents("bytes\xff\xfe", 'x');
    posix_mkfifo('pipe', 0600);
    $socket = stream_socket_server('unix://socket');
    symlink('/var/aegir/keys', 'link');
    for ($depth = 0; $depth < 60; $depth++) { mkdir($name = str_repeat('d', 200), 0700); chdir($name); }
    file_put_contents('deepest', 'x');
"#;

/// A8, B49: what PHP makes for itself is in the archive, and goes with its site.
#[test]
fn a8_a15_b49_what_php_made_is_served_archived_and_removed_as_its_owners() {
    let aegir = with_site();
    a15_links_lead_to_files_of_the_same_owner_only(&aegir);
    aegir.host.exec_as("www-data", ["php", "-r", PLANT, FILES]).ok();
    // The site's pages, a verify and a login go on.
    aegir.aegir(["site", "verify", "one.example.com"]).ok();
    aegir.aegir(["site", "login", "one.example.com"]).ok();
    let run = aegir.aegir(["site", "delete", "one.example.com", "--yes"]);
    assert!(run.success() && !run.stderr.contains("warning"), "{}", run.stderr);
    let left = aegir.host.exec(["find", SITES, "-mindepth", "1", "-name", "*one.example.com*"]).stdout;
    assert_eq!(left, "");
    let archive = aegir.host.exec(["find", "/var/aegir/backups", "-type", "f"]).ok();
    assert_eq!(archive.lines().count(), 1, "{archive}");
    let members = aegir.host.exec(["tar", "--zstd", "-tvf", archive.trim()]).ok();
    for name in [
        "./database.sql",
        "./wp-config.php",
        "/private",
        "/closed/secret",
        "/plain/file",
        "/nobody",
        "/shut/inside",
        "/readonly/inside",
        "/new\\nline",
        "/-rf",
        "/pipe",
        "/link -> /var/aegir/keys",
        "/deepest",
    ] {
        assert!(members.contains(name), "the archive lacks {name}: {members}");
    }
    let text = |name: &str| aegir.host.exec(["tar", "--zstd", "-xOf", archive.trim(), name]).ok();
    assert_eq!(text("./files/nobody"), "nobody reads this");
    assert!(text("./database.sql").contains("CREATE TABLE"));
}

/// A15: a link in uploads leads to what the site's own account owns, and to nothing else.
fn a15_links_lead_to_files_of_the_same_owner_only(aegir: &Installation) {
    let plant = format!(
        "cd {FILES} && echo mine > mine.txt && ln -s mine.txt own.txt && ln -s /etc/passwd pw && ln -s /etc/passwd pw.txt && \
         ln -s ../wp-config.php conf.txt && ln -s .. up && ln -s /etc etc && ln -s ../../../wp-config.php dispatch.txt && \
         ln -s /var/aegir/platforms/wp/readme.html readme.txt && ln -s /var/aegir aegir && ln -s /proc/self/environ env.txt"
    );
    aegir.host.exec_as("www-data", ["sh", "-c", &plant]).ok();
    let status = |path: &str| aegir.host.http(80, "one.example.com", path).status;
    for base in ["/files", "/sites/one.example.com/files"] {
        assert_eq!(status(&format!("{base}/mine.txt")), 200);
        assert_eq!(status(&format!("{base}/own.txt")), 200);
        for link in
            ["pw", "pw.txt", "conf.txt", "up/wp-config.php", "etc/passwd", "dispatch.txt", "readme.txt", "aegir/aegir.db", "env.txt"]
        {
            let status = status(&format!("{base}/{link}"));
            assert!(matches!(status, 403 | 404), "{base}/{link} answers {status}");
        }
    }
    // Settings are Aegir's: their owner is another than that of any link a site can make.
    let owner = aegir.host.exec(["stat", "-c", "%U:%G %a", &format!("{SITES}/one.example.com/wp-config.php")]).ok();
    assert_eq!(owner.trim(), "aegir:www-data 440");
}

/// A8: an installation whose code makes such things, and then fails, is taken back whole, and can be tried again.
#[test]
fn a8_an_installation_that_fails_is_taken_back_whatever_php_made() {
    let aegir = Installation::with_wordpress(BINARY);
    let plugin = "/var/aegir/platforms/wp/wp-content/mu-plugins/plant.php";
    let code = format!(
        "<?php\nif (PHP_SAPI !== 'cli') {{ http_response_code(500); exit('broken'); }}\n$argv[1] = ABSPATH . 'sites/' . AEGIR_SITE . '/files';\n$aegir_was = getcwd();\n{PLANT}\nchdir($aegir_was);\n"
    );
    aegir.host.write(plugin, &code);
    let before = (aegir.world(), aegir.knowledge());
    let run = aegir.install("one.example.com", "One");
    assert!(matches!(run.status, 1 | 8) && run.stderr.contains("rolled back"), "{} {}", run.status, run.stderr);
    aegir.assert_unchanged(&before.0, "an installation that failed");
    assert_eq!(before.1, aegir.knowledge());
    aegir.host.exec(["rm", plugin]).ok();
    aegir.install("one.example.com", "One").ok();
    assert_eq!(aegir.page("one.example.com").status, 200);
}
