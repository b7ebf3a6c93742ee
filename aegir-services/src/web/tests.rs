//! The configuration firewall against a web server in memory that loads, refuses and answers as Apache does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use aegir_core::Aegir;
use aegir_core::engine::{Fails, Faults, Outcome};
use aegir_core::entity::{ServiceBinding, Stage, Transport};
use aegir_core::inventory::memory::MemoryInventory;
use aegir_core::name::ServerName;
use aegir_core::secret::Keyring;
use aegir_core::server::{Command, Facts, Output, Php, Server as _};
use aegir_core::service::Registry;
use aegir_core::task::{EnrolServer, Request, Trust};
use aegir_core::testing::FakeServer;

const HELPER: &str = "/usr/local/lib/aegir/helper";
const COPIES: &str = "/var/lib/aegir/apache/live";
const COPY: &str = "/var/lib/aegir/apache/live/apache.conf";
const LIVE: &str = "/var/aegir/config/server_master/apache.conf ";

/// A machine with an Apache that can be told to refuse.
struct Machine {
    server: Arc<FakeServer>,
    refuses: Arc<AtomicBool>,
}

fn output(status: i32, stdout: &str, stderr: &str) -> Option<Output> {
    Some(Output { status, stdout: stdout.into(), stderr: stderr.into() })
}

