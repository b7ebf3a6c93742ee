//! Services answer when `start` returns, and several hosts run them side by side.

use std::time::Duration;

use aegir_testkit::lab::{Base, Host, Lab, Service};

const VHOST: &str = "<VirtualHost *:80>
ServerName wp.example.com
DocumentRoot /srv/wp
<Directory /srv/wp>
  Require all granted
  DirectoryIndex index.php
  <FilesMatch \\.php$>
    SetHandler \"proxy:unix:/run/php/php8.2-fpm.sock|fcgi://localhost\"
  </FilesMatch>
</Directory>
</VirtualHost>
";

fn web_with_php(host: &Host) {
    host.write("/etc/apache2/sites-available/wp.conf", VHOST);
    host.exec(["a2ensite", "-q", "wp"]).ok();
    host.exec(["mkdir", "-p", "/srv/wp"]).ok();
    host.start(Service::PhpFpm);
    host.start(Service::Apache);
}

#[test]
fn hosts_reach_each_other_by_name() {
    let lab = Lab::new();
    let (one, two) = (lab.host("web1"), lab.host("web2"));
    for host in [&one, &two] {
        host.write("/var/www/html/index.html", host.fqdn());
        host.start(Service::Nginx);
    }
    let get = |from: &Host, url: &str| from.exec(["curl", "-sS", url]).ok();
    assert_eq!(get(&one, "http://web2.example.com/"), "web2.example.com");
    assert_eq!(get(&two, "http://web1/"), "web1.example.com");
    assert_eq!(get(&one, &format!("http://[{}]/", two.v6())), "web2.example.com");
    // Debian's page for IPv6 and IPv4 is one server: a restart must work, also after a crash.
    two.kill(Service::Nginx);
    assert!(!two.runs(Service::Nginx) && !two.listens(80));
    two.start(Service::Nginx);
    assert!(two.listens(80));
    let page = two.http(80, "web2.example.com", "/none");
    assert_eq!(page.status, 404);
    assert!(page.header("server").is_some_and(|s| s.starts_with("nginx")));
}

#[test]
fn mariadb_answers_here_and_from_another_host_and_survives_a_crash() {
    let lab = Lab::new();
    let (db, web) = (lab.host("db1"), lab.host("web1"));
    db.start(Service::MariaDb);
    let sql = "CREATE DATABASE d; CREATE TABLE d.t (n INT); INSERT INTO d.t VALUES (42);
               CREATE USER 'u'@'%' IDENTIFIED BY 'p'; GRANT ALL ON d.* TO 'u'@'%';";
    db.command(["mariadb"]).stdin(sql).run().ok();
    let query = ["mariadb", "-h", "db1", "-uu", "-pp", "-BNe", "SELECT n FROM d.t"];
    assert_eq!(web.exec(query).ok(), "42");
    db.kill(Service::MariaDb);
    assert!(!web.exec(query).success());
    db.start(Service::MariaDb);
    assert_eq!(web.exec(query).ok(), "42");
    db.stop(Service::MariaDb);
    assert!(!db.runs(Service::MariaDb));
}

#[test]
fn php_runs_through_apache_and_fpm() {
    let lab = Lab::new();
    let host = lab.host("web1");
    web_with_php(&host);
    let code = "<?php echo PHP_SAPI, ' ', extension_loaded('mysqli') ? 'mysqli' : 'no';";
    host.write("/srv/wp/index.php", code);
    let page = host.http(80, "wp.example.com", "/");
    assert_eq!((page.status, page.body.as_str()), (200, "fpm-fcgi mysqli"));
    host.stop(Service::PhpFpm);
    assert_eq!(host.http(80, "wp.example.com", "/").status, 503);
    host.start(Service::PhpFpm);
    assert_eq!(host.http(80, "wp.example.com", "/").status, 200);
    host.stop(Service::Apache);
    host.start(Service::Apache);
    assert_eq!(host.http(80, "wp.example.com", "/").status, 200);
    assert!(host.exec(["apache2ctl", "-M"]).ok().contains("mpm_event_module"));
}

#[test]
fn wordpress_is_complete_and_installs() {
    let lab = Lab::new();
    let host = lab.host("web1");
    web_with_php(&host);
    host.start(Service::MariaDb);
    let copy = ["cp", "-a", &format!("{}/.", Base::WORDPRESS), "/srv/wp"];
    host.exec(copy).ok();
    assert_eq!(host.exec(["find", "/srv/wp", "-type", "l"]).ok(), "");
    assert!(!host.exists("/srv/wp/wp-config.php"));
    let sql = "CREATE DATABASE wp; CREATE USER w@localhost IDENTIFIED BY 'p'; GRANT ALL ON wp.* TO w@localhost;";
    host.command(["mariadb"]).stdin(sql).run().ok();
    let config = "<?php
define('DB_NAME', 'wp'); define('DB_USER', 'w'); define('DB_PASSWORD', 'p'); define('DB_HOST', 'localhost');
$table_prefix = 'wp_';
if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';";
    host.write("/srv/wp/wp-config.php", config);
    let install = "<?php define('WP_INSTALLING', true); $_SERVER['HTTP_HOST'] = 'wp.example.com';
require '/srv/wp/wp-load.php'; require '/srv/wp/wp-admin/includes/upgrade.php';
wp_install('Lab site', 'admin', 'a@example.com', true, '', 'secret'); echo 'done';";
    let installed = host.command(["php"]).stdin(install).run();
    assert!(installed.stdout.ends_with("done"), "{installed:?}");
    let page = host.http(80, "wp.example.com", "/");
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Lab site"), "{}", page.body);
    assert!(page.body.contains("twentytwentythree"), "the theme is used");
}

#[test]
fn sshd_runs_with_a_key_of_its_own() {
    let lab = Lab::new();
    let (one, two) = (lab.host("web1"), lab.host("web2"));
    let key = "/etc/ssh/ssh_host_ed25519_key.pub";
    for host in [&one, &two] {
        host.start(Service::Sshd);
        let banner = host.banner(22, Duration::from_secs(5)).unwrap_or_default();
        assert!(banner.starts_with("SSH-2.0-"), "{banner}");
    }
    assert_ne!(one.read(key), two.read(key));

    for host in [&one, &two] {
        host.exec(["mkdir", "-p", "-m", "700", "/root/.ssh"]).ok();
    }
    let make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/.ssh/id"];
    one.exec(make).ok();
    two.write("/root/.ssh/authorized_keys", one.read("/root/.ssh/id.pub"));
    let accept = "StrictHostKeyChecking=accept-new";
    let ssh = ["ssh", "-i", "/root/.ssh/id", "-o", accept, "root@web2.example.com", "uname -n"];
    assert_eq!(one.exec(ssh).ok(), "web2");
}
