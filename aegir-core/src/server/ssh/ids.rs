//! Names and numbers of accounts and groups, by the server's own name service, asked once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::{SshServer, sftp};
use crate::server::{Command, Id, Permissions, Server as _};
use crate::{Error, Result};

/// What was asked already. Numbers keep their names for as long as anybody holds a server.
#[derive(Debug, Default)]
pub(super) struct Ids {
    groups: Mutex<HashMap<u32, String>>,
    numbers: Mutex<HashMap<(&'static str, String), u32>>,
}

impl SshServer {
    /// A group's name; empty where it has none.
    pub(super) async fn group_name(&self, gid: u32) -> Result<String> {
        let known = || self.ids.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = known().get(&gid) {
            return Ok(name.clone());
        }
        let asked = self.files("naming the group of", "a file".into(), true, |sftp, _| sftp::group_name(sftp, gid)).await?;
        let name = match asked {
            Some(name) => name,
            None => {
                let command = Command::new("getent").args(["group", &gid.to_string()]).idempotent();
                self.run(&command).await?.text().split(':').next().unwrap_or_default().trim().to_owned()
            }
        };
        known().insert(gid, name.clone());
        Ok(name)
    }

    /// The numbers to set; `None` leaves one as it is.
    pub(super) async fn owner_ids(&self, permissions: &Permissions) -> Result<(Option<u32>, Option<u32>)> {
        Ok((self.id("passwd", permissions.owner.as_ref()).await?, self.id("group", permissions.group.as_ref()).await?))
    }

    async fn id(&self, database: &'static str, id: Option<&Id>) -> Result<Option<u32>> {
        let name = match id {
            None => return Ok(None),
            Some(Id::Number(number)) => return Ok(Some(*number)),
            Some(Id::Name(name)) => name,
        };
        let known = || self.ids.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (database, name.clone());
        if let Some(number) = known().get(&key) {
            return Ok(Some(*number));
        }
        let output = self.run(&Command::new("getent").args(["--", database, name]).idempotent()).await?;
        // What does not exist may be made later, so only what was found is remembered.
        let Some(number) = output.text().split(':').nth(2).and_then(|n| n.parse().ok()) else {
            let server = &self.link.name;
            return Err(Error::refused(format!("server {server} has no {database} entry {name}"))
                .context("server", server)
                .hint(format!("`getent {database} {name}` must print it")));
        };
        known().insert(key, number);
        Ok(Some(number))
    }
}
