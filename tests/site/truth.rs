//! Status is the truth: "all is well" means that visitors get their pages, and "done" that the files are in the archive.

use std::time::{Duration, Instant};

use aegir_testkit::installation::Installation;
use aegir_testkit::lab::{Run, Service};

use crate::with_site;

const VERIFY: [&str; 3] = ["site", "verify", "one.example.com"];
const LOGIN: [&str; 3] = ["site", "login", "one.example.com"];
const DELETE: [&str; 4] = ["site", "delete", "one.example.com", "--yes"];
const SITE: &str = "/var/aegir/platforms/wp/sites/one.example.com";

fn sh(aegir: &Installation, script: &str) -> Run {
    aegir.host.exec(["sh", "-c", script])
}

fn says(run: &Run, status: i32, words: &[&str]) {
    assert_eq!(run.status, status, "{}{}", run.stdout, run.stderr);
    for word in words {
        assert!(run.stderr.contains(word) || run.stdout.contains(word), "should say “{word}”: {}{}", run.stdout, run.stderr);
    }
}

#[test]
fn all_is_well_means_that_pages_come_and_files_are_kept() {
    let aegir = with_site();
    says(&aegir.aegir(VERIFY), 0, &["nothing to change"]);
    assert!(aegir.aegir(["doctor"]).ok().contains("1 site answer"));
    f10_a_broken_site_is_told(&aegir);
    f12_nobody_to_log_in_as(&aegir);
    f28_f30_configuration_that_serves_no_site(&aegir);
    f11_f19_uploads_that_are_elsewhere(&aegir);
    f15_a_file_of_holes(&aegir);
}

/// F10: 500 for every visitor, and every command said that all was well; the cause had neither file nor line.
fn f10_a_broken_site_is_told(aegir: &Installation) {
    let broken = |cause: &[&str]| {
        says(&aegir.aegir(VERIFY), 8, &["visitors get no good page", "http://one.example.com/: status 500", "aegir site login"]);
        says(&aegir.aegir(LOGIN), 1, cause);
    };
    for file in ["/var/aegir/config/includes/global.inc".to_owned(), format!("{SITE}/local.settings.php")] {
        aegir.host.write(&file, "<?php\n\nthis is broken\n");
        broken(&[&format!("{file}, line 3"), &format!("look at line 3 of {file} on server_master")]);
        if file.ends_with("global.inc") {
            let doctor = aegir.aegir(["doctor"]);
            says(&doctor, 8, &["web.sites", "FAIL", "1 of 1 site: http://one.example.com/: status 500"]);
            says(&doctor, 8, &["mend web.sites: `aegir site verify one.example.com`"]);
            // The server is in order all the same.
            aegir.aegir(["server", "verify", "server_master"]).ok();
        }
        aegir.host.exec(["rm", &file]).ok();
    }
    let tasks = aegir.json(["task", "list"])["items"].take();
    assert!(!tasks.as_array().expect("a list").iter().any(|task| task["kind"] == "site.verify"), "a look left a task: {tasks}");
    let database = aegir.json(["site", "show", "one.example.com"])["item"]["database"]["name"].as_str().expect("a name").to_owned();
    let sql = |text: &str| aegir.host.exec(["mariadb", &database, "-e", text]).ok();
    sql("RENAME TABLE wp_options TO kept");
    broken(&["its database is not whole", "no table wp_options", "load it from a backup"]);
    sql("RENAME TABLE kept TO wp_options");
    // Nothing answers at all.
    aegir.host.stop(Service::Apache);
    says(&aegir.aegir(VERIFY), 8, &["visitors get no good page"]);
    aegir.host.start(Service::Apache);
    says(&aegir.aegir(VERIFY), 0, &["nothing to change"]);
}

/// F12: "the account does not exist", with a hint to look at the code.
fn f12_nobody_to_log_in_as(aegir: &Installation) {
    let database = aegir.json(["site", "show", "one.example.com"])["item"]["database"]["name"].as_str().expect("a name").to_owned();
    let sql = |text: &str| aegir.host.exec(["mariadb", &database, "-e", text]).ok();
    sql("RENAME TABLE wp_users TO kept; CREATE TABLE wp_users LIKE kept");
    says(&aegir.aegir(LOGIN), 8, &["nobody to log in as", "no account of the site is an administrator", "load its users from a backup"]);
    sql("DROP TABLE wp_users; RENAME TABLE kept TO wp_users");
    aegir.aegir(LOGIN).ok();
}

