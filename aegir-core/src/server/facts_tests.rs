//! What a server prints is read, bounded, and made harmless.

use super::*;

const PRINTED: &str = "begin\t\nclock\t1795351709\nid\tuid=1000(aegir) gid=1001(aegir) groups=1001(aegir),33(www-data)\nshell\t/bin/bash
web_group\tnginx\nweb_group\twww-data\ncpus\t0-2,5\naddresses\tfd00::2 10.0.0.2 fe80::1 \ndisk\t4096 100 50 9 7\nphp\t8.2 /usr/bin/php8.2\nhas\tapache2\nhas\tmysql\nfiles\t
/etc/os-release:PRETTY_NAME=\"Debian 12\"\n/etc/php/8.2/fpm/pool.d/www.conf:listen = /var/run/php/php8.2-fpm.sock ; here
/proc/net/unix:0000000000000000: 00000002 00000000 00010000 0001 01 4711 /run/php/php8.2-fpm.sock
/var/lib/dpkg/status:Package: apache2\n/var/lib/dpkg/status-Status: install ok installed\n/var/lib/dpkg/status-Version: 2.4.67-1
/var/lib/dpkg/status-Package: apachetop\n/var/lib/dpkg/status-Version: 0.1\n/var/lib/dpkg/status:Package: curl
/var/lib/dpkg/status-Status: deinstall ok config-files\n/var/lib/dpkg/status-Version: 7\n/var/lib/dpkg/status:Package: mariadb-client
/var/lib/dpkg/status-Status: install ok installed\n/var/lib/dpkg/status-Version: 1:10.11\nforward\tweb1
10.0.0.2       STREAM web1.example.com\n10.0.0.2       DGRAM  \nforward\tother\n10.0.0.9       STREAM other.example.com\nend\t\n";

#[test]
fn a13_facts_are_one_harmless_line_each() {
    let printed = PRINTED
        .replace("Debian 12", "Deb\u{1b}]0;owned\u{7}ian\u{202e} 12")
        .replace("(aegir) gid", "(\u{1b}[31maegir) gid")
        .replace("php\t8.2 /usr", "php\t8.1 /us\u{9b}r/bin/php\nphp\t8.2 /usr");
    let facts = Facts::parse(&printed).unwrap();
    assert_eq!((facts.os.as_str(), facts.user.as_str()), ("Deb ]0;owned ian  12", "[31maegir"));
    assert_eq!(facts.php.iter().map(|p| p.version).collect::<Vec<_>>(), [(8, 2)]);
    assert!(!serde_json::to_string(&facts).unwrap().contains(crate::text::steers));
}

#[test]
fn reads_what_the_script_prints() {
    let facts = Facts::parse(PRINTED).unwrap();
    assert_eq!(facts.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.0.0.2", "fd00::2"]);
    assert_eq!((facts.user.as_str(), facts.uid, facts.gid, facts.cpus), ("aegir", 1000, 1001, 4));
    assert_eq!((facts.groups.join(" ").as_str(), facts.web_group.as_deref()), ("aegir www-data", Some("www-data")));
    assert_eq!((facts.os.as_str(), facts.hostname.as_str()), ("Debian 12", "web1.example.com"));
    assert!(facts.accepts(&facts.php[0]) && facts.php[0].cli.is_some());
    assert_eq!(facts.apache.as_deref(), Some("Apache/2.4.67-1"));
    assert_eq!(facts.db_client.as_deref(), Some("mariadb-client 10.11"));
    assert_eq!(facts.packages.keys().collect::<Vec<_>>(), ["apache2", "mariadb-client"]);
    assert_eq!(facts.disk, Disk { total: 409_600, free: 204_800, inodes: 9, inodes_free: 7 });
    assert!(Facts::parse("os\tx\n").is_err());
}

#[test]
fn a10_a_machine_that_says_too_much_of_itself_is_not_believed_all_of_it() {
    let long = "x".repeat(1 << 20);
    let many: String = (0..100_000).map(|n| format!("/proc/net/unix:0: 2 0 00010000 1 1 4 /run/{n}\n")).collect();
    let facts = Facts::parse(&format!("begin\t\nhas\t{long}\nfiles\t\n/etc/os-release:PRETTY_NAME=\"{long}\"\n{many}end\t\n")).unwrap();
    assert_eq!((facts.os.as_str(), facts.listening.len()), ("", MOST_FACTS + 1));
}

#[test]
fn finds_pools_that_have_other_names_and_addresses() {
    let pools = |lines: &str| {
        let facts = Facts::parse(&format!("files\t\n{lines}\nend\t\n")).unwrap();
        facts.php.iter().map(|p| format!("{} {}", p.fpm.as_ref().unwrap(), facts.accepts(p))).collect::<Vec<_>>().join(", ")
    };
    let tcp = "/proc/net/tcp:   3: 0100007F:2328 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1";
    for (lines, found) in [
        (
            "/etc/php/8.2/fpm/pool.d/site.conf:[site]\n/etc/php/8.2/fpm/pool.d/site.conf:listen = /run/php/$pool.sock",
            "/run/php/site.sock false".to_owned(),
        ),
        (&format!("{tcp}\n/etc/php/8.2/fpm/pool.d/www.conf:listen=9000"), "127.0.0.1:9000 true".to_owned()),
        ("/etc/php/8.2/fpm/pool.d/a.conf:listen = [::1]:9001 ; x", "[::1]:9001 false".to_owned()),
        (
            "/etc/php/8.2/fpm/pool.d/a.conf:listen = /a\n/etc/php/8.2/fpm/pool.d/www.conf:listen = /w\n/etc/php/8.2/fpm/pool.d/x.conf:listen = /x",
            "/w false".to_owned(),
        ),
        ("/etc/php/8.2/fpm/pool.d/a.conf:listen = /a\n/etc/php/8.2/fpm/pool.d/b.conf:listen = /b", "/a false".to_owned()),
    ] {
        assert_eq!(pools(lines), found);
    }
}
