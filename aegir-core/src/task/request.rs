//! Requests as data: the same from the command line, over HTTP, and from Rust.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::host_key::Trust;
use crate::entity::{EntityRef, ServiceBinding, SiteState, Stage, Transport};
use crate::name::{MachineName, PlatformName, ServerName, SiteUri};
use crate::service::ServiceChange;

/// Something to plan.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", tag = "task")]
#[non_exhaustive]
pub enum Request {
    /// Prepare the bare machine this runs on, as root.
    PrepareMachine(PrepareMachine),
    /// Take a server under management and verify it.
    EnrolServer(EnrolServer),
    /// Gather facts, check, bring the server's configuration up to date.
    VerifyServer {
        /// Which.
        server: ServerName,
    },
    /// Change how a server is reached, what it offers, what it is for; verify it.
    ChangeServer(ChangeServer),
    /// Take Aegir's configuration off a server that nothing is on, and forget it.
    DeleteServer {
        /// Which.
        server: ServerName,
        /// The machine is gone: only forget it.
        #[serde(default)]
        offline: bool,
    },
    /// Take over a codebase that stands at a path, or copy one there; verify it.
    AddPlatform(AddPlatform),
    /// Look at the codebase again; bring its configuration up to date.
    VerifyPlatform {
        /// Which.
        platform: PlatformName,
    },
    /// Change whether a platform takes new sites.
    ChangePlatform(ChangePlatform),
    /// Forget a platform without sites; remove its code wherever Aegir put it.
    DeletePlatform {
        /// Which.
        platform: PlatformName,
        /// Its server is gone: do nothing there.
        #[serde(default)]
        offline: bool,
    },
    /// Make a site.
    InstallSite(InstallSite),
    /// Bring a site up to date.
    VerifySite {
        /// Which.
        site: SiteUri,
    },
    /// Change a site's addresses or state.
    ChangeSite(ChangeSite),
    /// Archive a site, then remove it.
    DeleteSite {
        /// Which.
        site: SiteUri,
        /// Its web server, or the server of its database, is gone: archive and remove what the other has.
        #[serde(default)]
        offline: bool,
        /// Its database cannot be dumped whole: archive what can be saved, and a list of what cannot.
        #[serde(default)]
        incomplete: bool,
    },
}

impl Request {
    /// The operation's name: `site.install`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::PrepareMachine(_) => "machine.prepare",
            Self::EnrolServer(_) => "server.enrol",
            Self::VerifyServer { .. } => "server.verify",
            Self::ChangeServer(_) => "server.change",
            Self::DeleteServer { .. } => "server.delete",
            Self::AddPlatform(_) => "platform.add",
            Self::VerifyPlatform { .. } => "platform.verify",
            Self::ChangePlatform(_) => "platform.change",
            Self::DeletePlatform { .. } => "platform.delete",
            Self::InstallSite(_) => "site.install",
            Self::VerifySite { .. } => "site.verify",
            Self::ChangeSite(_) => "site.change",
            Self::DeleteSite { .. } => "site.delete",
        }
    }

    /// What it is about, and locks for itself.
    pub fn subject(&self) -> EntityRef {
        match self {
            Self::PrepareMachine(_) => EntityRef::Server(ServerName::master()),
            Self::EnrolServer(new) => EntityRef::Server(new.name.clone()),
            Self::VerifyServer { server } | Self::DeleteServer { server, .. } => EntityRef::Server(server.clone()),
            Self::ChangeServer(change) => EntityRef::Server(change.server.clone()),
            Self::AddPlatform(new) => EntityRef::Platform(new.name.clone()),
            Self::VerifyPlatform { platform } | Self::DeletePlatform { platform, .. } => EntityRef::Platform(platform.clone()),
            Self::ChangePlatform(change) => EntityRef::Platform(change.platform.clone()),
            Self::InstallSite(new) => EntityRef::Site(new.uri.clone()),
            Self::VerifySite { site } | Self::DeleteSite { site, .. } => EntityRef::Site(site.clone()),
            Self::ChangeSite(change) => EntityRef::Site(change.uri.clone()),
        }
    }

    /// Whether it destroys what cannot be made again: it is gone on with by nobody else when its worker dies.
    pub(crate) fn destroys(&self) -> bool {
        matches!(self, Self::DeleteServer { .. } | Self::DeletePlatform { .. } | Self::DeleteSite { .. })
    }

    /// Whether it may be what a task that waits for a server waits for.
    pub(crate) fn mends(&self) -> bool {
        matches!(self, Self::ChangeServer(_) | Self::DeleteServer { .. })
    }

    /// Whether it counts on a machine being gone: unfinished tasks there are given up before it can lock anything.
    pub(crate) fn is_offline(&self) -> bool {
        matches!(
            self,
            Self::DeleteServer { offline: true, .. } | Self::DeletePlatform { offline: true, .. } | Self::DeleteSite { offline: true, .. }
        )
    }
}

