//! Opens the front door: settings layer by layer, inventory, key.

use std::sync::Arc;

use aegir_core::inventory::Inventory;
use aegir_core::inventory::orm::OrmInventory;
use aegir_core::secret::Keyring;
use aegir_core::service::Registry;
use aegir_core::settings::{Provenance, SETTINGS, Settings};
use aegir_core::{Aegir, Builder, Error, ErrorKind, Result};
use camino::{Utf8Path, Utf8PathBuf};

use crate::args::Global;

/// Where the settings file lies unless a flag or the environment says otherwise.
const CONFIG: &str = "/etc/aegir/aegir.toml";

/// Defaults, then the file, then the environment, then flags.
pub(crate) fn settings(flags: &Global) -> Result<Settings> {
    let mut settings = Settings::default();
    let (file, asked) = match (&flags.config, std::env::var("AEGIR_CONFIG").ok().filter(|v| !v.is_empty())) {
        (Some(path), _) => (path.clone(), true),
        (None, Some(path)) => (Utf8PathBuf::from(path), true),
        (None, None) => (CONFIG.into(), false),
    };
    match std::fs::read_to_string(&file) {
        Ok(text) => settings.add_file(file.as_str(), &text)?,
        // Only the usual place may be empty.
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && !asked => {}
        Err(e) => {
            let kind = if e.kind() == std::io::ErrorKind::NotFound { ErrorKind::NotFound } else { ErrorKind::Failed };
            return Err(Error::new(kind, format!("the settings file {file} cannot be read")).context("file", &file).because(e));
        }
    }
    for (name, _, _) in SETTINGS {
        let variable = format!("AEGIR_{}", name.to_uppercase());
        if let Some(value) = std::env::var(&variable).ok().filter(|v| !v.is_empty()) {
            settings.set(name, &value, Provenance::Environment(variable))?;
        }
    }
    if let Some(root) = &flags.root {
        settings.set("root", root.as_str(), Provenance::Flag("--root".to_owned()))?;
    }
    Ok(settings)
}

/// The inventory's file.
pub(crate) fn database(root: &Utf8Path) -> Utf8PathBuf {
    root.join("aegir.db")
}

/// The key's file.
pub(crate) fn key(root: &Utf8Path) -> Utf8PathBuf {
    root.join("keys/inventory.key")
}

/// The front door of this machine's inventory, which must exist.
pub(crate) async fn open(settings: Settings, registry: Registry) -> Result<Builder> {
    let root = settings.root();
    readable(&database(&root), &settings)?;
    let keyring = keyring(&settings)?;
    let inventory = OrmInventory::open_existing(&database(&root)).await?;
    Ok(builder(Arc::new(inventory), registry, keyring, settings))
}

/// As [`open`], making the inventory if there is none.
pub(crate) async fn open_or_make(settings: Settings, registry: Registry) -> Result<Aegir> {
    let keyring = keyring(&settings)?;
    let inventory = OrmInventory::open(&database(&settings.root())).await?;
    Ok(builder(Arc::new(inventory), registry, keyring, settings).build())
}

fn builder(inventory: Arc<dyn Inventory>, registry: Registry, keyring: Keyring, settings: Settings) -> Builder {
    Aegir::builder(inventory, registry, keyring).settings(settings)
}

/// Tells a machine without Aegir from a user who may not look. What SQLite could not write to it would take for damaged.
fn readable(path: &Utf8Path, settings: &Settings) -> Result<()> {
    let Err(error) = std::fs::File::options().read(true).write(true).open(path) else { return Ok(()) };
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => Err(denied(path, "the inventory", settings)),
        std::io::ErrorKind::NotFound => {
            Err(Error::not_found(format!("there is no inventory {path}: this machine was not prepared, or the inventory is lost"))
                .context("file", path)
                .because(error)
                .hint("`sudo aegir init` prepares it; what was here before, only a backup brings back")
                .hint("`--root DIR` if Aegir's directory is another one"))
        }
        // SQLite has its own words for the rest.
        _ => Ok(()),
    }
}

/// The key of an inventory.
fn keyring(settings: &Settings) -> Result<Keyring> {
    let path = key(&settings.root());
    Keyring::load(&path).map_err(|error| if error.kind() == ErrorKind::Denied { denied(&path, "the key", settings) } else { error })
}

/// Whoever is the right user already is not told to become that.
fn denied(path: &Utf8Path, what: &str, settings: &Settings) -> Error {
    let user = settings.user();
    let error = Error::new(ErrorKind::Denied, format!("this user may not read and write {what} {path}")).context("file", path);
    if runs_as(user) {
        let directory = path.parent().unwrap_or(path);
        error.hint(format!("as root: `chown {user}: {directory} {path}* && chmod u+rwX {directory} {path}*`"))
    } else {
        error.hint(format!("run it as {user}: `sudo -u {user} aegir …`"))
    }
}

/// Whether this process is an account's; where nobody knows, it is not.
fn runs_as(user: &str) -> bool {
    let id = std::process::Command::new("id").args(["-u", "--", user]).output();
    id.is_ok_and(|id| String::from_utf8_lossy(&id.stdout).trim() == rustix::process::geteuid().as_raw().to_string())
}

/// Who runs this, as far as the session says: a note for the journal, and no proof.
pub(crate) fn who() -> String {
    let named = ["SUDO_USER", "LOGNAME", "USER"].into_iter().find_map(|name| std::env::var(name).ok());
    named.filter(|name| !name.is_empty() && name.len() <= 64).unwrap_or_else(|| format!("user {}", rustix::process::getuid().as_raw()))
}
