//! A bad configuration never goes live, and nobody's requests suffer from the attempt.

use crate::with_site;

/// Asks for the front page in a loop until told to stop; prints every status that is not 200.
const LOOP: &str = "n=0; while [ ! -e /run/stop ]; do \
    s=$(curl -s -o /dev/null -w '%{http_code}' -H 'Host: one.example.com' http://127.0.0.1/ || echo failed); \
    n=$((n+1)); [ \"$s\" = 200 ] || echo \"bad $s\"; done; echo \"asked $n\"";

#[test]
fn a_template_with_an_invalid_directive_fails_with_apaches_words() {
    let aegir = with_site();
    let asking = aegir.host.spawn(["sh", "-c", LOOP]);
    let path = aegir.aegir(["template", "eject", "apache/vhost.conf"]).ok();
    let file = "/var/aegir/templates/apache/vhost.conf.hbs";
    assert!(aegir.host.exists(file), "eject says {path}");
    aegir.host.exec(["sed", "-i", "s/^.*ServerName.*$/&\\n  NoSuchDirective on/", file]).ok();
    let before = aegir.world();

    let run = aegir.aegir(["site", "verify", "one.example.com"]);
    assert_eq!(run.status, 1, "{}", run.stderr);
    for wanted in ["NoSuchDirective", "vhost.d/one.example.com.conf", "line"] {
        assert!(run.stderr.contains(wanted), "the error does not name {wanted}: {}", run.stderr);
    }
    assert!(!run.stderr.contains(".candidate"), "the error names a path that does not exist any more: {}", run.stderr);
    aegir.assert_unchanged(&before, "a refused configuration");
    let shown = aegir.aegir(["template", "diff", "apache/vhost.conf"]).ok();
    assert!(shown.contains("+  NoSuchDirective on"), "{shown}");

    aegir.host.exec(["rm", file]).ok();
    aegir.aegir(["site", "verify", "one.example.com"]).ok();
    aegir.host.write("/run/stop", "");
    let asked = asking.wait(std::time::Duration::from_secs(30));
    assert!(asked.stdout.contains("asked") && !asked.stdout.contains("bad"), "{}", asked.stdout);
}

#[test]
fn a_template_that_misses_a_variable_names_the_template() {
    let aegir = with_site();
    aegir.aegir(["template", "eject", "apache/vhost.conf"]).ok();
    let file = "/var/aegir/templates/apache/vhost.conf.hbs";
    aegir.host.exec(["sh", "-c", &format!("echo '{{{{apache nothing.here}}}}' >> {file}")]).ok();
    let run = aegir.aegir(["site", "verify", "one.example.com"]);
    assert_eq!(run.status, 8, "{}", run.stderr);
    assert!(run.stderr.contains(file) && run.stderr.contains("template diff"), "{}", run.stderr);
}

#[test]
fn what_must_not_be_served_is_not() {
    let aegir = with_site();
    aegir.install("two.example.com", "Two").ok();
    let sites = "/var/aegir/platforms/wp/sites";
    for path in [
        "one.example.com/private/secret.txt",
        "one.example.com/files/data.sqlite",
        "one.example.com/files/.hidden",
        "two.example.com/files/theirs.txt",
    ] {
        aegir.host.write(&format!("{sites}/{path}"), "canary");
        aegir.host.exec(["chown", "aegir:www-data", &format!("{sites}/{path}")]).ok();
        aegir.host.exec(["chmod", "0660", &format!("{sites}/{path}")]).ok();
    }
    aegir.host.write(&format!("{sites}/one.example.com/files/shell.php"), "<?php echo 'ran' . 'here';");
    aegir.host.exec(["chmod", "0644", &format!("{sites}/one.example.com/files/shell.php")]).ok();
    let get = |path: &str| aegir.host.http(80, "one.example.com", path);
    for path in [
        "/sites/one.example.com/private/secret.txt",
        "/sites/one.example.com/files/data.sqlite",
        "/sites/one.example.com/files/.hidden",
        "/sites/two.example.com/files/theirs.txt",
        "/sites/one.example.com/wp-config.php",
        "/sites/one.example.com/files/shell.php",
        "/wp-config.php",
        "/wp-admin/install.php",
        "/.git/config",
    ] {
        let page = get(path);
        assert!(page.status == 403 || page.status == 404, "{path} answers {}", page.status);
        assert!(!page.body.contains("canary") && !page.body.contains("ranhere"), "{path} was served or ran");
    }
    // A host that nobody has never reaches an application.
    assert_eq!(aegir.host.http(80, "nobody.example.com", "/").status, 404);
}
