//! The open handles on servers: one each, kept; dropped when a server is reached in another way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};

use crate::entity::{Server as ServerEntity, Transport};
use crate::name::ServerName;
use crate::server::{LocalServer, Server, SshConfig, SshServer};
use crate::settings::Settings;

/// How a handle reaches its server. Two ways are two handles.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Way {
    transport: Transport,
    /// Another file of pinned host keys than Aegir's own.
    known_hosts: Option<Utf8PathBuf>,
}

#[derive(Clone, Debug)]
struct Open {
    way: Way,
    handle: Arc<dyn Server>,
}

/// The open handles, by the name of their server.
#[derive(Debug)]
pub(crate) struct Connections {
    /// Handed in by whoever embeds us: these are used whatever the inventory says.
    given: BTreeMap<ServerName, Arc<dyn Server>>,
    /// Those of the inventory, by name alone: a plan asks for them at every step.
    stored: Mutex<BTreeMap<ServerName, Arc<dyn Server>>>,
    open: Mutex<BTreeMap<ServerName, Vec<Open>>>,
}

impl Connections {
    pub(crate) fn new(given: BTreeMap<ServerName, Arc<dyn Server>>) -> Self {
        Self { given, stored: Mutex::default(), open: Mutex::default() }
    }

    /// The handle on a server as the inventory has it, where it was asked for before.
    pub(crate) fn stored(&self, name: &ServerName) -> Option<Arc<dyn Server>> {
        self.given.get(name).cloned().or_else(|| self.stored.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned())
    }

    /// Remembers that this is how the inventory has it.
    pub(crate) fn store(&self, name: &ServerName, handle: &Arc<dyn Server>) {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), handle.clone());
    }

    /// The handle on a server that is reached so.
    pub(crate) fn to(&self, server: &ServerEntity, known_hosts: Option<&Utf8Path>, settings: &Settings) -> Arc<dyn Server> {
        if let Some(given) = self.given.get(&server.name) {
            return given.clone();
        }
        let way = Way { transport: server.transport.clone(), known_hosts: known_hosts.map(Utf8Path::to_owned) };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_this = open.entry(server.name.clone()).or_default();
        if let Some(found) = of_this.iter().find(|o| o.way == way) {
            return found.handle.clone();
        }
        let handle: Arc<dyn Server> = match ssh_config(&server.transport, settings) {
            None => Arc::new(LocalServer::new(server.name.clone(), &server.root)),
            Some(mut config) => {
                if let Some(file) = known_hosts {
                    // Nobody uses it when the plan is made; it closes by itself.
                    file.clone_into(&mut config.known_hosts);
                    config.persist = std::time::Duration::from_secs(20);
                }
                Arc::new(SshServer::new(server.name.clone(), &server.root, config))
            }
        };
        of_this.push(Open { way, handle: handle.clone() });
        handle
    }

    /// Asks the inventory again at the next use.
    pub(crate) fn unstore(&self, name: &ServerName) {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// Lets go of every handle on a server: it is reached in another way from now on, or not at all.
    pub(crate) fn forget(&self, name: &ServerName) {
        self.unstore(name);
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

/// How OpenSSH gets there; `None` for this machine. The key, the pinned host keys and the control sockets are the master's.
pub(crate) fn ssh_config(transport: &Transport, settings: &Settings) -> Option<SshConfig> {
    let Transport::Ssh { host, port, user } = transport else { return None };
    let mut config = SshConfig::new(host, &settings.root()).port(*port).user(user.clone());
    (config.connect_timeout, config.silence) = (settings.connect_timeout(), settings.silence());
    Some(config)
}
