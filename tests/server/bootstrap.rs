//! The bootstrap script on a machine that never heard of Aegir: once, twice, cut off, and for databases.

use aegir_testkit::fleet::Fleet;
use aegir_testkit::lab::{Host, Service, World};

use crate::{BINARY, WEB1, refuse};

const SUDO: &str = "/etc/sudoers.d/aegir";

/// Everything that the script could touch.
fn world(host: &Host) -> World {
    World::without(
        host,
        &["/etc", "/usr/local", "/var/aegir", "/root", "/tmp", "/run"],
        &["/run/lab", "/run/*.pid", "/run/*.sock", "/run/apache2*"],
    )
}

#[track_caller]
fn assert_same(before: &World, host: &Host, what: &str) {
    let changes = before.diff(&world(host));
    assert!(changes.is_empty(), "{what} left changes:\n{}", changes.join("\n"));
}

#[test]
fn a_second_run_changes_nothing_and_says_so() {
    let fleet = Fleet::bare(BINARY, &["web1"]);
    let web1 = &fleet.remotes[0];
    let first = fleet.bootstrap(web1, &[]).ok();
    assert!(first.contains("things changed"), "{first}");
    assert!(first.ends_with(&format!("--ssh aegir@{WEB1} --host-key {}", Fleet::fingerprint(web1))), "{first}");
    assert!(web1.runs(Service::Apache) && web1.runs(Service::PhpFpm));
    let before = world(web1);
    let second = fleet.bootstrap(web1, &[]).ok();
    assert!(second.contains("nothing was changed") && !second.contains("changed  "), "{second}");
    assert_same(&before, web1, "a second run");

    // What somebody broke is mended, and nothing else is touched.
    web1.exec(["sh", "-c", "chmod 0777 /var/aegir; rm /etc/apache2/conf-enabled/aegir.conf; echo x >> /etc/sudoers.d/aegir"]).ok();
    web1.exec(["sh", "-c", "echo '# mine' >> /var/aegir/.ssh/authorized_keys"]).ok();
    web1.stop(Service::PhpFpm);
    let third = fleet.bootstrap(web1, &[]).ok();
    assert!(third.contains("5 things changed"), "{third}");
    web1.exec(["sed", "-i", "/^# mine$/d", "/var/aegir/.ssh/authorized_keys"]).ok();
    web1.exec(["chown", "aegir:aegir", "/var/aegir/.ssh/authorized_keys"]).ok();
    assert_same(&before, web1, "a third run");
}

#[test]
fn a_script_that_was_cut_off_does_nothing() {
    let fleet = Fleet::bare(BINARY, &["web1"]);
    let web1 = &fleet.remotes[0];
    let script = fleet.aegir(["server", "bootstrap", WEB1]).ok();
    let before = world(web1);
    for part in [script.len() / 3, script.len() / 2, script.len() - "main </dev/null".len()] {
        let _ = web1.command(["sh"]).stdin(&script.as_bytes()[..part]).run();
        assert_same(&before, web1, "a part of the script");
    }
    assert!(!script.contains("PRIVATE") && script.contains("ssh-ed25519 "), "the public key, and no other");
}

#[test]
fn a_failure_in_the_middle_is_told_and_the_next_run_brings_into_use_what_was_changed() {
    let fleet = Fleet::bare(BINARY, &["web1"]);
    let web1 = &fleet.remotes[0];
    web1.start(Service::Apache);
    web1.write("/etc/apache2/conf-enabled/zz-broken.conf", "NotADirective\n");
    let failed = fleet.bootstrap(web1, &[]);
    assert!(!failed.success() && failed.stderr.contains("NotADirective"), "{} {}", failed.stdout, failed.stderr);
    web1.exec(["rm", "/etc/apache2/conf-enabled/zz-broken.conf"]).ok();
    let again = fleet.bootstrap(web1, &[]).ok();
    assert!(again.contains("apache2 reloaded"), "{again}");

    let taken = Fleet::bare(BINARY, &["web2"]);
    taken.remotes[0].exec(["useradd", "-m", "aegir"]).ok();
    let refused = taken.bootstrap(&taken.remotes[0], &[]);
    assert!(!refused.success() && refused.stderr.contains("usermod --home /var/aegir aegir"), "{}", refused.stderr);
}

