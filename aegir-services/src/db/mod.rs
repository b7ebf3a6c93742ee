//! The service `db`: what makes databases for sites.

use aegir_core::service::{Capabilities, Registry, Service};
use aegir_core::{Error, Result};

/// The service that makes databases for sites.
#[derive(Clone, Copy, Debug)]
pub struct Db;

impl Service for Db {
    fn name(&self) -> &'static str {
        "db"
    }

    fn title(&self) -> &'static str {
        "Database server"
    }

    fn accept(&self, offered: &Capabilities) -> Result<()> {
        if offered.databases { Ok(()) } else { Err(Error::invalid("a db service type must make databases, and this one does not")) }
    }
}

pub(crate) fn register(registry: &mut Registry) {
    registry.service(Db);
}
