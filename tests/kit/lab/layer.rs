//! Hosts prepared once: what was done to a host, kept as files that other hosts start from.
//!
//! A layer is what a host wrote over its base, or over the layer below, after its services were stopped. It is keyed by
//! everything that made it. Another key of the same name means that the command or the steps have changed: the old one
//! is removed as soon as no process uses it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::base::{Base, cache};
use super::boot::Storage;
use super::fleet::Lab;
use super::host::Host;
use super::kind::Kind;
use super::tool::say;

/// Files that hosts have from the start, above their Debian root.
#[derive(Debug, Clone)]
pub struct Layer {
    /// This layer and those below it, the uppermost first.
    folders: Vec<PathBuf>,
    /// Held as long as something here may start from it.
    _used: Arc<(File, Option<Self>)>,
}

impl Layer {
    /// Returns the layer of that name and makes it first where there is none: `make` does to a host of the kind `below`
    /// what is to be kept, and stops its services. `parts` is what decides how that ends.
    ///
    /// Two processes may ask at once: one makes it, the other waits for it.
    ///
    /// # Errors
    /// When the host does not come up, or what it wrote cannot be kept.
    pub fn ensure(name: &str, parts: &[&[u8]], below: &Kind, host: &str, make: impl FnOnce(Lab, Host) -> Lab) -> io::Result<Self> {
        let layers = cache().join("layers");
        fs::create_dir_all(&layers)?;
        let prefix = format!("{}-{name}-", below.suite);
        let folder = layers.join(format!("{prefix}{}", key(parts, below, host)?));
        let making = File::create(layers.join(format!("{prefix}lock")))?;
        making.lock()?;
        let used = File::create(in_use(&folder))?;
        used.lock_shared()?;
        if !folder.is_dir() {
            remove_unused(&layers, &prefix);
            say(&format!("preparing a host of Debian {} once: {name}", below.suite));
            let lab = Lab::create()?;
            let kind = Kind { storage: Storage::Disk, ..below.clone() };
            let made = lab.bring_up(host, kind)?;
            let lab = make(lab, made.clone());
            lab.power_off_and_keep(&made, &folder)?;
        }
        let mut folders = vec![folder];
        folders.extend(below.layer.iter().flat_map(|layer| layer.folders.clone()));
        Ok(Self { folders, _used: Arc::new((used, below.layer.clone())) })
    }

    /// This layer and those below it, the uppermost first.
    pub(crate) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }
}

fn key(parts: &[&[u8]], below: &Kind, host: &str) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    let base = Base::ensure(below.suite)?;
    for lower in below.layer.iter().flat_map(|layer| layer.folders()).map(PathBuf::as_path).chain([base.path()]) {
        // By its name, and as this one: keys and passwords in one that was made again are others.
        let made = fs::metadata(lower)?;
        hasher
            .update(lower.as_os_str().as_encoded_bytes())
            .update(format!("\0{} {} {}\0", made.ino(), made.ctime(), made.ctime_nsec()).as_bytes());
    }
    for part in [host.as_bytes()].iter().chain(parts) {
        hasher.update(&part.len().to_le_bytes()).update(part);
    }
    Ok(hasher.finalize().to_hex()[..16].to_owned())
}

/// The file that whoever uses a layer has locked.
fn in_use(folder: &Path) -> PathBuf {
    folder.with_extension("used")
}

/// Removes the layers of a name that no process uses. Call it with the lock on that name held.
fn remove_unused(layers: &Path, prefix: &str) {
    let entries = fs::read_dir(layers).into_iter().flatten().flatten().map(|e| e.path());
    let named = |path: &PathBuf| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(prefix));
    for folder in entries.filter(|path| path.is_dir()).filter(named) {
        let unused = File::create(in_use(&folder)).and_then(|used| used.try_lock().map_err(io::Error::from));
        if unused.is_ok() {
            // What cannot be removed now is tried again next time.
            let _ = fs::remove_dir_all(&folder);
            let _ = fs::remove_file(in_use(&folder));
        }
    }
}
