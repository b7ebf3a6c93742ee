//! What a host is made of.

use super::boot::Storage;
use super::layer::Layer;
use super::suite::Suite;

/// The Debian release of a host, where it keeps what it writes, and what was done to it before.
#[derive(Debug, Clone, Default)]
pub struct Kind {
    /// The Debian release.
    pub suite: Suite,
    /// Where it keeps what it writes.
    pub storage: Storage,
    /// What was done to a host like it before.
    pub layer: Option<Layer>,
}

impl From<Suite> for Kind {
    fn from(suite: Suite) -> Self {
        Self { suite, ..Self::default() }
    }
}

impl From<(Suite, Layer)> for Kind {
    fn from((suite, layer): (Suite, Layer)) -> Self {
        Self { suite, layer: Some(layer), ..Self::default() }
    }
}

impl From<Storage> for Kind {
    fn from(storage: Storage) -> Self {
        Self { storage, ..Self::default() }
    }
}
