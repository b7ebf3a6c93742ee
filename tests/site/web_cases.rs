//! Machines on which somebody else has a web server, a virtual host, a pool or a rule of their own.

use aegir_testkit::installation::Installation;
use aegir_testkit::lab::Service;

use crate::{BINARY, with_site};

const CONFIG: &str = "/var/aegir/config/server_master";
/// Holds a port as long as it runs.
const HOLD: &str = "$s = stream_socket_server('tcp://0.0.0.0:8099'); sleep(300);";

/// Everything that is refused or undone here must leave the site as it was, and the web server alive.
#[track_caller]
fn refused(aegir: &Installation, args: &[&str], says: &[&str]) {
    let before = aegir.world();
    let run = aegir.aegir(args.iter().copied().chain(["--yes"]));
    assert!(matches!(run.status, 1 | 6 | 8), "{args:?} ended with {}: {}", run.status, run.stderr);
    for wanted in says {
        assert!(run.stderr.contains(wanted), "{args:?} does not say “{wanted}”: {}", run.stderr);
    }
    aegir.assert_unchanged(&before, &format!("{args:?}"));
    assert_eq!(aegir.page("one.example.com").status, 200, "{args:?} ended the site");
}

/// The test of Apache accepts all of these, and the reload ends it: every site would be down.
#[test]
fn what_apaches_own_test_does_not_find_ends_no_site() {
    let aegir = with_site();
    let snippet = format!("{CONFIG}/post.d/zz.conf");
    let write = |text: &str| aegir.host.write(&snippet, text);
    let template = "/var/aegir/templates/apache/vhost.conf.hbs";

    // An operator's template with a piped log.
    aegir.aegir(["template", "eject", "apache/vhost.conf"]).ok();
    aegir.host.exec(["sed", "-i", "s/^.*ServerName.*$/&\\n  ErrorLog \"|\\/nonexistent\"/", template]).ok();
    refused(&aegir, &["site", "verify", "one.example.com"], &["ErrorLog starts a program", "vhost.d/one.example.com.conf", "line: 4"]);
    aegir.host.exec(["rm", template]).ok();

    // A port that another program has, from an operator's file and from a setting.
    let holder = aegir.host.spawn(["php", "-r", HOLD]);
    while !aegir.host.exec(["sh", "-c", "grep -q :1FA3 /proc/net/tcp"]).success() {
        std::thread::yield_now();
    }
    write("Listen 8099\n");
    refused(&aegir, &["site", "disable", "one.example.com"], &["port 8099 is taken by php", "post.d/zz.conf", "line: 1"]);
    aegir.host.exec(["rm", &snippet]).ok();
    let run = aegir.aegir(["server", "edit", "server_master", "--set", "web.port=8099", "--yes"]);
    assert!(!run.success() && run.stderr.contains("port 8099 is taken by php"), "{}", run.stderr);
    assert_eq!(aegir.page("one.example.com").status, 200);
    holder.kill();

    // What root allowed, and Apache does not survive: the configuration before it is back before anybody is told.
    aegir.host.write("/etc/aegir/apache-allow.conf", "ErrorLog \"|/nonexistent\"\n");
    write("ErrorLog  \"|/nonexistent\"\n");
    refused(&aegir, &["site", "disable", "one.example.com"], &["did not survive the new configuration", "back"]);
    aegir.host.exec(["rm", &snippet, "/etc/aegir/apache-allow.conf"]).ok();

    // A snippet that is good comes into use by a verify, and a second one finds nothing to do.
    write("<Location \"/from-a-snippet\">\n  Redirect 410\n</Location>\n");
    aegir.aegir(["server", "verify", "server_master"]).ok();
    assert_eq!(aegir.host.http(80, "one.example.com", "/from-a-snippet").status, 410);
    assert!(aegir.aegir(["server", "verify", "server_master"]).stderr.contains("nothing to change"));
}

