//! The clock, which no namespace can set wrong: a machine that only says it is late.

use std::sync::Arc;

use aegir_core::Aegir;
use aegir_core::entity::Server as Entity;
use aegir_core::inventory::Servers as _;
use aegir_core::inventory::memory::MemoryInventory;
use aegir_core::name::ServerName;
use aegir_core::secret::Keyring;
use aegir_core::server::{Facts, Server};
use aegir_core::service::{Finding, Registry};
use aegir_core::testing::FakeServer;
use aegir_testkit::entity;

async fn finding(late: i64) -> (Finding, String, String) {
    let facts = Facts { clock: chrono::Utc::now().timestamp() - late, user: "aegir".into(), ..Facts::default() };
    let answer = |_: &aegir_core::server::Command| Some(aegir_core::server::Output { stdout: b"good\n".to_vec(), ..Default::default() });
    let fake = FakeServer::new(ServerName::master(), facts, &["/var/aegir"]).answering(answer);
    let inventory = MemoryInventory::default();
    let entity = Entity { hostname: "master.example.com".into(), ..entity::server("server_master") };
    inventory.save_server(&entity).await.unwrap();
    let server: Arc<dyn Server> = Arc::new(fake);
    let aegir = Aegir::builder(Arc::new(inventory), Registry::new(), Keyring::generate().unwrap()).server(server).build();
    let checked = aegir.check(&[ServerName::master()], &["clock".to_owned()]).await.unwrap().remove(0);
    let check = checked.checks[0].clone();
    (check.finding, check.evidence, check.mend)
}

#[tokio::test]
async fn a_wrong_clock_is_told_by_how_much() {
    assert_eq!(finding(0).await.0, Finding::Pass);
    let (late, evidence, mend) = finding(100).await;
    assert!(late == Finding::Warn && evidence.starts_with("100 s behind") || evidence.starts_with("101 s behind"), "{evidence}");
    assert!(mend.contains("timedatectl set-ntp true"), "{mend}");
    let (early, evidence, _) = finding(-3600).await;
    assert!(early == Finding::Warn && evidence.contains("ahead of the master's"), "{evidence}");
}
