//! A machine under management and the services on it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use camino::Utf8PathBuf;

use crate::entity::EntityId;
use crate::name::{ServerName, shown};
use crate::server::{Facts, SshConfig};
use crate::{Error, Result};

/// The group that Debian's web servers run as; it exists on every Debian, also before one is installed.
pub(crate) const WEB_GROUP: &str = "www-data";

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

impl Transport {
    /// Reads `HOST`, `USER@HOST`, `USER@HOST:PORT`; an IPv6 address with a port stands in brackets.
    pub fn ssh(text: &str) -> Result<Self> {
        let problem = |why: &str| {
            Error::invalid(format!("{} is no way to reach a server: {why}", shown(text))).hint("write USER@HOST or USER@HOST:PORT")
        };
        let (user, place) = match text.rsplit_once('@') {
            Some((user, place)) => (Some(user.to_owned()), place),
            None => (None, text),
        };
        let (host, port) = match place.strip_prefix('[') {
            Some(rest) => {
                let (host, tail) = rest.split_once(']').ok_or_else(|| problem("the bracket is not closed"))?;
                (host, if tail.is_empty() { None } else { Some(tail.strip_prefix(':').ok_or_else(|| problem("a port follows ‘:’"))?) })
            }
            // More than one colon: an IPv6 address without a port.
            None if place.matches(':').count() > 1 => (place, None),
            None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
        };
        let number = |port: &str| port.parse::<u16>().ok().filter(|n| *n > 0 && !port.starts_with(['+', '0']));
        let port = match port {
            Some(port) => Some(number(port).ok_or_else(|| problem("a port is a number from 1 to 65535"))?),
            None => None,
        };
        let transport = Self::Ssh { host: host.to_owned(), port, user };
        transport.check().map(|()| transport)
    }

    /// Refuses what `ssh` could take for something else than a host or a user.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::Local => Ok(()),
            Self::Ssh { host, port, user } => SshConfig::new(host, "/".into()).port(*port).user(user.clone()).check(),
        }
    }
}

impl std::fmt::Display for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::Ssh { host, port, user } => {
                write!(f, "ssh {}", SshConfig::new(host, "/".into()).port(*port).user(user.clone()).destination())
            }
        }
    }
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

impl std::str::FromStr for Stage {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "dev" => Ok(Self::Dev),
            "test" => Ok(Self::Test),
            "acceptance" => Ok(Self::Acceptance),
            "production" => Ok(Self::Production),
            _ => Err(Error::invalid(format!("{} is no stage; there are: dev, test, acceptance, production", shown(text)))),
        }
    }
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
    /// What tells it from every other that has or had its name; never changes.
    #[serde(default)]
    pub id: EntityId,
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

    /// The account that serves sites, and whose rights their code has: Debian's web servers call it as their group. Not yet
    /// known before the first verify; then it is what every Debian has.
    pub fn web_account(&self) -> &str {
        if self.web_group.is_empty() { WEB_GROUP } else { &self.web_group }
    }

    /// Where backups go: `ROOT/backups`.
    pub fn backup_dir(&self) -> Utf8PathBuf {
        self.root.join("backups")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_to_a_server_is_read_as_it_is_written() {
        for (text, shown) in [
            ("web1.example.com", "ssh web1.example.com"),
            ("aegir@web1", "ssh aegir@web1"),
            ("aegir@10.0.0.2:2222", "ssh aegir@10.0.0.2:2222"),
            ("aegir@fd00::2", "ssh aegir@fd00::2"),
        ] {
            assert_eq!(Transport::ssh(text).unwrap().to_string(), shown);
        }
        let bracketed = Transport::Ssh { host: "fd00::2".into(), port: Some(22), user: Some("a".into()) };
        assert_eq!(Transport::ssh("a@[fd00::2]:22").unwrap(), bracketed);
        for bad in [
            "",
            "@",
            "a@",
            "-oProxyCommand=x",
            "a@-oProxyCommand=x",
            "-l@h",
            "a b",
            "a@h\nProxyCommand x",
            "h:0",
            "h:x",
            "h:99999",
            "[::1",
            "a;b",
            "$(x)",
            "a'b",
        ] {
            assert!(Transport::ssh(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
