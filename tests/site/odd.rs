//! Odd machines, names and trees: each ends right, or with the true cause and a hint that mends it.

use aegir_testkit::installation::Installation;
use aegir_testkit::lab::Base;

use crate::BINARY;

/// A host name of so many bytes.
fn host(length: usize) -> String {
    let (mut name, end) = (String::new(), ".example.com");
    while name.len() + end.len() < length {
        let room = length - end.len() - name.len();
        // A label is followed by a dot, but for the last.
        name.push_str(&if room > 40 { "a".repeat(30) + "." } else { "b".repeat(room) });
    }
    name + end
}

#[test]
fn odd_hosts_trees_and_php_end_right_or_with_the_cause() {
    let aegir = Installation::with_wordpress(BINARY);
    b39_long_hosts(&aegir);
    b15_closed_trees(&aegir);
    closed_ways(&aegir);
    b45_open_basedir(&aegir);
}

/// B39: what is made up for a long host fits, or the flag that mends it is named.
fn b39_long_hosts(aegir: &Installation) {
    for length in [94, 95, 121] {
        let host = host(length);
        assert_eq!(host.len(), length);
        let mut run = aegir.aegir(["site", "install", &host, "--platform", "wp"]);
        if length > 94 {
            assert_eq!(run.status, 64, "{length}: {}", run.stderr);
            assert!(run.stderr.contains("100 characters") && run.stderr.contains("--email"), "{length}: {}", run.stderr);
            run = aegir.aegir(["site", "install", &host, "--platform", "wp", "--email", "me@example.com"]);
        }
        assert!(run.success(), "{length}: {}", run.stderr);
        assert_eq!(aegir.page(&host).status, 200, "{length}");
    }
}

/// B15: code that the web server cannot read is refused when it is added, by the directory and the command that mends it.
fn b15_closed_trees(aegir: &Installation) {
    let tree = "/var/aegir/platforms/closed";
    let owner = aegir.host.exec(["sh", "-c", &format!("cp -a {} {tree} && chown -R aegir: {tree} && chmod 0700 {tree}", Base::WORDPRESS)]);
    assert!(owner.success(), "{}", owner.stderr);
    let add = ["platform", "add", "closed", "--path", tree, "--server", "server_master"];
    let mended = |place: &str, refused: aegir_testkit::lab::Run| {
        assert_eq!(refused.status, 8, "{}", refused.stderr);
        let hint = match refused.stderr.contains("-prune") {
            true => format!("`find {place} -path {place}/sites -prune -o -exec chmod go+rX {{}} +`"),
            false => format!("`chmod -R go+rX {place}`"),
        };
        assert!(refused.stderr.contains(&format!("www-data, who serves sites, may not read {place}")), "{}", refused.stderr);
        assert!(refused.stderr.contains(&hint), "{}", refused.stderr);
        aegir.host.exec_as("aegir", ["sh", "-c", hint.trim_matches('`')]).ok();
    };
    mended(tree, aegir.aegir(add));
    aegir.aegir(add).ok();
    let inner = format!("{tree}/wp-includes/css");
    aegir.host.exec(["chmod", "0700", &inner]).ok();
    mended(&inner, aegir.aegir(["platform", "verify", "closed"]));
    aegir.aegir(["platform", "verify", "closed"]).ok();
    // A copy has the modes of what it is copied from.
    aegir.host.exec(["sh", "-c", &format!("cp -a {tree} /srv/closed && chmod 0750 /srv/closed")]).ok();
    let copy = ["platform", "add", "copied", "--path", "/var/aegir/platforms/copied", "--server", "server_master", "--from", "/srv/closed"];
    mended("/srv/closed", aegir.aegir(copy));
    aegir.aegir(copy).ok();
    // Libraries beside the document root are code too; what else lies there is nobody's business.
    let project = "/var/aegir/platforms/project";
    let make = format!(
        "mkdir -p {project}/vendor/a/b {project}/private && cp -a {tree} {project}/web && chmod 0700 {project}/vendor/a/b {project}/private"
    );
    aegir.host.exec_as("aegir", ["sh", "-c", &make]).ok();
    let add = ["platform", "add", "project", "--path", project, "--server", "server_master"];
    mended(&format!("{project}/vendor/a/b"), aegir.aegir(add));
    aegir.aegir(add).ok();
}

/// What nobody lets us into is named with the command that lets us in, and that command harms no site.
fn closed_ways(aegir: &Installation) {
    aegir.install("one.example.com", "One").ok();
    let before = aegir.page("one.example.com");
    let mended = |breaks: &str, args: &[&str], hint: &str, as_root: bool| {
        aegir.host.exec(["sh", "-c", breaks]).ok();
        let run = aegir.aegir(args.iter().copied());
        assert!(!run.success() && run.stderr.contains(&format!("`{hint}`")), "{breaks}: {}", run.stderr);
        aegir.host.exec_as(if as_root { "root" } else { "aegir" }, ["sh", "-c", hint]).ok();
        aegir.aegir(args.iter().copied()).ok();
        let page = aegir.page("one.example.com");
        assert_eq!((page.status, &page.body), (200, &before.body), "{breaks}");
    };
    let sites = "/var/aegir/platforms/wp/sites";
    let site = format!("{sites}/one.example.com");
    let verify = ["site", "verify", "one.example.com"];
    mended(&format!("chown root: {sites}"), &["platform", "verify", "wp"], &format!("chown aegir {sites}"), true);
    mended(&format!("chmod 000 {site}"), &verify, &format!("chmod u+rwX {site}"), false);
    mended(&format!("chown root {site} && chmod 0700 {site}"), &verify, &format!("chown aegir {site}"), true);
}

/// B45: PHP that is kept out of the code says so.
fn b45_open_basedir(aegir: &Installation) {
    let ini = aegir.host.exec(["sh", "-c", "echo /etc/php/*/cli/conf.d"]).ok();
    let ini = format!("{}/99-kept.ini", ini.trim());
    aegir.host.write(&ini, "open_basedir = /usr/share/php\n");
    for args in [&["site", "login", "one.example.com"][..], &["site", "install", "two.example.com", "--platform", "wp"]] {
        let run = aegir.aegir(args.iter().copied());
        assert_eq!(run.status, 8, "{args:?}: {}", run.stderr);
        for word in ["open_basedir", "/usr/share/php", "php --ini"] {
            assert!(run.stderr.contains(word), "{args:?} should say {word}: {}", run.stderr);
        }
    }
    aegir.host.exec(["rm", &ini]).ok();
    aegir.aegir(["site", "login", "one.example.com"]).ok();
}
