//! Whole tasks on a machine in memory: what they leave, what they take back, what they refuse.

use std::sync::atomic::Ordering;

use aegir_core::ErrorKind;
use aegir_core::engine::{Fails, Faults, Outcome};
use aegir_core::entity::Codebase;
use aegir_core::name::{MachineName, SiteUri};
use aegir_core::task::{ChangeSite, Request};

use super::testing::{Bench, CANARY, delete, install, verify, verify_platform};

const CORE_8: &str = "<?php\n  const VERSION = '10.2.6';\n  const MINIMUM_PHP = '8.1.0';\n";
const CORE_7: &str = "<?php\ndefine('VERSION', '7.105');\n";
const WORDPRESS: &str = "<?php\n$wp_version = '6.1.9';\n$required_php_version = '5.6.20';\n";

fn codebase(application: &str, version: &str) -> Codebase {
    let standard = aegir_core::entity::Profile { name: MachineName::parse("standard").unwrap(), title: "Standard".into(), hidden: false };
    let theme = aegir_core::entity::Extension { kind: aegir_core::entity::ExtensionKind::Theme, name: "t".into(), version: None };
    Codebase {
        application: application.into(),
        version: version.into(),
        docroot: "".into(),
        php_min: (5, 3),
        php_max: None,
        own_tool: None,
        profiles: vec![standard],
        extensions: vec![theme],
    }
}

async fn drupal_8() -> Bench {
    let code = [
        ("/srv/p/core/lib/Drupal.php", CORE_8),
        ("/srv/p/autoload.php", "<?php return require __DIR__ . '/vendor/autoload.php';"),
        ("/srv/p/vendor/autoload.php", ""),
    ];
    let found = "core/profiles/standard/standard.info.yml\0type: profile\n";
    Bench::new(&["/srv/p/sites", "/srv/p/core/lib", "/srv/p/core/profiles", "/srv/p/vendor"], &code, found, codebase("drupal", "10.2.6"))
        .await
}

async fn drupal_7() -> Bench {
    let code = [("/srv/p/includes/bootstrap.inc", CORE_7), ("/srv/p/profiles/standard/standard.profile", "")];
    let found = "profiles/standard/standard.info\0name = Standard\n";
    Bench::new(&["/srv/p/sites", "/srv/p/includes", "/srv/p/profiles/standard"], &code, found, codebase("drupal", "7.105")).await
}

async fn wordpress() -> Bench {
    let found = "wp-content/themes/t/style.css\0Theme Name: T\n";
    Bench::new(
        &["/srv/p/wp-includes", "/srv/p/wp-content/themes"],
        &[("/srv/p/wp-includes/version.php", WORDPRESS)],
        found,
        codebase("wordpress", "6.1.9"),
    )
    .await
}

/// Install, look, verify, delete: the same life for every application.
async fn life(bench: Bench, settings: &str) {
    bench.done(&verify_platform()).await;
    assert!(bench.plan(&verify_platform()).await.unwrap().is_empty(), "a second verify has nothing to do");
    let platform_only = bench.below("/srv");

    let planned = bench.plan(&install("example.org", &["www.example.org"])).await.unwrap();
    assert!(!serde_json::to_string(&planned).unwrap().contains(CANARY));
    bench.done(&install("example.org", &["www.example.org"])).await;
    let again = bench.plan(&verify("example.org")).await.unwrap();
    assert!(again.is_empty(), "{:#?}", again.steps);
    assert!(bench.plan(&verify_platform()).await.unwrap().is_empty(), "site and platform write the same sites file");

    let holding: Vec<String> = bench.server.world().into_iter().filter(|l| l.contains(CANARY)).collect();
    assert_eq!(holding.len(), 1, "{holding:?}");
    assert!(holding[0].starts_with("/var/aegir/config/server_master/credentials.d/example.org.php File 0400 "));
    assert!(!bench.server.commands().join("\n").contains(CANARY));
    let own = bench.below("/srv/p/sites/example.org");
    assert!(own[0].starts_with("/srv/p/sites/example.org Dir 0750 www-data"), "{}", own[0]);
    assert!(own.iter().any(|l| l.starts_with("/srv/p/sites/example.org/files Dir 2770 www-data")));
    assert!(own.iter().any(|l| l.starts_with(&format!("/srv/p/sites/example.org/{settings} File 0440 www-data"))));

    bench.done(&delete("example.org")).await;
    assert_eq!(bench.below("/srv"), platform_only, "nothing of a deleted site stays");
    assert_eq!(bench.below("/var/aegir/config/server_master/credentials.d/").len(), 0);
}

