//! A site that is hostile, with its own PHP and its own database and nothing else: against Aegir and its neighbours, on
//! whichever server it is.

use serde_json::Value;

use crate::installation::Installation;
use crate::lab::{Host, Page};

const SITES: &str = "/var/aegir/platforms/wp/sites";
const FILES: &str = "/var/aegir/platforms/wp/sites/one.example.com/files";

/// The site makes WordPress load a theme from its uploads: all it takes is its own database.
fn take_over(aegir: &Installation, web: &Host, server: &str) {
    let theme = format!("{FILES}/evil");
    let code = include_str!("malicious.php").replace("SERVER", server);
    web.exec_as("www-data", ["mkdir", "-p", &theme]).ok();
    for (file, text) in
        [("functions.php", code.as_str()), ("index.php", "<?php echo '<html><title>One</title>evil';\n"), ("style.css", "/* */\n")]
    {
        web.command(["tee", &format!("{theme}/{file}")]).user("www-data").stdin(text).run().ok();
    }
    let sql = "UPDATE oneexamplecom.wp_options SET option_value = '../../sites/one.example.com/files/evil' WHERE option_name IN ('stylesheet', 'template')";
    aegir.host.exec(["mariadb", "-e", sql]).ok();
}

/// What its code reports, and removes the report.
fn report(web: &Host, sapi: &str) -> Value {
    let path = format!("{FILES}/report-{sapi}");
    let report = web.read(&path);
    web.exec(["rm", &path]).ok();
    serde_json::from_str(&report).expect("a report")
}

/// The attempts of `one.example.com`, which is there, on the platform `wp` of a web server: none may succeed, and it is
/// deleted in the end.
///
/// # Panics
/// When one of them does.
pub fn attempts(aegir: &Installation, web: &Host, server: &str) {
    let page = |uri: &str| -> Page { web.http(80, uri, "/") };
    aegir.install("two.example.com", "Two").ok();
    take_over(aegir, web, server);

    // The same attempts on the command line, where Aegir starts it, and behind the web server.
    aegir.aegir(["site", "login", "one.example.com"]).ok();
    let _ = page("one.example.com");
    for sapi in ["cli", "fpm-fcgi"] {
        let report = report(web, sapi);
        assert_eq!(report["user"], "www-data", "{sapi}: {report}");
        assert!(report["tried"].as_u64().is_some_and(|tried| tried >= 25), "{sapi}: {report}");
        assert_eq!(report["succeeded"], serde_json::json!([]), "{sapi}: {report}");
    }

    // A link that leads elsewhere is shown to nobody.
    for link in [
        "http://evil.example/",
        "http://one.example.com@evil.example/",
        "http://one.example.com.evil.example/?aegir_login=1",
        "http://two.example.com/",
        "javascript://one.example.com/",
        "http://one.example.com/\u{1b}]52;c;eA==\u{7}",
        "http://one.example.com\\@evil.example/",
        "HTTP://one.example.com /",
    ] {
        web.command(["tee", &format!("{FILES}/mode")]).user("www-data").stdin(link).run().ok();
        let run = aegir.aegir(["site", "login", "one.example.com"]);
        assert_eq!((run.status, run.stdout.as_str()), (1, ""), "{link}: {}", run.stderr);
        assert!(run.stderr.contains("leads somewhere else") && !run.stderr.contains('\u{1b}'), "{link}: {}", run.stderr);
    }
    web.exec_as("www-data", ["rm", &format!("{FILES}/mode")]).ok();

    // Everybody else is served as ever, and the site itself can be verified and deleted.
    aegir.aegir(["site", "verify", "one.example.com"]).ok();
    aegir.aegir(["site", "verify", "two.example.com"]).ok();
    assert!(aegir.aegir(["site", "login", "two.example.com"]).ok().starts_with("http://two.example.com/"));
    let deleted = aegir.aegir(["site", "delete", "one.example.com", "--yes"]);
    assert!(deleted.success(), "{}", deleted.stderr);
    let left = web.exec(["find", SITES, "-name", "*one.example.com*"]).stdout;
    assert_eq!(left, "", "its processes outlived it: {}", web.exec(["ps", "-ef"]).stdout);
    let working = web.exec(["sh", "-c", "find /proc/[0-9]*/cwd -maxdepth 0 -lname '*one.example.com*'"]).stdout;
    assert_eq!(working, "", "processes of a deleted site");
    assert_eq!(page("one.example.com").status, 404);
    assert_eq!(page("two.example.com").status, 200);

    let doctor = aegir.json(["doctor", server]);
    assert!(doctor.to_string().contains("web.account"), "{doctor}");
}
