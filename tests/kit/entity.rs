//! Entities to test with.

use aegir_core::entity::{EntityId, Server, Stage, Transport};

/// A server on this machine that offers nothing and was never looked at.
///
/// # Panics
/// When that is no name of a server.
#[must_use]
pub fn server(name: &str) -> Server {
    Server {
        id: EntityId::default(),
        name: name.parse().expect("a server's name"),
        hostname: format!("{name}.example.com"),
        transport: Transport::Local,
        stage: Stage::Test,
        services: [].into(),
        root: "/var/aegir".into(),
        user: "aegir".into(),
        web_group: "www-data".into(),
        addresses: Vec::new(),
        facts: None,
        revision: 0,
    }
}