#[tokio::test]
async fn drupal_8_lives() {
    life(drupal_8().await, "settings.php").await;
}

#[tokio::test]
async fn drupal_7_lives() {
    life(drupal_7().await, "settings.php").await;
}

#[tokio::test]
async fn wordpress_lives() {
    life(wordpress().await, "wp-config.php").await;
}

#[tokio::test]
async fn a_step_that_fails_leaves_the_world_as_it_was() {
    for bench in [drupal_8().await, wordpress().await] {
        bench.done(&verify_platform()).await;
        let request = install("example.org:8080", &["www.example.org"]);
        let before = bench.server.world();
        let steps = bench.plan(&request).await.unwrap().steps.len();
        for step in 0..steps {
            for fails in [Fails::Before(step), Fails::After(step)] {
                let outcome = bench.run(&request, Faults { fail: Some(fails), twice: true, ..Faults::default() }).await.unwrap();
                assert!(matches!(outcome, Outcome::RolledBack(_)), "{outcome:?}");
                assert_eq!(bench.server.world(), before, "{fails:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_the_application_says_reaches_people_without_secrets() {
    let bench = drupal_8().await;
    bench.done(&verify_platform()).await;
    bench.broken.store(true, Ordering::SeqCst);
    let Outcome::RolledBack(report) = bench.run(&install("example.org", &[]), Faults::default()).await.unwrap() else {
        panic!("it must fail")
    };
    assert_eq!(report.message, "installing example.org: the database does not let it in");
    assert_eq!(report.causes, ["Access denied ((secret))"]);
    assert!(report.hints.iter().any(|h| h.contains("aegir doctor")), "{report:?}");
}

#[tokio::test]
async fn addresses_follow_the_site() {
    let bench = drupal_8().await;
    bench.done(&verify_platform()).await;
    bench.done(&install("example.org:8080", &["www.example.org"])).await;
    let entries = || bench.below("/srv/p/sites/sites.php")[0].clone();
    let sites: Vec<String> = entries().lines().filter(|l| l.starts_with("$sites[")).map(str::to_owned).collect();
    assert_eq!(sites, ["$sites['8080.example.org'] = 'example.org.8080';", "$sites['www.example.org'] = 'example.org.8080';"]);
    let change = ChangeSite { aliases: Some(vec![]), ..ChangeSite::nothing(SiteUri::parse("example.org:8080").unwrap()) };
    bench.done(&Request::ChangeSite(change)).await;
    assert!(!entries().contains("www.example.org"));
}

#[tokio::test]
async fn foreign_files_are_left_alone() {
    let bench = wordpress().await;
    bench.server.put("/srv/p/wp-config.php", "<?php define('DB_PASSWORD', 'theirs');");
    let error = bench.plan(&verify_platform()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.hints()[0].contains("wp-config.php.old"), "{error:?}");

    let bench = drupal_8().await;
    bench.server.put("/srv/p/sites/sites.php", "<?php\n$sites['a.org'] = 'b.org';\n");
    assert_eq!(bench.plan(&verify_platform()).await.unwrap_err().kind(), ErrorKind::Refused);

    let bench = drupal_8().await;
    bench.done(&verify_platform()).await;
    bench.server.put("/srv/p/sites/example.org", "");
    assert_eq!(bench.plan(&install("example.org", &[])).await.unwrap_err().kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn a_wordpress_without_a_theme_takes_no_site() {
    let mut code = codebase("wordpress", "6.1.9");
    code.extensions.clear();
    let bench =
        Bench::new(&["/srv/p/wp-includes", "/srv/p/wp-content/themes"], &[("/srv/p/wp-includes/version.php", WORDPRESS)], "", code).await;
    assert!(bench.plan(&verify_platform()).await.unwrap().warnings[0].contains("has no theme"));
    bench.done(&verify_platform()).await;
    assert!(bench.plan(&install("example.org", &[])).await.unwrap_err().message().contains("has no theme"));
}

#[tokio::test]
async fn the_settings_hold_what_they_should() {
    for (bench, templates) in [
        (drupal_8().await, &["drupal/settings8.php", "drupal/credentials.php"][..]),
        (drupal_7().await, &["drupal/settings7.php"][..]),
        (wordpress().await, &["wordpress/site-config.php"][..]),
    ] {
        bench.done(&verify_platform()).await;
        bench.done(&install("example.org", &["www.example.org"])).await;
        let site = bench.context("example.org").await;
        let mut data = super::settings_data(&site);
        data["db"] =
            serde_json::json!({ "name": site.site.database.name, "user": site.site.database.user, "host": "localhost", "port": 3306 });
        let secrets = [("hash_salt", &site.site.hash_salt), ("db_password", &site.site.database.password)];
        for template in templates {
            let rendered = bench.aegir(Faults::default()).templates().render(template, &data, &secrets).unwrap();
            insta::assert_snapshot!(template.replace('/', "_"), rendered.shown());
        }
    }
}

#[tokio::test]
async fn a_login_link_comes_from_the_driver_where_there_is_no_drush() {
    use secrecy::ExposeSecret as _;
    let bench = drupal_8().await;
    bench.done(&verify_platform()).await;
    bench.done(&install("example.org", &[])).await;
    let uri = SiteUri::parse("example.org").unwrap();
    let link = bench.aegir(Faults::default()).login_link(&uri).await.unwrap();
    assert_eq!(link.expose_secret(), "http://example.org/user/reset/1");
    bench.broken.store(true, Ordering::SeqCst);
    let error = bench.aegir(Faults::default()).login_link(&uri).await.unwrap_err();
    assert_eq!(error.message(), "making a login link for example.org: the database does not let it in");
    assert!(error.hints()[0].contains("aegir site verify example.org"));
}

#[tokio::test]
async fn b48_a_language_without_a_translation_is_refused_while_planning() {
    let bench = drupal_7().await;
    bench.done(&verify_platform()).await;
    let mut request = install("example.org", &[]);
    let Request::InstallSite(new) = &mut request else { panic!("it installs") };
    new.language = Some(MachineName::parse("fr").unwrap());
    let error = bench.plan(&request).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Refused, "the profile standard has no translation into fr; it has: none"));
    assert!(error.hints()[0].contains("into /srv/p/profiles/standard/translations"), "{error:?}");
    for name in ["", "/standard", "/standard/translations"] {
        bench.server.put_dir(&format!("/srv/p/profiles{name}"));
    }
    bench.server.put("/srv/p/profiles/standard/translations/drupal-7.105.fr.po", "");
    bench.done(&request).await;
}

#[tokio::test]
async fn a_tree_that_is_not_ours_to_write_is_refused() {
    let bench = drupal_7().await;
    bench.locked.store(true, Ordering::SeqCst);
    let error = bench.plan(&verify_platform()).await.unwrap_err();
    assert_eq!(error.message(), "/srv/p/sites on server_master cannot be written to by aegir");
    assert!(error.hints()[0].ends_with("as root: `chown aegir /srv/p/sites`"), "{error:?}");
}
