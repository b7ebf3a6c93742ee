//! A machine under management and the services on it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use camino::Utf8PathBuf;

use crate::name::ServerName;
use crate::server::Facts;
use crate::{Error, Result};

/// How a server is reached: a property of the server, never guessed from DNS.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
#[non_exhaustive]
pub enum Transport {
    /// The machine Aegir runs on.
    Local,
    /// Another machine, over OpenSSH.
    Ssh {
        /// What `ssh` is told to connect to: a name, an address, or an alias of `~/.ssh/config`.
        host: String,
        /// The port; without one `ssh` decides.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        port: Option<u16>,
        /// The account there; without one `ssh` decides.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
    },
}

/// What a server is for. Production asks for the typed name before destructive verbs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Free to break.
    Dev,
    /// Not expected to break.
    Test,
    /// Where clients look before it goes live.
    Acceptance,
    /// Live sites.
    #[default]
    Production,
}

/// A service filled by a service type, with its settings.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ServiceBinding {
    /// The service type's name: `apache`, `mysql`.
    #[serde(rename = "type")]
    pub service_type: String,
    /// Its settings, valid under the type's JSON Schema; secrets in it are sealed.
    pub config: serde_json::Value,
}

/// A machine under management.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Server {
    /// Its name in Aegir.
    pub name: ServerName,
    /// Its fully qualified host name.
    pub hostname: String,
    /// How it is reached.
    pub transport: Transport,
    /// What it is for.
    #[serde(default)]
    pub stage: Stage,
    /// Service name (`web`, `db`) to what fills it.
    #[serde(default)]
    pub services: BTreeMap<String, ServiceBinding>,
    /// Aegir's directory there.
    pub root: Utf8PathBuf,
    /// The account Aegir works as there.
    pub user: String,
    /// The group the web server reads files with.
    pub web_group: String,
    /// Addresses found by the last verify, v4 and v6.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// What the last verify found.
    #[serde(default)]
    pub facts: Option<Facts>,
    /// Counts saves; a plan made from an older one is stale.
    #[serde(default)]
    pub revision: u64,
}

impl Server {
    /// What fills a service here, or an error that says how to add it.
    pub fn service(&self, service: &str) -> Result<&ServiceBinding> {
        self.services.get(service).ok_or_else(|| {
            Error::refused(format!("server {} offers no {service} service", self.name))
                .context("server", &self.name)
                .hint(format!("add one with `aegir server edit {} --{service} TYPE`; `aegir service list` shows the types", self.name))
        })
    }

    /// The facts of the last verify, or an error that says to verify.
    pub fn facts(&self) -> Result<&Facts> {
        self.facts.as_ref().ok_or_else(|| {
            Error::refused(format!("server {} was never verified, so nothing is known about it", self.name))
                .context("server", &self.name)
                .hint(format!("run `aegir server verify {}`", self.name))
        })
    }

    /// The directory of its rendered configuration: `ROOT/config/NAME`.
    pub fn config_dir(&self) -> Utf8PathBuf {
        self.root.join("config").join(self.name.as_str())
    }

    /// Where backups go: `ROOT/backups`.
    pub fn backup_dir(&self) -> Utf8PathBuf {
        self.root.join("backups")
    }
}