/// The machine to prepare as the master.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PrepareMachine {
    /// Its fully qualified host name.
    pub hostname: String,
    /// What will fill its services.
    #[serde(default)]
    pub services: BTreeMap<String, ServiceBinding>,
    /// Whether to install missing packages.
    pub packages: bool,
}

/// A server to take under management.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct EnrolServer {
    /// Its name in Aegir.
    pub name: ServerName,
    /// Its fully qualified host name.
    pub hostname: String,
    /// How it is reached.
    pub transport: Transport,
    /// What it is for.
    #[serde(default)]
    pub stage: Stage,
    /// What fills its services.
    #[serde(default)]
    pub services: BTreeMap<String, ServiceBinding>,
    /// Which host keys are believed.
    #[serde(default)]
    pub host_keys: Trust,
}

/// What to change on a server; what is `None` stays. The server is verified with it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ChangeServer {
    /// Which.
    pub server: ServerName,
    /// Its fully qualified host name.
    #[serde(default)]
    pub hostname: Option<String>,
    /// How it is reached.
    #[serde(default)]
    pub transport: Option<Transport>,
    /// What it is for.
    #[serde(default)]
    pub stage: Option<Stage>,
    /// How its services change, by their names.
    #[serde(default)]
    pub services: BTreeMap<String, ServiceChange>,
    /// Which host keys are believed.
    #[serde(default)]
    pub host_keys: Trust,
}

impl ChangeServer {
    /// Changes nothing yet.
    pub fn nothing(server: ServerName) -> Self {
        Self { server, hostname: None, transport: None, stage: None, services: BTreeMap::new(), host_keys: Trust::default() }
    }
}

/// A platform to add.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AddPlatform {
    /// Its name.
    pub name: PlatformName,
    /// The project root, the same on the master and on the web server.
    pub path: Utf8PathBuf,
    /// The web server it is placed on.
    pub server: ServerName,
    /// A directory on the master to copy the code from; the path must not exist then.
    #[serde(default)]
    pub from: Option<Utf8PathBuf>,
    /// PHP version for its sites.
    #[serde(default)]
    pub php: Option<String>,
}

/// What to change on a platform; what is `None` stays.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ChangePlatform {
    /// Which.
    pub platform: PlatformName,
    /// Whether it takes no new sites.
    #[serde(default)]
    pub locked: Option<bool>,
}

/// A site to install.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct InstallSite {
    /// Its address.
    pub uri: SiteUri,
    /// Its platform.
    pub platform: PlatformName,
    /// The installation profile; the platform's first when unset.
    #[serde(default)]
    pub profile: Option<MachineName>,
    /// The server for its database; the web server, else the master, when unset.
    #[serde(default)]
    pub db_server: Option<ServerName>,
    /// Who owns it.
    #[serde(default)]
    pub client: Option<MachineName>,
    /// The first account's address; `admin@URI` when unset.
    #[serde(default)]
    pub email: Option<String>,
    /// Its language; `en` when unset.
    #[serde(default)]
    pub language: Option<MachineName>,
    /// Its title; the URI when unset.
    #[serde(default)]
    pub title: Option<String>,
    /// Further addresses.
    #[serde(default)]
    pub aliases: Vec<SiteUri>,
    /// The one address that the others redirect to.
    #[serde(default)]
    pub redirect_to: Option<SiteUri>,
}

/// What to change on a site; what is `None` stays.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ChangeSite {
    /// Which.
    pub uri: SiteUri,
    /// Whether it answers.
    #[serde(default)]
    pub state: Option<SiteState>,
    /// Further addresses, all of them; those that it has and that are not named go.
    #[serde(default)]
    pub aliases: Option<Vec<SiteUri>>,
    /// Further addresses to have beside the others.
    #[serde(default)]
    pub add_aliases: Vec<SiteUri>,
    /// Further addresses to give up; the others stay.
    #[serde(default)]
    pub remove_aliases: Vec<SiteUri>,
    /// The one address that the others redirect to; `Some(None)` ends redirection.
    #[serde(default)]
    pub redirect_to: Option<Option<SiteUri>>,
}

impl ChangeSite {
    /// Changes nothing yet.
    pub fn nothing(uri: SiteUri) -> Self {
        Self { uri, state: None, aliases: None, add_aliases: Vec::new(), remove_aliases: Vec::new(), redirect_to: None }
    }
}