impl Machine {
    fn new() -> Self {
        let itself: Arc<OnceLock<Arc<FakeServer>>> = Arc::default();
        let refuses: Arc<AtomicBool> = Arc::default();
        let loaded: Mutex<Option<String>> = Mutex::default();
        let (world, no) = (itself.clone(), refuses.clone());
        let answer = move |command: &Command| match (command.program.as_str(), command.args.first().map_or("", String::as_str)) {
            ("sudo", "-n") => {
                output(0, "User aegir may run the following commands on here:\n    (root) NOPASSWD: /usr/local/lib/aegir/helper\n", "")
            }
            ("sudo", _) => output(0, "", ""),
            (HELPER, "version") => output(0, "aegir-helper\t1\tx\t/var/aegir/config/server_master\troot's\n", ""),
            (HELPER, _) if command.args[1] == "test" && no.load(Ordering::SeqCst) => output(
                3,
                "test\t\t\t\nAH00526: Syntax error on line 7 of /var/aegir/config/server_master/apache.conf:\nInvalid command 'Foo'",
                "",
            ),
            (HELPER, _) if command.args[1] == "test" => output(0, "", ""),
            (HELPER, _) => {
                let live = world.get()?.world().into_iter().find(|line| line.starts_with(LIVE));
                // Root's copy, which comes and goes with it.
                match live {
                    Some(_) => {
                        world.get()?.put_dir(COPIES);
                        world.get()?.put(COPY, "");
                    }
                    None => [COPY, COPIES].iter().for_each(|path| world.get().into_iter().for_each(|w| w.take(path))),
                }
                let live = live.unwrap_or_default();
                *loaded.lock().ok()? =
                    live.split("X-Aegir-Configuration \"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
                output(0, "", "")
            }
            ("curl", _) => {
                let marker = loaded.lock().ok()?.as_ref().map(|m| format!("X-Aegir-Configuration: {m}\r\n")).unwrap_or_default();
                output(0, &format!("HTTP/1.1 204 No Content\r\n{marker}\r\n"), "")
            }
            _ => None,
        };
        let facts = Facts {
            user: "aegir".into(),
            groups: vec!["aegir".into(), "www-data".into()],
            web_group: Some("www-data".into()),
            apache: Some("Apache/2.4.62 (Debian)".into()),
            php: vec![Php { version: (8, 2), cli: Some("/usr/bin/php8.2".into()), fpm: Some("/run/php/php8.2-fpm.sock".into()) }],
            listening: ["/run/php/php8.2-fpm.sock".into()].into(),
            ..Facts::default()
        };
        let server = Arc::new(
            FakeServer::new(
                ServerName::master(),
                facts,
                &["/var/aegir", "/etc/apache2/mods-enabled", "/etc/apache2/conf-enabled", "/run/php"],
            )
            .answering(answer),
        );
        for module in crate::apache::machine::MODULES {
            server.put(&format!("/etc/apache2/mods-enabled/{module}.load"), "");
        }
        server.put("/etc/apache2/conf-enabled/aegir.conf", "  Define AEGIR_CONFIG \"/var/lib/aegir/apache/live\"\n");
        server.put("/etc/apache2/ports.conf", "Listen 80\n");
        server.put("/run/php/php8.2-fpm.sock", "");
        assert!(itself.set(server.clone()).is_ok());
        Self { server, refuses }
    }

    fn aegir(&self, inventory: &Arc<MemoryInventory>, faults: Faults) -> Aegir {
        let mut registry = Registry::new();
        super::register(&mut registry);
        registry.add::<crate::apache::Apache>();
        Aegir::builder(inventory.clone(), registry, Keyring::generate().unwrap()).server(self.server.clone()).faults(faults).build()
    }
}

async fn enrol(aegir: &Aegir) -> Outcome {
    let web = ServiceBinding { service_type: "apache".into(), config: serde_json::json!({}) };
    let request = Request::EnrolServer(EnrolServer {
        name: ServerName::master(),
        hostname: "a.example".into(),
        transport: Transport::Local,
        stage: Stage::Dev,
        services: [("web".to_owned(), web)].into(),
        host_keys: Trust::Pinned,
    });
    let planned = aegir.plan(&request).await.unwrap();
    aegir.submit(planned).await.unwrap().outcome().await.unwrap()
}

#[tokio::test]
async fn a_second_verify_finds_nothing_to_do_and_no_candidate_is_left() {
    let machine = Machine::new();
    let aegir = machine.aegir(&Arc::default(), Faults::default());
    assert!(matches!(enrol(&aegir).await, Outcome::Done { .. }));
    let again = aegir.plan(&Request::VerifyServer { server: ServerName::master() }).await.unwrap();
    assert!(again.is_empty(), "{:?}", again.steps);
    assert!(!machine.server.world().iter().any(|line| line.contains(".candidate")));
    let commands = machine.server.commands();
    assert_eq!(commands.iter().filter(|c| c.starts_with("sudo /usr/local/lib/aegir/helper apache apply")).count(), 1, "one reload a task");
}

#[tokio::test]
async fn what_the_web_server_refuses_never_goes_live() {
    let machine = Machine::new();
    machine.refuses.store(true, Ordering::SeqCst);
    let before = machine.server.world();
    let Outcome::RolledBack(report) = enrol(&machine.aegir(&Arc::default(), Faults::default())).await else { panic!("not rolled back") };
    assert!(report.context.contains(&("file".into(), "/var/aegir/config/server_master/apache.conf".into())), "{report:?}");
    assert!(report.context.contains(&("line".into(), "7".into())) && report.causes[0].contains("Invalid command 'Foo'"));
    assert_eq!(machine.server.world(), before);
    assert!(
        !machine.server.commands().iter().any(|c| c.starts_with("sudo /usr/local/lib/aegir/helper apache apply")),
        "nothing was changed, so nothing is reloaded"
    );
}

#[tokio::test]
async fn every_step_comes_back() {
    let machine = Machine::new();
    let before = machine.server.world();
    for step in 0.. {
        for fail in [Fails::Before(step), Fails::After(step)] {
            let faults = Faults { fail: Some(fail), twice: true, ..Faults::default() };
            if matches!(enrol(&machine.aegir(&Arc::default(), faults)).await, Outcome::Done { .. }) {
                assert!(step > 6, "the plan has more steps than {step}");
                assert!(machine.server.stat("/var/aegir/config".into()).await.unwrap().is_some());
                return;
            }
            assert_eq!(machine.server.world(), before, "step {step}");
        }
    }
}
