//! What is detected in a small made-up tree.

use std::sync::Arc;

use aegir_core::entity::ExtensionKind::{Module, Theme};
use aegir_core::name::ServerName;
use aegir_core::server::LocalServer;

use super::*;

#[tokio::test]
async fn a_wordpress_is_read_without_php() {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(dir.path()).unwrap();
    for (name, text) in [
        ("wp-includes/version.php", "<?php\n * @global string $wp_version\n$wp_version = '6.1.9';\n$required_php_version = '5.6.20';\n"),
        ("wp-content/plugins/akismet/akismet.php", "<?php\n/**\n * Plugin Name: Akismet: Spam\n * Version: 5.0.1\n */\n"),
        ("wp-content/plugins/akismet/class.php", "<?php\n// Version: 9\n"),
        ("wp-content/plugins/hello.php", "<?php\n/*\nPlugin Name: Hello Dolly\nVersion: 1.7.2\n*/\n"),
        ("wp-content/plugins/index.php", "<?php\n"),
        ("wp-content/themes/twenty/style.css", "/*\nTheme Name: Twenty\nVersion: 1.0\n*/\n"),
    ] {
        let file = path.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    let files = Observer::new(Arc::new(LocalServer::new(ServerName::master(), path)));
    let found = WordPress.detect(path, &files).await.unwrap().unwrap();
    assert_eq!((found.version.as_str(), found.php_range().as_str()), ("6.1.9", "5.6 or newer"));
    assert_eq!(found.profiles[0].name.as_str(), "standard");
    let extensions: Vec<_> = found.extensions.iter().map(|e| (e.kind, e.name.as_str(), e.version.as_deref())).collect();
    assert_eq!(extensions, [(Module, "akismet", Some("5.0.1")), (Module, "hello", Some("1.7.2")), (Theme, "twenty", Some("1.0"))]);
    assert!(has_theme(&found));
}