#[test]
fn b41_b42_b50_what_others_configured_is_named() {
    let aegir = with_site();
    let own = "/etc/apache2/sites-enabled/own.conf";
    let site = |address: &str, name: &str| {
        aegir
            .host
            .write(own, format!("# by hand\n<VirtualHost {address}>\n  ServerName {name}\n  DocumentRoot /var/www/html\n</VirtualHost>\n"));
        aegir.host.exec(["apache2ctl", "graceful"]).ok();
    };
    let finding = |name: &str| {
        let run = aegir.aegir(["doctor", "server_master", "--json"]);
        let document: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let items = document["items"].as_array().unwrap();
        items.iter().find(|i| i["name"] == name).map(ToString::to_string).unwrap_or_default()
    };
    // B42: the name is taken by an operator's own virtual host.
    site("*:80", "two.example.com");
    let args = ["site", "install", "two.example.com", "--platform", "wp", "--title", "Two"];
    refused(&aegir, &args, &["served already, and not by Aegir", own, "line 2"]);
    assert!(finding("web.visitors").contains("\"pass\""), "{}", finding("web.visitors"));

    // B41: one for the address comes before all that are for every address.
    site(&format!("{}:80", aegir.host.v4()), "other.example.com");
    refused(&aegir, &args, &["would get another site", own, "line 2", &aegir.host.v4().to_string()]);
    let found = finding("web.visitors");
    assert!(found.contains("\"fail\"") && found.contains(own) && found.contains("other.example.com"), "{found}");
    let verified = aegir.aegir(["site", "disable", "one.example.com", "--yes"]);
    assert!(verified.success() && verified.stderr.contains("get another site"), "{}", verified.stderr);
    aegir.host.exec(["rm", own]).ok();
    aegir.host.exec(["apache2ctl", "graceful"]).ok();
    aegir.aegir(["site", "enable", "one.example.com", "--yes"]).ok();

    // B50: the operator's own file and its line, behind a joined line and one that is left out.
    let htaccess = "/var/aegir/platforms/wp/.htaccess";
    for (directive, says) in
        [("NoSuchDirective on", "NoSuchDirective"), ("Options +Nonsense", "Options"), ("Header nonsense", "first argument must be")]
    {
        aegir.host.write(htaccess, format!("# mine\nRewriteEngine \\\n  On\nphp_flag a on\n{directive}\nRewriteRule ^x - [L]\n"));
        aegir.host.exec(["chown", "aegir:aegir", htaccess]).ok();
        let mend = format!("change line 5 of {htaccess} on server_master");
        refused(&aegir, &["platform", "verify", "wp"], &[says, &format!("refuses line 5 of {htaccess}"), &mend]);
    }
}

