//! How entities and the things they own are named in locks, ledger and events.

use std::fmt;

use crate::name::{PlatformName, ServerName, SiteUri};

/// A reference to an entity: who a task is about, who owns a resource, what a lock is on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "name")]
pub enum EntityRef {
    /// A server.
    Server(ServerName),
    /// A platform.
    Platform(PlatformName),
    /// A site.
    Site(SiteUri),
}

impl fmt::Display for EntityRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(name) => write!(f, "server {name}"),
            Self::Platform(name) => write!(f, "platform {name}"),
            Self::Site(uri) => write!(f, "site {uri}"),
        }
    }
}

impl From<&crate::entity::Server> for EntityRef {
    fn from(server: &crate::entity::Server) -> Self {
        Self::Server(server.name.clone())
    }
}

impl From<&crate::entity::Platform> for EntityRef {
    fn from(platform: &crate::entity::Platform) -> Self {
        Self::Platform(platform.name.clone())
    }
}

impl From<&crate::entity::Site> for EntityRef {
    fn from(site: &crate::entity::Site) -> Self {
        Self::Site(site.uri.clone())
    }
}

/// What kind of thing the ledger records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    /// A file or directory, with all below it.
    Path,
    /// A database.
    Database,
    /// A database user at a host, written `user@host`; its grants belong to it.
    DatabaseUser,
    /// A host name that a web server answers for.
    Vhost,
    /// A name that leads to one site of a platform, written `PLATFORM NAME`.
    SiteName,
    /// A certificate.
    Certificate,
}

/// A thing on a server that Aegir made or took over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Resource {
    /// What it is.
    pub kind: ResourceKind,
    /// Where it is.
    pub server: ServerName,
    /// Its name there: a path, a database name, `user@host`, a host name.
    pub name: String,
}

/// A resource as the ledger had it, to be put back exactly so.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Recorded {
    /// What.
    #[serde(flatten)]
    pub resource: Resource,
    /// The number of the task that recorded it; 0 where that was not noted yet.
    #[serde(default)]
    pub task: i64,
}

impl Resource {
    /// A resource on a server.
    pub fn new(kind: ResourceKind, server: &ServerName, name: impl Into<String>) -> Self {
        Self { kind, server: server.clone(), name: name.into() }
    }

    /// Whether striking this one from the ledger strikes the other too, when both have the same owner.
    pub fn covers(&self, other: &Self) -> bool {
        let inside = || other.name.strip_prefix(&self.name).is_some_and(|rest| rest.starts_with('/'));
        self == other || (self.kind == ResourceKind::Path && other.kind == self.kind && other.server == self.server && inside())
    }

    /// A path on a server.
    pub fn path(server: &ServerName, path: impl AsRef<str>) -> Self {
        Self::new(ResourceKind::Path, server, path.as_ref())
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ResourceKind::Path => "path",
            ResourceKind::Database => "database",
            ResourceKind::DatabaseUser => "database user",
            ResourceKind::Vhost => "virtual host",
            ResourceKind::SiteName => "site name",
            ResourceKind::Certificate => "certificate",
        };
        write!(f, "{kind} {} on {}", self.name, self.server)
    }
}
