//! A world of many sites on one fake server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aegir_core::entity::{Codebase, EntityId, Platform, Profile, Server, ServiceBinding, Site, SiteState, Stage, Transport};
use aegir_core::inventory::Inventory;
use aegir_core::name::{DatabaseName, DatabaseUser, GrantHost, MachineName, PlatformName, ServerName, SiteUri};
use aegir_core::secret::{Keyring, random_password};
use aegir_core::server::{Facts, Php};
use aegir_core::service::Registry;
use aegir_core::testing::FakeServer;
use aegir_core::{Aegir, Result};
use aegir_testkit::machine::cargo;

use crate::PaperDb;

/// A server, a platform, and as many sites as wanted, in any inventory.
#[derive(Debug)]
pub struct Many {
    /// The front door to them.
    pub aegir: Aegir,
    /// Their addresses.
    pub uris: Vec<SiteUri>,
}

impl Many {
    /// Records `count` sites in `inventory`.
    pub async fn new(inventory: Arc<dyn Inventory>, count: usize) -> Result<Self> {
        let keyring = Keyring::generate()?;
        let facts = facts();
        let server = server(facts.clone());
        let platform = platform()?;
        inventory.save_server(&server).await?;
        inventory.save_platform(&platform).await?;
        let password = keyring.seal(&random_password()?)?;
        let mut uris = Vec::with_capacity(count);
        for number in 0..count {
            let uri = SiteUri::parse(&format!("site{number:05}.example.com"))?;
            let name = DatabaseName::suggested(&uri, 0);
            let site = Site {
                id: EntityId::generate(),
                uri: uri.clone(),
                platform: platform.name.clone(),
                aliases: vec![SiteUri::parse(&format!("www.site{number:05}.example.com"))?],
                redirect_to: None,
                profile: MachineName::parse("standard")?,
                language: MachineName::parse("en")?,
                title: format!("Site {number}"),
                email: "admin@example.com".to_owned(),
                client: None,
                state: SiteState::Enabled,
                database: aegir_core::entity::Database {
                    server: server.name.clone(),
                    user: DatabaseUser::parse(name.as_str())?,
                    name,
                    password: password.clone(),
                    host: "localhost".to_owned(),
                    port: 3306,
                    grants: vec![GrantHost::parse("localhost")?],
                },
                hash_salt: password.clone(),
                installed: chrono::DateTime::UNIX_EPOCH,
                revision: 0,
            };
            inventory.save_site(&site).await?;
            uris.push(uri);
        }
        let mut registry = Registry::new();
        aegir_services::register(&mut registry);
        registry.add::<PaperDb>();
        let fake =
            FakeServer::new(server.name.clone(), facts, &["/var/aegir/config/server_master/vhost.d", "/var/aegir/platforms/p/sites"]);
        let aegir = Aegir::builder(inventory, registry, keyring).server(Arc::new(fake)).build();
        Ok(Self { aegir, uris })
    }
}

fn facts() -> Facts {
    let php = Php { version: (8, 2), cli: Some("/usr/bin/php8.2".into()), fpm: Some("/run/php/php8.2-fpm.sock".into()) };
    Facts {
        php: vec![php],
        user: "aegir".to_owned(),
        groups: vec!["www-data".to_owned()],
        web_group: Some("www-data".to_owned()),
        ..Facts::default()
    }
}

fn server(facts: Facts) -> Server {
    let bind = |service_type: &str, config| ServiceBinding { service_type: service_type.to_owned(), config };
    Server {
        id: EntityId::generate(),
        name: ServerName::master(),
        hostname: "master.example.com".to_owned(),
        transport: Transport::Local,
        stage: Stage::Production,
        services: [("web".to_owned(), bind("apache", serde_json::json!({}))), ("db".to_owned(), bind("paper", serde_json::Value::Null))]
            .into(),
        root: "/var/aegir".into(),
        user: "aegir".to_owned(),
        web_group: "www-data".to_owned(),
        addresses: Vec::new(),
        facts: Some(facts),
        revision: 0,
    }
}

fn platform() -> Result<Platform> {
    Ok(Platform {
        id: EntityId::generate(),
        name: PlatformName::parse("p")?,
        path: "/var/aegir/platforms/p".into(),
        server: ServerName::master(),
        codebase: Codebase {
            application: "wordpress".to_owned(),
            version: "6.1".to_owned(),
            docroot: "".into(),
            php_min: (7, 4),
            php_max: None,
            own_tool: None,
            profiles: vec![Profile { name: MachineName::parse("standard")?, title: "WordPress".to_owned(), hidden: false }],
            extensions: Vec::new(),
        },
        locked: false,
        php: None,
        created: true,
        revision: 0,
    })
}

/// Builds a binary of the workspace in release mode; returns where it is.
///
/// # Panics
/// When cargo fails.
#[must_use]
pub fn build_release(package: &str, binary: &str) -> PathBuf {
    let status =
        cargo().args(["build", "--release", "--package", package, "--bin", binary]).current_dir(env!("CARGO_MANIFEST_DIR")).status();
    assert!(status.is_ok_and(|s| s.success()), "building {binary} failed");
    let this = std::env::current_exe().expect("a bench knows where it is");
    this.ancestors().find(|d| d.ends_with("release")).map_or_else(|| Path::new("target/release").join(binary), |dir| dir.join(binary))
}
