//! The identity of an entity, and who owns what: this very one, not whoever has its name.
//!
//! A name can be given again, an id never is. Ledger, steps and undo go by the id, so what a deleted site left can
//! never be taken for its successor's.

use std::fmt;

use uuid::Uuid;

use super::{EntityRef, Platform, Server, Site};

/// What tells one site, platform or server from every other, also of the same name, for ever.
///
/// The default is for records that were made before there were ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct EntityId(Uuid);

impl EntityId {
    /// Returns an id that nothing has had.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// Reads what [`fmt::Display`] wrote.
    pub(crate) fn parse(text: &str) -> Result<Self, uuid::Error> {
        Uuid::parse_str(text).map(Self)
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who owns what a step makes: one entity, by name for people and by id for good.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Owner {
    /// Its kind and name.
    #[serde(flatten)]
    pub entity: EntityRef,
    /// Which of all that ever had that name.
    #[serde(default)]
    pub id: EntityId,
}

impl Owner {
    /// The owner of this name and id.
    pub fn new(entity: EntityRef, id: EntityId) -> Self {
        Self { entity, id }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entity.fmt(f)
    }
}

impl From<&Server> for Owner {
    fn from(server: &Server) -> Self {
        Self::new(EntityRef::from(server), server.id)
    }
}

impl From<&Platform> for Owner {
    fn from(platform: &Platform) -> Self {
        Self::new(EntityRef::from(platform), platform.id)
    }
}

impl From<&Site> for Owner {
    fn from(site: &Site) -> Self {
        Self::new(EntityRef::from(site), site.id)
    }
}
