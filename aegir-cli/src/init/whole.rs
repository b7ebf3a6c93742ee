//! Refuses to begin anew beside what an earlier Aegir left here: the rest of that is in a backup, and nowhere else.
//!
//! A new key opens no stored secret, servers know only the old SSH key, and a new inventory takes sites for strangers'.

use aegir_core::settings::Settings;
use aegir_core::{Error, Result};
use camino::Utf8Path;

use crate::door;

/// Inventory, its key and the SSH key are here together, or this machine never had any. What is cut short while the first
/// `init` makes them, in the order key, SSH key, inventory, sites, is finished by the next.
pub(super) fn require(settings: &Settings) -> Result<()> {
    let root = settings.root();
    let (database, key, ssh) = (door::database(&root), door::key(&root), root.join("keys/id_ed25519"));
    if database.exists() {
        let user = settings.user();
        let lost = |what: &str, path: &Utf8Path| {
            Error::refused(format!("the inventory {database} is here, and {what}, {path}, is not"))
                .context("file", path)
                .hint(format!("restore it from your backup: as root, `install -o {user} -g {user} -m 600 COPY {path}`"))
        };
        if !key.exists() {
            return Err(lost("its key", &key));
        }
        if !ssh.exists() {
            return Err(lost("the key that servers know it by", &ssh).hint(format!(
                "if there is no copy: `sudo -u {user} ssh-keygen -t ed25519 -N '' -f {ssh}`, then `aegir server bootstrap NAME` for each other server"
            )));
        }
        return Ok(());
    }
    let hosts = root.join("config/server_master/vhost.d");
    let sites = hosts.read_dir_utf8().is_ok_and(|mut entries| entries.next().is_some());
    if sites {
        return Err(Error::refused(format!("there are sites here, in {hosts}, and the inventory that knows them, {database}, is lost"))
            .context("file", &database)
            .hint("restore it from your backup, together with its keys")
            .hint(format!("to begin anew, and leave them to nobody: `mv {root}/config {root}/config.old`")));
    }
    Ok(())
}
