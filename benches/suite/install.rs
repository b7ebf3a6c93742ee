//! `aegir site install` against WordPress's own installer run bare, in the same lab host in the same minute.

use std::io::Write as _;
use std::time::Duration;

use aegir_benches::{build_release, median, time};
use aegir_testkit::installation::Installation;
use aegir_testkit::lab::Base;

const ROUNDS: usize = 7;

/// What a person would do by hand: a database, a configuration, WordPress's own installation function.
const BARE: &str = r#"<?php
define('WP_INSTALLING', true);
$_SERVER['HTTP_HOST'] = $_SERVER['SERVER_NAME'] = 'bare.example.com';
$_SERVER['REQUEST_URI'] = '/';
function wp_new_blog_notification() {}
require '/srv/bare/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
add_filter('pre_http_request', fn() => new WP_Error('offline'));
wp_install('Bare', 'admin', 'admin@example.com', true, '', 'bare-password');
exit(get_option('siteurl') ? 0 : 1);
"#;
const CONFIG: &str = "<?php
define('DB_NAME', 'bare'); define('DB_USER', 'bare'); define('DB_PASSWORD', 'bare'); define('DB_HOST', 'localhost');
define('WP_HOME', 'http://bare.example.com'); define('WP_SITEURL', 'http://bare.example.com');
$table_prefix = 'wp_'; define('ABSPATH', __DIR__ . '/'); require ABSPATH . 'wp-settings.php';
";

fn main() {
    // `cargo test --benches` asks with this whether we are here.
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    let binary = build_release("aegir-cli", "aegir");
    let aegir = Installation::with_wordpress(&binary.display().to_string());
    aegir.host.exec(["cp", "-r", Base::WORDPRESS, "/srv/bare"]).ok();
    aegir.host.write("/srv/bare/wp-config.php", CONFIG);
    aegir.host.write("/srv/install.php", BARE);
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        aegir.host.exec(["mariadb", "-e", "DROP DATABASE IF EXISTS bare; CREATE DATABASE bare CHARACTER SET utf8mb4; GRANT ALL ON bare.* TO bare@localhost IDENTIFIED BY 'bare'"]).ok();
        let by_hand = time(|| drop(aegir.host.exec_as("aegir", ["php", "/srv/install.php"]).ok()));
        let uri = format!("site{round}.example.com");
        let by_aegir = time(|| drop(aegir.install(&uri, "Ours").ok()));
        // The first round warms caches and is not counted.
        if round > 0 {
            bare.push(by_hand);
            ours.push(by_aegir);
        }
    }
    let (bare, ours) = (median(bare), median(ours));
    let limit = bare.mul_f64(1.1) + Duration::from_millis(500);
    let _ = writeln!(
        std::io::stdout(),
        "install: bare {bare:.3?}, aegir {ours:.3?}, ratio {:.2}, limit {limit:.3?} ({})",
        ours.as_secs_f64() / bare.as_secs_f64(),
        if ours <= limit { "met" } else { "missed" }
    );
}
