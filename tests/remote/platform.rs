//! Platforms on remote servers: code from the master, everything else where it is.

use aegir_testkit::exchange::race_for_site;
use aegir_testkit::installation::Installation;
use aegir_testkit::lab::Base;

use crate::BINARY;
use crate::fleet::Fleet;

const PATH: &str = "/var/aegir/platforms/wp";

#[test]
fn verify_sends_code_and_leaves_uploads_and_sites() {
    let fleet = Fleet::with_site();
    let (master, web1) = (&fleet.master, fleet.remote("web1"));
    let nothing = |what: &str| {
        let run = master.aegir(["platform", "verify", "wp"]);
        assert!(run.success() && run.stderr.contains("nothing to change"), "{what}: {}", run.stderr);
    };
    nothing("after its add");
    let uploads = [
        format!("{PATH}/sites/one.example.com/files/a picture.jpg"),
        format!("{PATH}/sites/one.example.com/files/2024/x.txt"),
        format!("{PATH}/wp-content/uploads/y.txt"),
    ];
    for upload in &uploads {
        web1.exec(["install", "-D", "-o", "www-data", "-g", "www-data", "/etc/hostname", upload]).ok();
    }
    let kept = |host: &aegir_testkit::lab::Host| {
        host.exec(["sh", "-c", &format!("cd {PATH}; find sites wp-config.php wp-content/uploads wp-content/mu-plugins/aegir-login.php -printf '%p %m %u %s\n' | sort")]).ok()
    };
    let before = kept(web1);
    nothing("uploads are no change");

    let change = "echo '// new' >> index.php; rm readme.html; mkdir -p new/deep; echo x > new/deep/file; echo secret > wp-config.php; \
                  mkdir -p wp-content/uploads sites/one.example.com; echo no > wp-content/uploads/not-sent; echo no > sites/one.example.com/not-sent";
    master.host.exec_as("aegir", ["sh", "-c", &format!("cd {PATH}; {change}")]).ok();
    master.aegir(["platform", "verify", "wp"]).ok();
    assert!(web1.read(&format!("{PATH}/index.php")).ends_with("// new\n"));
    assert_eq!(web1.read(&format!("{PATH}/new/deep/file")), "x\n");
    assert!(!web1.exists(&format!("{PATH}/readme.html")), "code removed on the master is removed");
    assert_eq!(before, kept(web1), "what is no code stays as it was");
    assert_eq!(fleet.page("one.example.com").status, 200);

    master.host.exec(["rm", "-r", &format!("{PATH}/new")]).ok();
    master.aegir(["platform", "verify", "wp"]).ok();
    assert!(!web1.exists(&format!("{PATH}/new")));
    nothing("in the end");

    // B21: one file that Aegir may not read, and it is told whose it is.
    master.host.exec(["sh", "-c", &format!("cd {PATH}; echo x >closed.php; chown root: closed.php; chmod 600 closed.php")]).ok();
    let closed = master.aegir(["platform", "verify", "wp"]);
    assert!(!closed.success() && closed.stderr.contains(&format!("reading {PATH}/closed.php on the master")), "{}", closed.stderr);
    assert!(closed.stderr.contains(&format!("ls -ld {PATH}/closed.php")) && !closed.stderr.contains("tar"), "{}", closed.stderr);
    master.host.exec(["rm", &format!("{PATH}/closed.php")]).ok();

    // A4: nor does a site's name that the web server's account exchanges there lead to the configuration.
    let mut refused = 0;
    race_for_site(web1, "one.example.com", |round| {
        refused += usize::from(!master.aegir(["site", "verify", "one.example.com"]).success());
        // One that is stuck would bar the next.
        let _ = master.take_back_what_is_stuck();
        round < 7
    });
    assert!(refused > 0, "the race was none");
    assert!(master.take_back_what_is_stuck(), "with the race over it can be taken back");
    master.aegir(["site", "verify", "one.example.com"]).ok();
    nothing("after a race");

    // Code that is gone or not mounted on the master is no reason to remove it elsewhere.
    master.host.exec(["mv", PATH, "/var/aegir/platforms/away"]).ok();
    assert_eq!(master.aegir(["platform", "verify", "wp"]).status, 8);
    master.host.exec(["mkdir", PATH]).ok();
    assert_eq!(master.aegir(["platform", "verify", "wp"]).status, 8);
    assert_eq!(fleet.page("one.example.com").status, 200);
}

