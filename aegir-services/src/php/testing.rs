//! A small world for tests of applications: a machine, an inventory, services that only say what they must.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aegir_core::engine::{Faults, Outcome};
use aegir_core::entity::{
    Codebase, Database, EntityId, Platform, Server as ServerEntity, ServiceBinding, Site, SiteContext, Stage, Transport,
};
use aegir_core::inventory::Inventory;
use aegir_core::inventory::memory::MemoryInventory;
use aegir_core::name::{DatabaseName, DatabaseUser, PlatformName, ServerName, SiteUri};
use aegir_core::plan::{Plan, Planned};
use aegir_core::secret::Keyring;
use aegir_core::server::{Facts, Output, Php, Server};
use aegir_core::service::{Capabilities, Check, Operation, PlanContext, Plugin, Registry, Service, ServiceType};
use aegir_core::task::{InstallSite, Request};
use aegir_core::testing::FakeServer;
use aegir_core::{Aegir, Result};
use async_trait::async_trait;
use data_encoding::BASE64;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde_json::Value;

/// The password of every database here; must show up in one file only.
pub(crate) const CANARY: &str = "canary-4711";

#[derive(Debug)]
struct Named(&'static str);

impl Service for Named {
    fn name(&self) -> &'static str {
        self.0
    }
    fn title(&self) -> &'static str {
        self.0
    }
    fn accept(&self, _: &Capabilities) -> Result<()> {
        Ok(())
    }
}

#[derive(Debug, serde::Deserialize, JsonSchema)]
struct Nothing {}

/// Fills `web` with nothing, and `db` with one made-up database.
#[derive(Debug)]
struct Stub<const DB: bool>;

#[async_trait]
impl<const DB: bool> ServiceType for Stub<DB> {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }
    async fn plan(&self, operation: &Operation<'_>, cx: &PlanContext<'_>) -> Result<Plan> {
        if let Operation::ProvideDatabase { db, .. } = operation {
            cx.bindings().put(Database {
                server: db.name.clone(),
                name: DatabaseName::parse("site_1")?,
                user: DatabaseUser::parse("site_1")?,
                password: cx.keyring().seal(&SecretString::from(CANARY))?,
                host: "localhost".into(),
                port: 3306,
                grants: Vec::new(),
            });
        }
        Ok(Plan::empty())
    }
    async fn check(&self, _: &ServerEntity, _: &[Output], _: &PlanContext<'_>) -> Result<Vec<Check>> {
        Ok(Vec::new())
    }
}

impl<const DB: bool> Plugin for Stub<DB> {
    const NAME: &'static str = if DB { "stub-db" } else { "stub-web" };
    const SERVICE: &'static str = if DB { "db" } else { "web" };
    const TITLE: &'static str = "Stub";
    type Config = Nothing;
    fn new(_: Nothing) -> Result<Self> {
        Ok(Self)
    }
}

/// A machine with a platform `p` at `/srv/p`.
pub(crate) struct Bench {
    pub(crate) server: Arc<FakeServer>,
    pub(crate) inventory: Arc<dyn Inventory>,
    key: SecretString,
    /// Whether PHP fails.
    pub(crate) broken: Arc<AtomicBool>,
    /// Whether the code belongs to somebody else.
    pub(crate) locked: Arc<AtomicBool>,
}

