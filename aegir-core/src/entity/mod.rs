//! What Aegir manages, as plain data: servers, platforms, sites.
//!
//! Nothing here reads or changes anything; secrets appear only [`crate::secret::Sealed`].

mod id;
mod platform;
mod reference;
mod server;
mod site;

pub use id::{EntityId, Owner};
pub use platform::{Codebase, Extension, ExtensionKind, Platform, Profile};
pub use reference::{EntityRef, Recorded, Resource, ResourceKind};
pub(crate) use server::WEB_GROUP;
pub use server::{Server, ServiceBinding, Stage, Transport};
pub use site::{Database, DatabaseTls, Site, SiteContext, SiteState, SiteSummary};
