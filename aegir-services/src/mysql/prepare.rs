//! Prepares a bare machine for MariaDB, as root: packages, a running server, the administrator's account.

use aegir_core::Result;
use aegir_core::action::{Answers, InstallPackages, StartService};
use aegir_core::entity::{EntityRef, Server};
use aegir_core::plan::Plan;

use super::config::{LOCALHOST, SOCKET};
use super::machine::PACKAGES;
use super::{AdminAccount, Config};

/// For a database server on another machine, which somebody else looks after.
const ELSEWHERE: &[&str] = &["mariadb-client"];

/// Debian's packages.
pub(super) fn packages(config: &Config) -> &'static [&'static str] {
    if config.host == LOCALHOST { PACKAGES } else { ELSEWHERE }
}

pub(super) fn prepare(config: &Config, server: &Server) -> Result<Plan> {
    let owner = EntityRef::from(server);
    let install = InstallPackages::new(packages(config));
    if config.host != LOCALHOST {
        return Plan::empty().then(&server.name, &owner, &install);
    }
    let socket = config.socket.as_deref().unwrap_or(SOCKET);
    Plan::empty()
        .then(&server.name, &owner, &install)?
        .then(&server.name, &owner, &StartService { service: "mariadb".to_owned(), answers: Answers::Socket(socket.into()) })?
        .then(&server.name, &owner, &AdminAccount { config: config.clone(), access: config.access(server)? })
}
