//! What is detected in small made-up trees, with the machine's own `find` and `grep`.

use std::sync::Arc;

use aegir_core::entity::ExtensionKind::{Module, Theme};
use aegir_core::name::ServerName;
use aegir_core::server::LocalServer;

use super::*;

/// A directory with files.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new(files: &[(&str, &str)]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            tree.put(path, text);
        }
        tree
    }

    fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.0.path()).unwrap()
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    async fn detect(&self) -> Result<Option<Codebase>> {
        let files = Observer::new(Arc::new(LocalServer::new(ServerName::master(), self.path())));
        Drupal.detect(self.path(), &files).await
    }
}

const CORE: &str =
    "<?php\nclass Drupal {\n  const VERSION = '10.2.6';\n  const MINIMUM_PHP = '8.1.0';\n  const MINIMUM_PHP_MEMORY_LIMIT = '64M';\n}\n";
const AUTOLOAD: &str = "<?php\nreturn require __DIR__ . '/../vendor/autoload.php';\n";

fn drupal_10() -> Tree {
    Tree::new(&[
        ("web/core/lib/Drupal.php", CORE),
        ("web/autoload.php", AUTOLOAD),
        ("vendor/autoload.php", ""),
        ("vendor/drush/drush/drush.php", ""),
        ("web/core/modules/node/node.info.yml", "name: Node\ntype: module\nversion: VERSION\n"),
        ("web/core/modules/node/tests/modules/node_test/node_test.info.yml", "name: Test\ntype: module\n"),
        ("web/core/modules/views/views.info.yml", "name: Views\ntype: module\nversion: VERSION\n"),
        ("web/core/themes/claro/claro.info.yml", "name: Claro\ntype: theme\nversion: VERSION\n"),
        ("web/core/profiles/standard/standard.info.yml", "name: Standard\ntype: profile\nversion: VERSION\n"),
        ("web/core/profiles/minimal/minimal.info.yml", "name: Minimal\ntype: profile\n"),
        ("web/core/profiles/testing/testing.info.yml", "name: Testing\ntype: profile\nhidden: true\n"),
        ("web/profiles/shop/shop.info.yml", "name: 'Shop: all of it'\ntype: profile\ndistribution:\n  name: Shop\n"),
        ("web/profiles/shop/modules/cart/cart.info.yml", "name: Cart\ntype: module\nversion: '2.0'\n"),
        (
            "web/modules/contrib/views/views.info.yml",
            "name: Views\ntype: module\n\n# Information added by Drupal.org packaging script\nversion: '8.x-9.1'\n",
        ),
        ("web/modules/contrib/views/node_modules/x/x.info.yml", "type: module\n"),
        ("web/sites/example.org/modules/own/own.info.yml", "type: module\n"),
    ])
}

#[tokio::test]
async fn drupal_10_in_web() {
    let found = drupal_10().detect().await.unwrap().unwrap();
    assert_eq!((found.application.as_str(), found.version.as_str(), found.docroot.as_str()), ("drupal", "10.2.6", "web"));
    assert_eq!(found.php_range(), "8.1 to 8.4");
    assert_eq!(found.own_tool.as_deref(), Some(Utf8Path::new("vendor/drush/drush/drush.php")));
    let profiles: Vec<_> = found.profiles.iter().map(|p| (p.name.as_str(), p.title.as_str(), p.hidden)).collect();
    assert_eq!(
        profiles,
        [("shop", "Shop: all of it", false), ("standard", "Standard", false), ("minimal", "Minimal", false), ("testing", "Testing", true)]
    );
    let extensions: Vec<_> = found.extensions.iter().map(|e| (e.kind, e.name.as_str(), e.version.as_deref())).collect();
    assert_eq!(
        extensions,
        [
            (Module, "cart", Some("2.0")),
            (Module, "node", Some("10.2.6")),
            (Module, "views", Some("8.x-9.1")),
            (Theme, "claro", Some("10.2.6"))
        ]
    );
}

#[tokio::test]
async fn drupal_7_in_the_root() {
    let tree = Tree::new(&[
        ("includes/bootstrap.inc", "<?php\ndefine('VERSION', '7.105');\ndefine('DRUPAL_MINIMUM_PHP', '5.3.3');\n"),
        ("modules/node/node.info", "name = Node\nversion = VERSION\n"),
        ("themes/garland/garland.info", "name = Garland\n"),
        ("profiles/standard/standard.info", "name = Standard\nhidden = TRUE\n"),
        ("profiles/standard/standard.profile", ""),
        ("profiles/host/host.info", "name = \"Host\"\n"),
        ("profiles/host/host.profile", ""),
        ("profiles/broken/broken.info", "name = Broken\n"),
        ("sites/all/modules/contrib/views/views.info", "name = Views\nversion = \"7.x-3.29\"\n"),
    ]);
    let found = tree.detect().await.unwrap().unwrap();
    assert_eq!((found.version.as_str(), found.docroot.as_str(), found.php_range().as_str()), ("7.105", "", "5.3 to 8.3"));
    let profiles: Vec<_> = found.profiles.iter().map(|p| (p.name.as_str(), p.hidden)).collect();
    assert_eq!(profiles, [("host", false), ("standard", true)]);
    let extensions: Vec<_> = found.extensions.iter().map(|e| (e.kind, e.name.as_str(), e.version.as_deref())).collect();
    assert_eq!(extensions, [(Module, "node", Some("7.105")), (Module, "views", Some("7.x-3.29")), (Theme, "garland", None)]);
}

#[tokio::test]
async fn what_is_no_drupal_is_none() {
    assert_eq!(Tree::new(&[("index.html", "")]).detect().await.unwrap(), None);
    assert_eq!(Tree::new(&[("includes/bootstrap.inc", "<?php\n")]).detect().await.unwrap(), None);
}

#[tokio::test]
async fn an_unfinished_tree_is_refused_with_the_next_command() {
    let without = Tree::new(&[("web/core/lib/Drupal.php", CORE), ("web/autoload.php", AUTOLOAD)]);
    let error = without.detect().await.unwrap_err();
    assert!(error.message().contains("`composer install` was not run"), "{error:?}");
    assert!(error.hints()[0].contains("composer install --no-dev"));

    let merged = drupal_10();
    merged.put(
        "web/core/lib/Drupal.php",
        "<<<<<<< ours\n  const VERSION = '10.2.6';\n=======\n  const VERSION = '10.3.0';\n>>>>>>> theirs\n",
    );
    assert!(merged.detect().await.unwrap_err().message().contains("several versions: 10.2.6, 10.3.0"));
}
