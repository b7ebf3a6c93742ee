//! Services, the service types that fill them, and everything this build can provision.

mod bindings;
mod check;
mod context;
pub(crate) mod helper;
mod operation;
mod plugin;
mod preparation;
mod registry;
mod setting;
mod visit;

pub use bindings::Bindings;
pub use check::{Check, Finding, as_root, set_up};
pub use context::PlanContext;
pub use helper::helper_command;
pub use operation::{Account, Code, Dump, Operation};
pub use plugin::{Capabilities, Plugin, Service, ServiceType};
pub use preparation::{Fed, Preparation, RootFile, Switches, SystemService};
pub use registry::{Registry, TypeInfo};
pub use setting::ServiceChange;
pub use visit::{Door, Visit};