#[test]
fn the_sudo_rule_allows_the_helper_and_nothing_else() {
    let fleet = Fleet::bare(BINARY, &["web1"]);
    let web1 = &fleet.remotes[0];
    fleet.bootstrap(web1, &[]).ok();
    let sudo = |words: &str| web1.exec_as("aegir", ["sudo", "-n"].into_iter().chain(words.split(' ')));
    web1.exec_as("aegir", ["mkdir", "-p", "/var/aegir/config/web1.example.com"]).ok();
    for good in ["version", "port 80", "apache test", "apache apply", "apache vhosts"] {
        sudo(&format!("/usr/local/lib/aegir/helper {good}")).ok();
    }
    for bad in [
        "/usr/sbin/apache2ctl",
        "/usr/sbin/apache2ctl stop",
        "/usr/sbin/apache2ctl graceful",
        "/usr/sbin/apache2ctl -t",
        "/usr/sbin/apache2 -t",
        "/usr/bin/perl /usr/local/lib/aegir/helper apache test",
        "PERL5LIB=/tmp /usr/local/lib/aegir/helper version",
        "-u nobody /usr/local/lib/aegir/helper version",
        "-u www-data -g root true",
        "-E /usr/local/lib/aegir/helper version",
        "/bin/sh -c id",
        "-s",
        "-e /etc/hosts",
        "true",
    ] {
        let run = sudo(bad);
        assert!(!run.success() && run.stderr.contains("sudo:"), "`sudo {bad}` was allowed: {}{}", run.stdout, run.stderr);
    }
    // What the caller's environment says is not heard.
    web1.write("/tmp/evil", "touch /tmp/owned\n");
    let heard = web1.command(["sudo", "-n", "/usr/local/lib/aegir/helper", "apache", "test"]).user("aegir");
    heard.env("APACHE_ENVVARS", "/tmp/evil").env("BASH_ENV", "/tmp/evil").run().ok();
    assert!(!web1.exists("/tmp/owned"));
    assert_eq!(web1.exec(["stat", "-c", "%a %U", SUDO]).ok(), "440 root");
}

#[test]
fn a_database_server_has_an_administrator_that_no_network_reaches() {
    let fleet = Fleet::bare(BINARY, &["db1"]);
    let db1 = &fleet.remotes[0];
    let first = fleet.bootstrap(db1, &["--db", "mysql"]).ok();
    assert!(first.contains("the database administrator aegir") && !first.contains("apache2"), "{first}");
    assert!(first.contains("--db mysql --host-key SHA256:"), "{first}");
    let grants = db1.exec_as("aegir", ["mariadb", "-BNe", "SELECT CURRENT_USER(); SHOW GRANTS"]).ok();
    assert!(grants.starts_with("aegir@localhost") && grants.contains("WITH GRANT OPTION"), "{grants}");
    for user in ["aegir", "root"] {
        let over_tcp = fleet.host.exec(["mariadb", "--host", db1.fqdn(), "--user", user, "-e", "SELECT 1"]);
        assert!(!over_tcp.success(), "{user} came in over the network");
    }
    let before = world(db1);
    let second = fleet.bootstrap(db1, &["--db", "mysql"]).ok();
    assert!(second.contains("nothing was changed"), "{second}");
    assert_same(&before, db1, "a second run");
    // A rule that was taken away is given again.
    db1.exec(["mariadb", "-e", "REVOKE ALL PRIVILEGES, GRANT OPTION FROM aegir@localhost"]).ok();
    assert!(fleet.bootstrap(db1, &["--db", "mysql"]).ok().contains("1 things changed"));
}

/// As on a machine whose packages were just installed, which starts the server at once.
#[test]
fn a_database_server_that_runs_is_restarted_into_the_network() {
    const FILE: &str = "/etc/mysql/mariadb.conf.d/60-aegir.cnf";
    let fleet = Fleet::bare(BINARY, &["db1"]);
    let db1 = &fleet.remotes[0];
    db1.exec(["rm", "/etc/mysql/mariadb.conf.d/99-lab.cnf"]).ok();
    db1.start(Service::MariaDb);
    let reachable = || fleet.host.exec(["mariadb", "--host", db1.fqdn(), "--user", "nobody", "-e", "SELECT 1"]).stderr;
    assert!(reachable().contains("Can't connect"), "{}", reachable());
    let said = fleet.bootstrap(db1, &["--db", "mysql"]).ok();
    assert!(said.contains("mariadb restarted"), "{said}");
    assert!(reachable().contains("denied") || reachable().contains("not allowed"), "{}", reachable());
    // Whoever comes over the network finds a certificate, and one that an operator gives wins.
    let certificate = |host: &Host| host.exec(["mariadb", "-Ne", "SELECT @@ssl_cert; SHOW GLOBAL STATUS LIKE 'Ssl_server_not_after'"]).ok();
    assert!(certificate(db1).contains("/etc/mysql/aegir-cert.pem") && certificate(db1).contains("GMT"), "{}", certificate(db1));
    assert_eq!(db1.exec(["stat", "-c", "%U %a", "/etc/mysql/aegir-key.pem"]).ok().trim(), "mysql 600");
    assert!(fleet.bootstrap(db1, &["--db", "mysql"]).ok().contains("nothing was changed"));
    let own = "cp /etc/mysql/aegir-cert.pem /etc/mysql/own.pem && chown mysql: /etc/mysql/own.pem &&
        printf '[mysqld]\nssl_cert = /etc/mysql/own.pem\n' >/etc/mysql/mariadb.conf.d/70-own.cnf && service mariadb restart";
    db1.exec(["sh", "-c", own]).ok();
    assert!(certificate(db1).contains("/etc/mysql/own.pem"), "{}", certificate(db1));

    // The master's own server only when it is told so; root does what data says.
    assert!(!fleet.host.exists(FILE));
    fleet.aegir(["server", "edit", "server_master", "--set", "db.listen=*"]).ok();
    fleet.init().ok();
    assert!(fleet.host.exists(FILE));
    assert!(certificate(&fleet.host).contains("GMT"), "{}", certificate(&fleet.host));
    assert!(fleet.init().stderr.contains("nothing to change"));
    assert!(fleet.aegir(["server", "verify", "server_master"]).success());
}

