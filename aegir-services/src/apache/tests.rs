//! What the templates become.

use std::sync::Arc;

use aegir_core::Aegir;
use aegir_core::inventory::memory::MemoryInventory;
use aegir_core::secret::Keyring;
use aegir_core::service::Registry;
use secrecy::SecretString;
use serde_json::{Value, json};

fn rendered(name: &str, data: &Value) -> aegir_core::Result<String> {
    let mut registry = Registry::new();
    crate::web::register(&mut registry);
    super::register(&mut registry);
    let aegir = Aegir::builder(Arc::new(MemoryInventory::default()), registry, Keyring::generate()?).build();
    let password = aegir.keyring().seal(&SecretString::from("canary"))?;
    let content = aegir.templates().render(name, data, &[("db_passwd", &password)])?;
    assert!(!content.shown().contains("canary"));
    Ok(content.shown())
}

fn site() -> Value {
    json!({
        "host": "example.org", "aliases": ["www.example.org"], "port": 80, "docroot": "/var/aegir/platforms/my site/web",
        "directory": "example.org.8080", "handler": "proxy:unix:/run/php/php8.2-fpm.sock|fcgi://localhost",
        "db": { "type": "mysql", "name": "exampleorg", "user": "exampleorg", "host": "localhost", "port": 3306 },
        "redirect": { "host": "www.example.org", "address": "www.example.org:8080" }, "generation": "0123456789abcdef",
    })
}

#[test]
fn an_enabled_site() {
    insta::assert_snapshot!(rendered("apache/vhost.conf", &site()).unwrap());
}

#[test]
fn a_disabled_site() {
    insta::assert_snapshot!(rendered("apache/disabled.conf", &site()).unwrap());
}

#[test]
fn a_server() {
    insta::assert_snapshot!(rendered("apache/server.conf", &json!({ "server": "server_master", "port": 8080, "listen": true, "snippets": ["post.d/mine.conf 12 0123456789abcdef"], "acme": "/var/aegir/config/server_master/acme.d", "generation": "0123456789abcdef" })).unwrap());
}

#[test]
fn a_platform() {
    let data = json!({ "platform": "d10", "docroot": "/var/aegir/platforms/d10/web", "served": ["/var/aegir/platforms/d10/web/sites/*/files"], "port": 80, "htaccess": "Options -Indexes\nRewriteRule ^ index.php [L]", "front_controller": false, "generation": "0123456789abcdef" });
    insta::assert_snapshot!(rendered("apache/platform.conf", &data).unwrap());
    let bare = json!({ "platform": "wp", "docroot": "/srv/wp", "served": ["/srv/wp/sites/*/files"], "port": 80, "htaccess": "", "front_controller": true, "generation": "0" });
    let text = rendered("apache/platform.conf", &bare).unwrap();
    assert!(text.contains("FallbackResource /index.php") && !text.contains(".htaccess of the document root"));
}

#[test]
fn the_include() {
    insta::assert_snapshot!(
        rendered("apache/include.conf", &json!({ "config": "/var/lib/aegir/apache/live", "candidate": "/var/lib/aegir/apache/candidate" }))
            .unwrap()
    );
}

#[test]
fn no_value_breaks_out_of_its_place() {
    for (key, value) in [
        ("host", json!("a b")),
        ("host", json!("a\nErrorLog /x")),
        ("aliases", json!(["ok.org\" \"x"])),
        ("aliases", json!(["a.org\n  ErrorLog /x"])),
        ("docroot", json!("/srv/a\n</VirtualHost>")),
        ("docroot", json!("/srv/${HOME}")),
        ("directory", json!("(a|b)")),
        ("generation", json!("x\" y")),
    ] {
        let mut data = site();
        data[key] = value.clone();
        assert!(rendered("apache/vhost.conf", &data).is_err(), "{key} = {value} was accepted");
    }
    let mut data = site();
    data["docroot"] = json!("/srv/it's \"quoted\" > here");
    assert!(rendered("apache/vhost.conf", &data).unwrap().contains("DocumentRoot \"/srv/it's \\\"quoted\\\" > here\"\n"));
}
