//! What the master's own preparation adds for MariaDB, as root: the administrator's account, with its password.

use aegir_core::Result;
use aegir_core::entity::{Owner, Server};
use aegir_core::plan::Plan;

use super::config::LOCALHOST;
use super::{AdminAccount, Config};

pub(super) fn prepare(config: &Config, server: &Server) -> Result<Plan> {
    if config.host != LOCALHOST {
        return Ok(Plan::empty());
    }
    let account = AdminAccount { config: config.clone(), access: config.access(server)? };
    Plan::empty().then(&server.name, &Owner::from(server), &account)
}