/// A package that is missing is fetched, and lists only then: from a repository on the machine itself.
#[test]
fn only_missing_packages_are_installed() {
    const REPOSITORY: &str = r"set -eu
        dpkg --purge --force-depends zstd >/dev/null 2>&1
        mkdir -p /srv/repo/zstd/DEBIAN && cd /srv/repo
        printf 'Package: zstd\nVersion: 9\nArchitecture: all\nMaintainer: a <a@b>\nDescription: x\n' > zstd/DEBIAN/control
        dpkg-deb --build zstd >/dev/null
        { cat zstd/DEBIAN/control; echo Filename: ./zstd.deb; echo Size: $(stat -c %s zstd.deb); echo SHA256: $(sha256sum zstd.deb | cut -d' ' -f1); } > Packages
        rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*
        echo 'deb [trusted=yes] file:/srv/repo ./' > /etc/apt/sources.list
        rm -rf /var/lib/apt/lists/*";
    let fleet = Fleet::bare(BINARY, &["web1"]);
    let web1 = &fleet.remotes[0];
    web1.exec(["sh", "-c", REPOSITORY]).ok();
    let first = fleet.bootstrap(web1, &[]).ok();
    assert!(first.contains("changed  packages zstd\n"), "{first}");
    assert_eq!(web1.exec(["dpkg-query", "-W", "-f", "${Version}", "zstd"]).ok(), "9");
    web1.exec(["rm", "-r", "/srv/repo"]).ok();
    assert!(fleet.bootstrap(web1, &[]).ok().contains("nothing was changed"), "nothing is fetched when nothing is missing");
    // None to be had: told, and nothing behind it was begun.
    web1.exec(["dpkg", "--purge", "--force-depends", "zstd"]).ok();
    let failed = fleet.bootstrap(web1, &[]);
    assert!(!failed.success() && failed.stderr.contains("apt-get"), "{}", failed.stderr);
}

#[test]
fn hostile_names_make_no_script() {
    let fleet = Fleet::bare(BINARY, &[]);
    for name in ["a b", "-oProxyCommand=x", "a;id", "$(id)", "`id`", "a\nid", "a'b", "../x", ""] {
        refuse(&fleet, &[(&["server", "bootstrap", "--", name], 64, "host name")]);
    }
    refuse(
        &fleet,
        &[
            (&["server", "bootstrap", WEB1, "--web", "a;b"], 64, "no service type"),
            (&["server", "bootstrap", WEB1, "--name", "a;b"], 64, "server name"),
            (&["server", "bootstrap", WEB1, "--set", "web.nothing=1"], 64, "not valid"),
            (&["server", "bootstrap", WEB1, "--db", "mysql", "--set", "db.password=canary"], 8, "secret"),
            (&["server", "bootstrap", "server_master"], 8, "aegir init"),
        ],
    );
}

/// B7, B13, B2, B3, B9 and B10 as root sees them: who keeps Aegir's account out is named, and nothing is called well.
#[test]
fn b7_what_keeps_the_account_out_is_asked_of_sshd_and_sudo_themselves() {
    let fleet = Fleet::bare(BINARY, &["web1"]);
    let web1 = &fleet.remotes[0];
    let sh = |script: &str| drop(web1.exec(["sh", "-c", script]).ok());
    fleet.bootstrap(web1, &[]).ok();
    const ODD: &str = "/etc/ssh/sshd_config.d/odd.conf";
    for (config, says, mends) in [
        ("AllowUsers admin root@10.*", "AllowUsers names admin root@10.* only", "Add aegir to AllowUsers"),
        ("DenyUsers a?gir", "DenyUsers names it", "Take aegir out"),
        ("AllowGroups wheel", "AllowGroups names wheel only, and it is in aegir www-data", "Add the group aegir"),
        ("DenyGroups www-data", "DenyGroups names www-data", "Take that group out"),
        ("PubkeyAuthentication no", "PubkeyAuthentication is no", "Set it to yes"),
        ("AuthenticationMethods publickey,password", "AuthenticationMethods wants publickey,password", "Match User aegir"),
        ("AuthorizedKeysFile /etc/ssh/keys/%u", "AuthorizedKeysFile is /etc/ssh/keys/%u", "Add .ssh/authorized_keys"),
        ("Match Group www-data\n ForceCommand internal-sftp", "ForceCommand internal-sftp runs in the place", "ForceCommand none"),
        ("ChrootDirectory /srv", "ChrootDirectory /srv shuts it in", "ChrootDirectory none"),
        ("MaxSessions 1", "MaxSessions is 1", "Set it to 10"),
        ("Subsystem sftp /nowhere/sftp-server", "its SFTP /nowhere/sftp-server does not exist", "Subsystem sftp internal-sftp"),
        ("NoSuchKeyword yes", "sshd refuses its own configuration", "NoSuchKeyword"),
    ] {
        sh("sed -i 's/^Subsystem/#&/' /etc/ssh/sshd_config");
        web1.write(
            ODD,
            if config.starts_with("Subsystem") { format!("{config}\n") } else { format!("Subsystem sftp internal-sftp\n{config}\n") },
        );
        let run = fleet.bootstrap(web1, &[]);
        assert!(!run.success() && run.stderr.contains(says) && run.stderr.contains(mends), "{config}: {} {}", run.stdout, run.stderr);
        assert!(!run.stdout.contains("nothing was changed") && !run.stdout.contains("next, on the master"), "{config}: {}", run.stdout);
    }
    for good in
        ["AllowUsers admin aegir", "AllowUsers *@10.* ae*", "AllowGroups www-data", "AuthorizedKeysFile none %h/.ssh/authorized_keys"]
    {
        web1.write(ODD, format!("Subsystem sftp internal-sftp\n{good}\n"));
        let run = fleet.bootstrap(web1, &[]);
        assert!(run.success() && run.stdout.contains("nothing was changed"), "{good}: {} {}", run.stdout, run.stderr);
    }
    sh(&format!("rm {ODD}; sed -i 's/^#Subsystem/Subsystem/' /etc/ssh/sshd_config; echo closed >/etc/nologin"));
    let closed = fleet.bootstrap(web1, &[]);
    assert!(!closed.success() && closed.stderr.contains("rm /etc/nologin"), "{}", closed.stderr);
    sh("rm /etc/nologin");

    // B13: a rule that sudo does not read.
    sh("cp -a /etc/sudoers /root/; sed -i '/includedir/d' /etc/sudoers");
    let run = fleet.bootstrap(web1, &[]);
    assert!(!run.success() && run.stderr.contains("@includedir /etc/sudoers.d"), "{} {}", run.stdout, run.stderr);
    let mend = run.stderr.split("as root: ").nth(1).and_then(|rest| rest.split(')').next()).expect("a command").to_owned();
    sh(&mend);
    fleet.bootstrap(web1, &[]).ok();
}

/// B5, a locked account, and a machine whose sshd never ran.
#[test]
fn b5_an_account_that_was_there_before_is_opened_and_missing_host_keys_are_made() {
    let fleet = Fleet::bare(BINARY, &["web1"]);
    let web1 = &fleet.remotes[0];
    let sh = |script: &str| drop(web1.exec(["sh", "-c", script]).ok());
    sh("useradd --system --user-group --no-create-home --home-dir /var/aegir --shell /usr/sbin/nologin aegir");
    sh("passwd -l aegir; chage -E 1 aegir");
    web1.stop(Service::Sshd);
    sh("rm -f /etc/ssh/ssh_host_*; rm -rf /run/sshd");
    let said = fleet.bootstrap(web1, &[]).ok();
    for change in
        ["has the shell /bin/bash in the place of /usr/sbin/nologin", "is not locked any more", "does not end any more", "host keys"]
    {
        assert!(
            said.contains(&format!("changed  {change}")) || said.lines().any(|l| l.starts_with("changed") && l.contains(change)),
            "{change}: {said}"
        );
    }
    let key = said.rsplit_once("--host-key ").map(|(_, key)| key.trim()).expect("a next command");
    assert!(key.starts_with("SHA256:") && key.len() == 50, "{said}");
    web1.start(Service::Sshd);
    fleet.add(web1, &["--host-key", key]).ok();
    assert!(fleet.bootstrap(web1, &[]).ok().contains("nothing was changed"));
}
