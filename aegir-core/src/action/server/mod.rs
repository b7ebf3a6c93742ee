//! Changes to what Aegir knows of a server as a machine: its pinned host keys, and whether it knows it at all.

mod forget;
mod pin;

pub use forget::ForgetServer;
pub use pin::PinHostKeys;