/// F28, F30: the platform's configuration was lost, or an operator's own virtual host took the name; "done", or nothing to change.
fn f28_f30_configuration_that_serves_no_site(aegir: &Installation) {
    let config = "/var/aegir/config/server_master";
    sh(aegir, &format!("mv {config}/platform.d/wp.conf /root/")).ok();
    says(&aegir.aegir(VERIFY), 8, &["the configuration of platform wp is missing", "`aegir platform verify wp`"]);
    aegir.aegir(["platform", "verify", "wp"]).ok();
    let own = "<VirtualHost *:80>\nServerName one.example.com\nDocumentRoot /var/www/html\n</VirtualHost>\n";
    aegir.host.write(&format!("{config}/pre.d/own.conf"), own);
    aegir.aegir(["server", "verify", "server_master"]).ok();
    says(&aegir.aegir(VERIFY), 8, &["visitors get no good page", "not from the site's own virtual host"]);
    aegir.host.exec(["rm", &format!("{config}/pre.d/own.conf")]).ok();
    aegir.aegir(["server", "verify", "server_master"]).ok();
    says(&aegir.aegir(VERIFY), 0, &["nothing to change"]);
}

/// F11, F19: lost or unmounted uploads were made anew without a word; those behind a link or on a mount were in no archive.
fn f11_f19_uploads_that_are_elsewhere(aegir: &Installation) {
    let files = format!("{SITE}/files");
    sh(aegir, &format!("mv {files} /root/files")).ok();
    says(&aegir.aegir(VERIFY), 0, &["not there, and made anew, empty", &files, "mount it first"]);
    says(&aegir.aegir(VERIFY), 0, &["nothing to change"]);
    sh(aegir, &format!("rm -r {files} && mv /root/files {files}")).ok();

    let dry = ["site", "delete", "one.example.com", "--dry-run"];
    let no_word = aegir.aegir(dry);
    assert!(!no_word.stderr.contains("warning"), "{}", no_word.stderr);
    sh(aegir, &format!("mkdir /srv/up && ln -s /srv/up {files}/more && ln -s . {files}/itself")).ok();
    let run = aegir.aegir(dry);
    says(&run, 0, &[&format!("{files}/more on server_master lead elsewhere"), "not in the archive"]);
    assert!(!format!("{}{}", run.stdout, run.stderr).contains("itself"), "{}", run.stderr);
    sh(aegir, &format!("rm {files}/more {files}/itself")).ok();

    sh(
        aegir,
        &format!("cp -a /etc/fstab /root/fstab 2>/dev/null; echo 'none {files} tmpfs mode=2770,uid=aegir,gid=www-data 0 0' >>/etc/fstab"),
    )
    .ok();
    let away = aegir.aegir(DELETE);
    says(&away, 8, &[&format!("{files} on server_master is not mounted"), &format!("`mount {files}`")]);
    sh(aegir, &format!("mount -t tmpfs none {files} && chown aegir:www-data {files} && chmod 2770 {files} && echo x >{files}/x")).ok();
    let mounted = aegir.aegir(DELETE);
    says(&mounted, 8, &["is a file system of its own", "umount"]);
    let hint = mounted.stderr.split('`').nth(1).expect("what mends it").to_owned();
    sh(aegir, &format!("sed -i '\\,{files},d' /etc/fstab; {hint} && test -e {files}/x && rm {files}/x")).ok();
    aegir.aegir(VERIFY).ok();
}

/// F15: `truncate -s 2T` costs a site nothing, and its deletion read two terabytes of zeros.
fn f15_a_file_of_holes(aegir: &Installation) {
    let made = aegir.host.exec_as("www-data", ["sh", "-c", &format!("cd {SITE}/files && echo begin >holes && truncate -s 2T holes")]);
    made.ok();
    let begun = Instant::now();
    aegir.aegir(DELETE).ok();
    assert!(begun.elapsed() < Duration::from_secs(60), "it took {:?}", begun.elapsed());
    let listed = sh(aegir, "tar --zstd -tvf /var/aegir/backups/one.example.com-*.tar.zst | grep ' ./files/holes$'").ok();
    assert!(listed.contains(&(2u64 << 40).to_string()), "{listed}");
    let begin = sh(aegir, "tar --zstd -xOf /var/aegir/backups/one.example.com-*.tar.zst ./files/holes | head -c 5").stdout;
    assert_eq!(begin, "begin");
    // A site whose directory is gone can be deleted, and it is said that nothing of it is kept.
    aegir.install("two.example.com", "Two").ok();
    sh(aegir, "rm -r /var/aegir/platforms/wp/sites/two.example.com").ok();
    says(&aegir.aegir(["site", "delete", "two.example.com", "--yes"]), 0, &["the archive will hold no file of two.example.com"]);
}
