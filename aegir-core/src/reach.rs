//! Servers that a plan reaches otherwise than the inventory says: new ones, changed ones, forgotten ones.
//!
//! The plan's own steps say so. Whoever runs one, also after a crash, gets to the same machine in the same way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use camino::Utf8PathBuf;

use crate::Result;
use crate::action::{Action as _, ForgetServer, PinHostKeys, RecordServer};
use crate::entity::Server as ServerEntity;
use crate::name::ServerName;
use crate::plan::Step;
use crate::server::{HostKey, Server, agreed_file};
use crate::shared::Core;
use crate::{Error, ErrorKind};

/// The servers, and the host keys that were agreed to and are not pinned yet.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    servers: BTreeMap<ServerName, ServerEntity>,
    agreed: BTreeMap<ServerName, Vec<HostKey>>,
    /// Files of agreed keys that were written for connections; removed with this.
    scratch: Mutex<Vec<Utf8PathBuf>>,
}

impl Reach {
    /// As these steps say, also those that have nothing to do.
    pub(crate) fn of<'a>(steps: impl IntoIterator<Item = &'a Step>) -> Result<Self> {
        let mut reach = Self::default();
        for step in steps {
            match step.action.as_str() {
                RecordServer::NAME => reach.expect(&read::<RecordServer>(step)?.server, Vec::new()),
                ForgetServer::NAME => reach.expect(&read::<ForgetServer>(step)?.server, Vec::new()),
                PinHostKeys::NAME => {
                    let pin = read::<PinHostKeys>(step)?;
                    if !pin.keys.is_empty() {
                        reach.agreed.insert(pin.of, pin.keys);
                    }
                }
                _ => {}
            }
        }
        Ok(reach)
    }

    /// A server that the steps say how to reach.
    pub(crate) fn server(&self, name: &ServerName) -> Option<&ServerEntity> {
        self.servers.get(name)
    }

    /// Reaches a server so from now on.
    pub(crate) fn expect(&mut self, server: &ServerEntity, agreed: Vec<HostKey>) {
        if !agreed.is_empty() {
            self.agreed.insert(server.name.clone(), agreed);
        }
        self.servers.insert(server.name.clone(), server.clone());
    }

    /// A handle to look with, before the plan runs: the agreed keys are not pinned yet, so they come from a scratch file.
    pub(crate) async fn look(&self, core: &Arc<Core>, name: &ServerName) -> Result<Arc<dyn Server>> {
        let Some(server) = self.servers.get(name) else { return core.connect(name).await };
        let Some(keys) = self.agreed.get(name) else { return Ok(core.connect_to(server)) };
        let Some(config) = crate::connections::ssh_config(&server.transport, &core.settings) else { return Ok(core.connect_to(server)) };
        let file = agreed_file(&config, keys)?;
        let handle = core.connections.to(server, Some(&file), &core.settings);
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner).push(file);
        Ok(handle)
    }

    /// A handle to work with: the step that pins runs before the first one on the server.
    pub(crate) async fn work(&self, core: &Arc<Core>, name: &ServerName) -> Result<Arc<dyn Server>> {
        match self.servers.get(name) {
            Some(server) => {
                // The plan may change how the inventory has it.
                core.connections.unstore(name);
                Ok(core.connect_to(server))
            }
            None => core.connect(name).await,
        }
    }
}

impl Drop for Reach {
    fn drop(&mut self) {
        for file in self.scratch.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // Gone already is what was wanted.
            let _ = std::fs::remove_file(file);
        }
    }
}

fn read<A: crate::action::Action>(step: &Step) -> Result<A> {
    serde_json::from_value(step.params.clone())
        .map_err(|e| Error::new(ErrorKind::Unsupported, format!("a stored {} step does not read", A::NAME)).because(e))
}