impl Bench {
    /// `directories` and `found` (what `find` prints) make up the code.
    pub(crate) async fn new(directories: &[&str], code: &[(&str, &str)], found: &'static str, codebase: Codebase) -> Self {
        let (broken, locked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (name, fails, denied) = (ServerName::master(), broken.clone(), locked.clone());
        let all: Vec<&str> = ["/var/aegir/config/server_master", "/var/aegir/backups"].iter().chain(directories).copied().collect();
        let said = |text: &str| Some(Output { status: 0, stdout: text.into(), stderr: Vec::new() });
        let server = FakeServer::new(name.clone(), facts(), &all).answering(move |command| match command.program.as_str() {
            "find" => said(found),
            "sh" if command.args.get(2).is_some_and(|name| name == "unwritable") => {
                said(if denied.load(Ordering::SeqCst) { command.args[3].as_str() } else { "" })
            }
            "bash" => said(&format!("{}  -\n", "0".repeat(64))),
            "sh" | "sync" | "date"
                if command.program != "sh"
                    || command.args.get(2).is_some_and(|n| ["pack", "sh", "changed", "unreadable", "site_files"].contains(&n.as_str())) =>
            {
                said("")
            }
            "/usr/bin/php8.2" => Some(php(command.input.bytes(), &command.args, fails.load(Ordering::SeqCst))),
            _ => None,
        });
        for (path, text) in code {
            server.put(path, text);
        }
        let inventory: Arc<dyn Inventory> = Arc::new(MemoryInventory::default());
        let services = [("web", "stub-web"), ("db", "stub-db")]
            .map(|(s, t)| (s.to_owned(), ServiceBinding { service_type: t.into(), config: serde_json::json!({}) }));
        let entity = ServerEntity {
            id: EntityId::generate(),
            name: name.clone(),
            hostname: "web1.example.org".into(),
            transport: Transport::Local,
            stage: Stage::Dev,
            services: services.into(),
            root: "/var/aegir".into(),
            user: "aegir".into(),
            web_group: "www-data".into(),
            addresses: Vec::new(),
            facts: Some(facts()),
            revision: 0,
        };
        inventory.save_server(&entity).await.unwrap();
        let platform = Platform {
            id: EntityId::generate(),
            name: PlatformName::parse("p").unwrap(),
            path: "/srv/p".into(),
            server: name,
            codebase,
            locked: false,
            php: None,
            created: false,
            revision: 0,
        };
        inventory.save_platform(&platform).await.unwrap();
        Self { server: Arc::new(server), inventory, key: Keyring::generate().unwrap().to_file_text(), broken, locked }
    }

    pub(crate) fn aegir(&self, faults: Faults) -> Aegir {
        let mut registry = Registry::new();
        registry.service(Named("web")).service(Named("db")).add::<Stub<false>>().add::<Stub<true>>();
        super::register(&mut registry);
        crate::drupal::register(&mut registry);
        crate::wordpress::register(&mut registry);
        let server: Arc<dyn Server> = self.server.clone();
        Aegir::builder(self.inventory.clone(), registry, Keyring::from_text(&self.key).unwrap()).server(server).faults(faults).build()
    }

    pub(crate) async fn plan(&self, request: &Request) -> Result<Planned> {
        self.aegir(Faults::default()).plan(request).await
    }

    /// Plans and runs.
    pub(crate) async fn run(&self, request: &Request, faults: Faults) -> Result<Outcome> {
        let aegir = self.aegir(faults);
        aegir.submit(aegir.plan(request).await?).await?.outcome().await
    }

    /// Runs, and must succeed.
    pub(crate) async fn done(&self, request: &Request) {
        let outcome = self.run(request, Faults::default()).await.unwrap();
        assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    }

    /// The site with what it stands on.
    pub(crate) async fn context(&self, uri: &str) -> SiteContext {
        let site: Site = self.inventory.site(&SiteUri::parse(uri).unwrap()).await.unwrap().unwrap();
        let platform = self.inventory.platform(&site.platform).await.unwrap().unwrap();
        let web = self.inventory.server(&platform.server).await.unwrap().unwrap();
        SiteContext { site, platform, db: web.clone(), web }
    }

    /// Lines of the machine's files that start with a path.
    pub(crate) fn below(&self, path: &str) -> Vec<String> {
        self.server.world().into_iter().filter(|l| l.starts_with(path)).collect()
    }
}

fn facts() -> Facts {
    Facts {
        hostname: "web1.example.org".into(),
        php: vec![Php { version: (8, 2), cli: Some("/usr/bin/php8.2".into()), fpm: Some("/run/php/php8.2-fpm.sock".into()) }],
        ..Facts::default()
    }
}

/// Behaves as a driver does, as far as the callers can see.
fn php(input: &[u8], args: &[String], broken: bool) -> Output {
    let script = String::from_utf8_lossy(input);
    let options: Value = serde_json::from_slice(&BASE64.decode(script.split('\'').nth(1).unwrap().as_bytes()).unwrap()).unwrap();
    let action = &args[args.iter().position(|a| a == "--").unwrap() + 1];
    let (status, result) = match (action.as_str(), broken) {
        ("install", false) => (
            0,
            serde_json::json!({ "ok": options["account_pass"].as_str().is_some_and(|p| p.len() > 20) && options["expect_database"] == "site_1" }),
        ),
        ("login", false) => (0, serde_json::json!({ "ok": true, "url": "http://example.org/user/reset/1" })),
        _ => (1, serde_json::json!({ "ok": false, "kind": "db_access", "error": format!("Access denied ({CANARY})") })),
    };
    Output { status, stdout: format!("<html>\nPROGRESS 1 2 install\nRESULT {result}\n").into_bytes(), stderr: Vec::new() }
}

/// A site to install on `p`.
pub(crate) fn install(uri: &str, aliases: &[&str]) -> Request {
    Request::InstallSite(InstallSite {
        uri: SiteUri::parse(uri).unwrap(),
        platform: PlatformName::parse("p").unwrap(),
        profile: None,
        db_server: None,
        client: None,
        email: None,
        language: None,
        title: Some("It's \"a\" site".into()),
        aliases: aliases.iter().map(|a| SiteUri::parse(a).unwrap()).collect(),
        redirect_to: None,
    })
}

/// Platform `p`, verified.
pub(crate) fn verify_platform() -> Request {
    Request::VerifyPlatform { platform: PlatformName::parse("p").unwrap() }
}

/// A site, verified.
pub(crate) fn verify(uri: &str) -> Request {
    Request::VerifySite { site: SiteUri::parse(uri).unwrap() }
}

/// A site, deleted.
pub(crate) fn delete(uri: &str) -> Request {
    Request::DeleteSite { site: SiteUri::parse(uri).unwrap(), offline: false, incomplete: false }
}
