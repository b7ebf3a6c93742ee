//! The web server, its PHP, and the databases it reaches.

use aegir_testkit::lab::Service;

use crate::pair::{Case, Pair};

#[test]
fn apache_and_php() {
    let pair = Pair::new();
    let web1 = |script: &str| drop(pair.web1.exec(["sh", "-c", script]).ok());
    pair.broken(&Case {
        check: "web.answers",
        evidence: "port 80 does not answer",
        mend: "as root on web1: `service apache2 start`",
        breaks: &|| pair.web1.stop(Service::Apache),
        mends: &|found| pair.mend(found),
        ..Case::default()
    });
    pair.broken(&Case {
        check: "web.php",
        evidence: "PHP-FPM 8.2 takes no connections",
        mend: "as root on web1: `service php8.2-fpm start`",
        // A socket's file stays when its owner is killed.
        breaks: &|| pair.web1.kill(Service::PhpFpm),
        mends: &|found| pair.mend(found),
        ..Case::default()
    });
    pair.broken(&Case {
        check: "web.php",
        evidence: "there is no PHP-FPM",
        mend: "apt-get install php-fpm",
        breaks: &|| web1("mv /etc/php /etc/php.away; mv /usr/bin/php8.2 /root/"),
        mends: &|_| web1("mv /etc/php.away /etc/php; mv /root/php8.2 /usr/bin/"),
        ..Case::default()
    });
    pair.broken(&Case {
        check: "packages",
        finding: "warn",
        evidence: "not installed: curl, php-gd",
        mend: "as root on web1: `apt-get install --no-install-recommends curl php-gd`",
        status: 0,
        breaks: &|| web1("cp /var/lib/dpkg/status /root/; sed -i -e '/^Package: curl$/,/^$/d' -e '/^Package: php8.2-gd$/,/^$/d' -e '/^Package: php-gd$/,/^$/s/^Status: .*/Status: deinstall ok config-files/' /var/lib/dpkg/status"),
        mends: &|_| web1("mv /root/status /var/lib/dpkg/status"),
        ..Case::default()
    });
    pair.broken(&Case {
        check: "web.include",
        evidence: "there is no /etc/apache2/conf-enabled/aegir.conf",
        mend: "aegir server bootstrap web1",
        breaks: &|| web1("a2disconf -q aegir"),
        mends: &|_| web1("a2enconf -q aegir"),
        ..Case::default()
    });
    pair.broken(&Case {
        check: "web.include",
        evidence: "does not include /var/lib/aegir/apache/live",
        breaks: &|| web1("sed -i s,lib/aegir/apache/live,aegir/config/web1, /etc/apache2/conf-available/aegir.conf"),
        mends: &|_| web1("sed -i s,aegir/config/web1,lib/aegir/apache/live, /etc/apache2/conf-available/aegir.conf"),
        ..Case::default()
    });
    pair.broken(&Case {
        check: "web.modules",
        evidence: "not enabled: headers",
        mend: "as root on web1: `a2enmod headers && service apache2 restart`",
        breaks: &|| web1("rm /etc/apache2/mods-enabled/headers.load"),
        mends: &|found| pair.mend(found),
        ..Case::default()
    });
    // A firewall between the master and the port: the server itself is well.
    let silent = format!("from {} ipproto 6 sport 80 blackhole", pair.web1.v4());
    pair.broken(&Case {
        check: "web.port",
        finding: "warn",
        evidence: "port 80 does not answer the master at ",
        mend: "iptables",
        status: 0,
        breaks: &|| web1(&format!("ip rule add {silent}; ip -6 rule add from {} ipproto 6 sport 80 blackhole", pair.web1.v6())),
        mends: &|_| web1(&format!("ip rule del {silent}; ip -6 rule del from {} ipproto 6 sport 80 blackhole", pair.web1.v6())),
        ..Case::default()
    });
}

#[test]
fn the_database_as_the_web_server_sees_it() {
    let pair = Pair::new();
    let master = |script: &str| drop(pair.master.host.exec(["sh", "-c", script]).ok());
    let restart = || {
        pair.master.host.stop(Service::MariaDb);
        pair.master.host.start(Service::MariaDb);
    };
    pair.broken(&Case {
        check: "db.from-here",
        evidence: "nor does it answer on its own machine",
        mend: "as root: `service mariadb start`",
        breaks: &|| pair.master.host.stop(Service::MariaDb),
        mends: &|found| pair.mend(found),
        ..Case::default()
    });
    pair.broken(&Case {
        check: "db.from-here",
        evidence: "it listens on 127.0.0.1 only",
        mend: "as root: `aegir init --db-listen ",
        breaks: &|| {
            // What is left is what Debian says.
            master("sed -i /bind-address/d /etc/mysql/mariadb.conf.d/99-lab.cnf");
            restart();
        },
        mends: &|found| pair.mend(found),
        ..Case::default()
    });
    let silent = format!("from {} ipproto 6 sport 3306 blackhole", pair.master.host.v4());
    pair.broken(&Case {
        check: "db.from-here",
        evidence: "something between them does not let it through",
        mend: "iptables -I INPUT -p tcp -s ",
        breaks: &|| master(&format!("ip rule add {silent}")),
        mends: &|_| master(&format!("ip rule del {silent}")),
        ..Case::default()
    });
    // The database server's own checks are the master's.
    pair.broken(&Case {
        server: "server_master",
        check: "db.reachable",
        evidence: "does not answer",
        mend: "start mariadb",
        breaks: &|| pair.master.host.stop(Service::MariaDb),
        mends: &|_| pair.master.host.start(Service::MariaDb),
        ..Case::default()
    });
}