/// PHP-FPM is where its pools say, whatever they are called; and who holds Apache's port is named.
/// Root's copies of the configuration are gone, as on a machine that was restored without them.
#[test]
fn what_is_written_and_not_served_is_noticed_and_mended() {
    let aegir = with_site();
    aegir.host.exec(["rm", "-rf", "/var/lib/aegir/apache"]).ok();
    aegir.host.exec(["apache2ctl", "graceful"]).ok();
    while aegir.page("one.example.com").body.contains("One") {
        std::thread::yield_now();
    }
    let served = || {
        let run = aegir.aegir(["doctor", "server_master"]);
        run.stdout.lines().find(|line| line.contains("web.served")).map(str::to_owned).unwrap_or_default()
    };
    assert!(served().contains("apache.conf is written, and has no copy"), "{}", served());
    let verified = aegir.aegir(["site", "verify", "one.example.com"]);
    assert!(verified.success() && verified.stderr.contains("1 step"), "{}", verified.stderr);
    assert!(aegir.page("one.example.com").body.contains("One"));
    assert!(served().contains("is in use"), "{}", served());
    // One copy alone.
    aegir.host.exec(["rm", "/var/lib/aegir/apache/live/vhost.d/one.example.com.conf"]).ok();
    assert!(served().contains("vhost.d/one.example.com.conf is written"), "{}", served());
    let plan = aegir.aegir(["site", "verify", "one.example.com", "--dry-run"]).ok();
    assert!(plan.contains("copy of it is gone"), "{plan}");
    aegir.aegir(["site", "verify", "one.example.com"]).ok();
    assert!(served().contains("is in use"), "{}", served());
    for verb in ["server verify server_master", "platform verify wp"] {
        let run = aegir.aegir(verb.split(' '));
        assert!(run.success() && run.stderr.contains("nothing to change"), "{verb}: {}", run.stderr);
    }
    // No plan shows a secret that goes.
    let secret = aegir.host.exec(["sh", "-c", "grep -h db_passwd /var/aegir/config/*/vhost.d/one.example.com.conf"]).ok();
    let secret = secret.split('"').nth(1).unwrap_or_default();
    assert!(secret.len() > 8, "{secret}");
    for verb in ["site disable one.example.com", "site delete one.example.com", "site delete one.example.com --json"] {
        let run = aegir.aegir(verb.split(' ').chain(["--dry-run"]));
        assert!(run.success() && !run.stdout.contains(secret) && !run.stderr.contains(secret), "{verb} shows the secret");
    }
    assert!(aegir.aegir(["site", "verify", "one.example.com"]).stderr.contains("nothing to change"));
    // Nobody but root reads the copies.
    let read = aegir.host.exec_as("aegir", ["sh", "-c", "ls /var/lib/aegir/apache; cat /var/lib/aegir/apache/live/vhost.d/*; cat /var/lib/aegir/apache/live/vhost.d/one.example.com.conf"]);
    assert!(!read.success() && read.stdout.is_empty(), "{}", read.stdout);
}

#[test]
fn b23_b46_pools_of_other_names_and_a_taken_port() {
    let aegir = Installation::bare(BINARY);
    // B46: a pool of another name.
    let pool = |listen: &str| {
        let script = format!(
            "cd /etc/php/8.2/fpm/pool.d; [ ! -e www.conf ] || mv www.conf shop.conf; sed -i -e 's/^\\[.*\\]/[shop]/' -e 's,^listen = .*,listen = {listen},' shop.conf"
        );
        aegir.host.stop(Service::PhpFpm);
        aegir.host.exec(["sh", "-c", &script]).ok();
        aegir.host.start(Service::PhpFpm);
    };
    pool("/run/php/$pool.sock");
    // B23: another web server has the port.
    aegir.host.stop(Service::Apache);
    aegir.host.start(Service::Nginx);
    let run = aegir.init();
    assert!(!run.success() && run.stderr.contains("port 80 is taken by nginx"), "{}", run.stderr);
    aegir.host.stop(Service::Nginx);
    aegir.init().ok();
    let wordpress = aegir_testkit::lab::Base::WORDPRESS;
    aegir.aegir(["platform", "add", "wp", "--path", "/var/aegir/platforms/wp", "--server", "server_master", "--from", wordpress]).ok();
    aegir.install("one.example.com", "One").ok();
    assert_eq!(aegir.page("one.example.com").status, 200);
    // B46: on a port.
    pool("127.0.0.1:9000");
    aegir.aegir(["server", "verify", "server_master"]).ok();
    aegir.aegir(["site", "verify", "one.example.com"]).ok();
    assert_eq!(aegir.page("one.example.com").status, 200);
    let vhost = aegir.host.read(&format!("{CONFIG}/vhost.d/one.example.com.conf"));
    assert!(vhost.contains("proxy:fcgi://127.0.0.1:9000"), "{vhost}");
    // Nothing says where: that is the cause, and not that PHP were missing.
    aegir.host.exec(["sh", "-c", "sed -i '/^listen =/d' /etc/php/8.2/fpm/pool.d/shop.conf"]).ok();
    let run = aegir.aegir(["server", "verify", "server_master"]);
    assert!(run.stderr.contains("no pool in /etc/php/8.2/fpm/pool.d says where it listens"), "{}", run.stderr);
}
