//! Names and numbers of accounts and groups, by this machine's own name service.
//!
//! Asked by a system call: a process for each question costs more than the file operation that it is for. A name service
//! that does not answer is waited for no longer than any other command.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use nix::unistd::{Gid, Group, User};

use super::LocalServer;
use crate::server::{Id, Permissions, Server as _};
use crate::{Error, ErrorKind, Result};

/// How long the name service may take.
const LIMIT: Duration = Duration::from_secs(60);

impl LocalServer {
    /// Returns a group's name; empty where it has none.
    pub(super) async fn group_name(&self, gid: u32) -> Result<String> {
        // Group numbers keep their names for as long as a process lives; asking once is enough.
        static NAMES: OnceLock<Mutex<HashMap<u32, String>>> = OnceLock::new();
        let known = || NAMES.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = known().get(&gid) {
            return Ok(name.clone());
        }
        let group = self.name_service(&format!("group {gid}"), move || Group::from_gid(Gid::from_raw(gid))).await?;
        let name = group.map(|group| group.name).unwrap_or_default();
        known().insert(gid, name.clone());
        Ok(name)
    }

    /// Returns the numbers to set; `None` leaves one as it is.
    pub(super) async fn owner_ids(&self, permissions: &Permissions) -> Result<(Option<u32>, Option<u32>)> {
        let user = |name: String| User::from_name(&name).map(|user| user.map(|user| user.uid.as_raw()));
        let group = |name: String| Group::from_name(&name).map(|group| group.map(|group| group.gid.as_raw()));
        Ok((self.number("passwd", permissions.owner.as_ref(), user).await?, self.number("group", permissions.group.as_ref(), group).await?))
    }

    async fn number(
        &self,
        database: &str,
        id: Option<&Id>,
        find: impl FnOnce(String) -> nix::Result<Option<u32>> + Send + 'static,
    ) -> Result<Option<u32>> {
        let name = match id {
            None => return Ok(None),
            Some(Id::Number(number)) => return Ok(Some(*number)),
            Some(Id::Name(name)) => name.clone(),
        };
        let (what, look) = (format!("{database} entry {name}"), format!("getent {database} {name}"));
        // What does not exist may be made later, so nothing is remembered.
        let found = self.name_service(&what, move || find(name)).await?;
        let missing = || {
            Error::refused(format!("server {} has no {what}", self.name()))
                .context("server", self.name())
                .hint(format!("`{look}` must print it"))
        };
        found.map(Some).ok_or_else(missing)
    }

    async fn name_service<T: Send + 'static>(
        &self,
        what: &str,
        ask: impl FnOnce() -> nix::Result<Option<T>> + Send + 'static,
    ) -> Result<Option<T>> {
        let problem =
            |kind| Error::new(kind, format!("asking the name service of {} for {what}", self.name())).context("server", self.name());
        match tokio::time::timeout(LIMIT, tokio::task::spawn_blocking(ask)).await {
            Ok(Ok(Ok(found))) => Ok(found),
            Ok(Ok(Err(error))) => Err(problem(ErrorKind::Failed).because(error)),
            Ok(Err(join)) => Err(problem(ErrorKind::Internal).because(join)),
            Err(_) => Err(problem(ErrorKind::Timeout).because(format!("no answer after {} s", LIMIT.as_secs()))),
        }
    }
}
