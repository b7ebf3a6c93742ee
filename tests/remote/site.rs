//! The life of a site on a remote server: served there, mended, logged in to, archived on the master.

use aegir_testkit::malicious;

use crate::fleet::Fleet;

#[test]
fn a_site_lives_on_the_remote_and_its_archive_comes_home() {
    let fleet = Fleet::with_wordpress();
    let (master, web1) = (&fleet.master, fleet.remote("web1"));
    let before = fleet.worlds();
    let knowledge = master.knowledge();
    let installed = master.install("one.example.com", "The Far One");
    installed.clone().ok();
    let page = fleet.page("one.example.com");
    assert!(page.status == 200 && page.body.contains("The Far One"), "{}", page.status);
    // The master gets it from there, too, and was not warned.
    let seen = master.host.exec(["curl", "-sS", "--connect-to", "::web1.example.com:", "http://one.example.com/"]).ok();
    assert!(seen.contains("The Far One"));
    assert!(!installed.stderr.contains("does not get it"), "{}", installed.stderr);
    assert_eq!(master.page("one.example.com").status, 404, "the master itself serves nothing of it");
    assert!(!master.host.exists("/var/aegir/platforms/wp/sites"), "no site's files on the master");

    let settled = fleet.worlds();
    let upload = "/var/aegir/platforms/wp/sites/one.example.com/files/upload.bin";
    web1.exec(["sh", "-c", &format!("head -c 3000000 /dev/urandom > {upload}; chown www-data:www-data {upload}")]).ok();
    let sum = web1.exec(["sha256sum", upload]).ok();
    for args in [["server", "verify", "web1.example.com"], ["platform", "verify", "wp"], ["site", "verify", "one.example.com"]] {
        let run = master.aegir(args);
        assert!(run.success() && run.stderr.contains("nothing to change"), "{args:?}: {}", run.stderr);
    }
    web1.exec(["sh", "-c", "echo '# by hand' >> /var/aegir/config/web1.example.com/vhost.d/one.example.com.conf; chmod 777 /var/aegir/platforms/wp/sites/one.example.com/files"]).ok();
    master.aegir(["site", "verify", "one.example.com"]).ok();
    web1.exec(["mv", upload, "/root/upload.bin"]).ok();
    fleet.assert_unchanged(&settled, "a verify after a hand edit");
    web1.exec(["mv", "/root/upload.bin", upload]).ok();

    let link = master.aegir(["site", "login", "one.example.com"]).ok();
    let follow = [
        "curl",
        "-sSL",
        "--resolve",
        "one.example.com:80:127.0.0.1",
        "-c",
        "/root/jar",
        "-b",
        "/root/jar",
        "-o",
        "/dev/null",
        "-w",
        "%{url_effective}",
    ];
    let landed = web1.exec(follow.iter().copied().chain([link.trim()])).ok();
    assert!(landed.contains("/wp-admin"), "{landed}");

    master.aegir(["site", "disable", "one.example.com"]).ok();
    assert_eq!(fleet.page("one.example.com").status, 503);
    master.aegir(["site", "enable", "one.example.com"]).ok();

    master.aegir(["site", "delete", "one.example.com", "--yes"]).ok();
    assert_eq!(fleet.page("one.example.com").status, 404);
    let archives = master.host.exec(["sh", "-c", "stat -c '%a %U %n' /var/aegir/backups/*"]).ok();
    assert!(archives.starts_with("600 aegir ") && archives.lines().count() == 1, "{archives}");
    let archive = archives.trim().rsplit(' ').next().expect("a path");
    let members = master.host.exec(["tar", "--zstd", "-tf", archive]).ok();
    assert!(members.contains("./database.sql") && members.contains("./wp-config.php"), "{members}");
    let inside = master.host.exec(["sh", "-c", &format!("tar --zstd -xOf {archive} ./files/upload.bin | sha256sum")]).ok();
    assert_eq!(inside.split(' ').next(), sum.split(' ').next(), "the upload is in it, as it was");
    master.host.exec(["rm", archive]).ok();
    fleet.assert_unchanged(&before, "a site that came and went");
    assert_eq!(knowledge, master.knowledge());
}

#[test]
fn who_cannot_reach_the_page_from_the_master_is_told() {
    let fleet = Fleet::with_wordpress();
    // Somebody else answers behind the name that the master knows.
    fleet.host.exec(["sh", "-c", "echo '127.0.0.9 elsewhere' > /etc/hosts.new; sed 's/web1.example.com//' /etc/hosts >> /etc/hosts.new; cat /etc/hosts.new > /etc/hosts; echo '127.0.0.1 web1.example.com' >> /etc/hosts"]).ok();
    let run = fleet.install("one.example.com", "One");
    assert!(run.success(), "{}", run.stderr);
    assert!(run.stderr.contains("is served on web1.example.com itself, but server_master does not get it"), "{}", run.stderr);
}

/// A3a, on a remote server: the list of the master's own sites.
#[test]
fn a3a_the_code_of_a_site_gets_nothing_there_either() {
    let fleet = Fleet::with_site();
    malicious::attempts(&fleet, fleet.remote("web1"), "web1.example.com");
}