#[test]
fn delete_removes_what_was_sent_and_never_what_somebody_put_on_the_master() {
    let fleet = Fleet::of(&["web1"]);
    let (master, web1) = (&fleet.master, fleet.remote("web1"));
    master.host.exec(["cp", "-a", Base::WORDPRESS, "/srv/own"]).ok();
    master.host.exec(["chown", "-R", "aegir:", "/srv/own"]).ok();
    let add = ["platform", "add", "own", "--path", "/srv/own", "--server", "web1.example.com"];
    let refused = master.aegir(add);
    assert_eq!(refused.status, 8, "{}", refused.stderr);
    assert!(refused.stderr.contains("install -d -o aegir -g aegir /srv"), "{}", refused.stderr);
    web1.exec(["install", "-d", "-o", "aegir", "-g", "aegir", "/srv"]).ok();
    let before = fleet.worlds();
    master.aegir(add).ok();
    let code = |host: &aegir_testkit::lab::Host| host.exists("/srv/own/wp-includes/version.php");
    assert!(code(web1) && code(&master.host));
    master.aegir(["platform", "delete", "own", "--yes"]).ok();
    assert!(!web1.exists("/srv/own") && code(&master.host));
    assert!(web1.exec(["find", "/srv", "-mindepth", "1"]).ok().is_empty(), "nothing is left beside it");
    fleet.assert_unchanged(&before, "a platform that came and went");
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_copied() {
    let mut fleet = Fleet::of(&["web1"]);
    fleet.join_database("db1");
    let (master, web1) = (&fleet.master, fleet.remote("web1"));
    web1.exec(["install", "-d", "-o", "aegir", "-g", "aegir", "/var/aegir/platforms/taken"]).ok();
    master.host.exec(["sh", "-c", &format!("cp -r {} /opt/new && sed -i \"s/required_php_version = .*/required_php_version = '9.9.0';/\" /opt/new/wp-includes/version.php", Base::WORDPRESS)]).ok();
    let before = (fleet.worlds(), master.rows());
    let cases: [(&[&str], i32, &str); 6] = [
        (&["--path", PATH, "--server", "db1.example.com", "--from", Base::WORDPRESS], 8, "db1.example.com offers no web service"),
        (
            &["--path", "/var/aegir/platforms/taken", "--server", "web1.example.com", "--from", Base::WORDPRESS],
            6,
            "exists on web1.example.com",
        ),
        (&["--path", "/opt/x", "--server", "web1.example.com", "--from", Base::WORDPRESS], 8, "install -d -o aegir"),
        (&["--path", PATH, "--server", "web1.example.com", "--from", "/opt/new"], 8, "PHP"),
        (&["--path", PATH, "--server", "web1.example.com"], 8, "does not exist on server_master"),
        (&["--path", PATH, "--server", "web9", "--from", Base::WORDPRESS], 5, "no server web9"),
    ];
    for (args, status, says) in cases {
        let run = master.aegir(["platform", "add", "wp"].iter().copied().chain(args.iter().copied()));
        assert_eq!(run.status, status, "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(says), "{args:?} does not say {says}: {}", run.stderr);
        assert_eq!(before.1, master.rows(), "{args:?} changed the inventory");
    }
    fleet.assert_unchanged(&before.0, "refused platforms");
}

#[test]
fn a_copied_htaccess_is_honoured_from_the_first_time() {
    let aegir = Installation::prepared(BINARY);
    let from = "/var/aegir/source";
    aegir.host.exec(["cp", "-a", Base::WORDPRESS, from]).ok();
    aegir.host.write(&format!("{from}/.htaccess"), "<IfModule mod_headers.c>\nHeader set X-From-Code yes\n</IfModule>\n");
    aegir.host.exec(["chown", "-R", "aegir:", from]).ok();
    aegir.aegir(["platform", "add", "wp", "--path", PATH, "--server", "server_master", "--from", from]).ok();
    assert!(aegir.host.read("/var/aegir/config/server_master/platform.d/wp.conf").contains("X-From-Code"));
    let run = aegir.aegir(["platform", "verify", "wp"]);
    assert!(run.success() && run.stderr.contains("nothing to change"), "{}", run.stderr);

    aegir.aegir(["platform", "lock", "wp"]).ok();
    assert!(aegir.aegir(["platform", "lock", "wp"]).stderr.contains("nothing to change"));
    let refused = aegir.install("one.example.com", "One");
    assert!(refused.status == 8 && refused.stderr.contains("aegir platform unlock wp"), "{}", refused.stderr);
    aegir.aegir(["platform", "unlock", "wp"]).ok();
    aegir.install("one.example.com", "One").ok();
}
