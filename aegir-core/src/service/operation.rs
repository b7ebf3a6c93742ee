//! What services and applications are asked to plan.

use camino::{Utf8Path, Utf8PathBuf};

use crate::entity::{Codebase, Owner, Platform, Server, SiteContext};
use crate::name::{ServerName, SiteUri};
use crate::secret::Sealed;
use crate::server::Observer;

/// The first account of a new site.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its address.
    pub email: String,
    /// Its password; nobody learns it, people come in by a login link.
    pub password: Sealed,
}

/// A platform's code where planning can read it: on the master, at its path or where it will be copied from.
///
/// The platform's own server may not have it yet, and what it has is only what was sent there.
#[derive(Clone, Debug)]
pub struct Code {
    /// The master.
    pub files: Observer,
    /// The project's root there.
    pub root: Utf8PathBuf,
}

impl Code {
    /// The document root in it.
    pub fn docroot(&self, codebase: &Codebase) -> Utf8PathBuf {
        if codebase.docroot.as_str().is_empty() { self.root.clone() } else { self.root.join(&codebase.docroot) }
    }
}

/// A dump of a site's database.
#[derive(Clone, Copy, Debug)]
pub struct Dump<'a> {
    /// The server that has it: the site's web server, or where that is gone, the database's.
    pub server: &'a ServerName,
    /// The file there, mode 0600.
    pub file: &'a Utf8Path,
    /// An operator agreed to a dump that is not whole: what it leaves out is written to this file beside it, and the
    /// database goes only after the commit, for it cannot come back.
    pub notes: Option<&'a Utf8Path>,
}

/// What to plan. A type that has nothing to do for one answers with an empty plan.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Operation<'a> {
    /// On the master, as root, behind the steps that a [`super::Preparation`] became: what data cannot say, such as an
    /// account with a password.
    PrepareMachine {
        /// The server as it will be enrolled; it has no facts yet.
        server: &'a Server,
    },
    /// Bring a server's own configuration up to date.
    VerifyServer {
        /// The server, with facts just gathered.
        server: &'a Server,
    },
    /// Take this service's own configuration off a server that has no sites; the program stays and goes on with what
    /// else it has.
    DeleteServer {
        /// The server.
        server: &'a Server,
    },
    /// Bring a platform up to date on its server.
    VerifyPlatform {
        /// The platform.
        platform: &'a Platform,
        /// Its server; what is rendered is looked at there.
        server: &'a Server,
        /// Its code; what comes with the code is read there.
        code: &'a Code,
    },
    /// Remove what a platform has on its server, except the code.
    DeletePlatform {
        /// The platform.
        platform: &'a Platform,
        /// Its server.
        server: &'a Server,
    },
    /// Database services: choose a new database for a site, plan its creation, and leave a
    /// [`crate::entity::Database`] in the bindings, and a [`crate::entity::DatabaseTls`] where the site's connection is to be
    /// encrypted.
    ProvideDatabase {
        /// Who will own it.
        owner: &'a Owner,
        /// The site that gets it.
        uri: &'a SiteUri,
        /// The web server that will connect.
        web: &'a Server,
        /// The server that will hold it.
        db: &'a Server,
    },
    /// Install a site into its empty database (applications), make it answer (web services).
    InstallSite {
        /// The site.
        site: &'a SiteContext,
        /// Its first account.
        account: &'a Account,
    },
    /// Bring a site up to date: its files, settings, database rights, virtual host. Database services leave a
    /// [`crate::entity::DatabaseTls`], as with a new one.
    VerifySite {
        /// The site; a disabled one gets a virtual host that says so.
        site: &'a SiteContext,
    },
    /// Bring a site to rest, so that nobody writes to it any more: web services answer with a notice, database services let
    /// its users only read, applications move its files away.
    QuiesceSite {
        /// The site.
        site: &'a SiteContext,
        /// Where its directory goes: a new directory whose parent nobody but Aegir enters; nothing stands at either.
        aside: &'a Utf8Path,
    },
    /// Database services: dump a site's database to a file. What cannot be dumped is an error, unless it is to be noted.
    DumpSite {
        /// The site.
        site: &'a SiteContext,
        /// Where to; nothing stands there.
        into: Dump<'a>,
    },
    /// Remove a site that is at rest. Everything but clean-up must be able to come back. A `dump` holds the database.
    DeleteSite {
        /// The site.
        site: &'a SiteContext,
        /// The dump that was made before, from which an undo loads.
        dump: Dump<'a>,
    },
}

impl Operation<'_> {
    /// Its name, for errors.
    pub fn name(&self) -> &'static str {
        match self {
            Self::PrepareMachine { .. } => "prepare machine",
            Self::VerifyServer { .. } => "verify server",
            Self::DeleteServer { .. } => "delete server",
            Self::VerifyPlatform { .. } => "verify platform",
            Self::DeletePlatform { .. } => "delete platform",
            Self::ProvideDatabase { .. } => "provide database",
            Self::InstallSite { .. } => "install site",
            Self::VerifySite { .. } => "verify site",
            Self::QuiesceSite { .. } => "quiesce site",
            Self::DumpSite { .. } => "dump site",
            Self::DeleteSite { .. } => "delete site",
        }
    }
}
