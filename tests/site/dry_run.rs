//! A dry run shows everything and changes nothing; a saved plan does exactly what it showed, or is refused.

use crate::with_wordpress;

const INSTALL: [&str; 7] = ["site", "install", "dry.example.com", "--platform", "wp", "--title", "Dry"];

#[test]
fn a_dry_run_lists_files_databases_and_commands_and_changes_nothing() {
    let aegir = with_wordpress();
    let before = (aegir.world(), aegir.rows());
    assert!(before.1.contains("server_master"), "{}", before.1);
    let shown = aegir.aegir(INSTALL.into_iter().chain(["--dry-run"])).ok();
    for wanted in
        ["vhost.d/dry.example.com.conf", "ServerName dry.example.com", "dryexamplecom", "sites/dry.example.com/wp-config.php", "install"]
    {
        assert!(shown.contains(wanted), "the dry run does not show {wanted}:\n{shown}");
    }
    assert!(shown.contains("(secret)"), "a vhost holds a password, shown as a secret:\n{shown}");
    aegir.assert_unchanged(&before.0, "a dry run");
    assert_eq!(before.1, aegir.rows());
}

#[test]
fn a_saved_plan_is_applied_once_and_refused_when_stale() {
    let aegir = with_wordpress();
    let plan = "/var/aegir/dry.plan";
    aegir.aegir(INSTALL.into_iter().chain(["--plan-out", plan])).ok();
    assert_eq!(aegir.host.exec(["stat", "-c", "%a", plan]).ok().trim(), "600");

    // A hand edit of a file that the plan looked at, though it had nothing to change there.
    let file = "/var/aegir/config/server_master/vhost.d/dry.example.com.conf";
    aegir.host.exec(["sh", "-c", &format!("echo '# by hand' > {file}")]).ok();
    let before = aegir.world();
    let refused = aegir.aegir(["apply", plan]);
    assert_eq!(refused.status, 6, "{}", refused.stderr);
    aegir.assert_unchanged(&before, "a refused plan");
    aegir.host.exec(["rm", file]).ok();

    aegir.aegir(["apply", plan]).ok();
    assert_eq!(aegir.page("dry.example.com").status, 200);
    assert_eq!(aegir.aegir(["apply", plan]).status, 6);
}

#[test]
fn an_edited_plan_is_refused() {
    let aegir = with_wordpress();
    aegir.aegir(INSTALL.into_iter().chain(["--plan-out", "/var/aegir/dry.plan"])).ok();
    aegir.host.exec(["sed", "-i", "s/dry.example.com/evil.example.com/", "/var/aegir/dry.plan"]).ok();
    let before = aegir.world();
    assert_eq!(aegir.aegir(["apply", "/var/aegir/dry.plan"]).status, 6);
    aegir.assert_unchanged(&before, "an edited plan");
}
