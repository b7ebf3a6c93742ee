//! The named checks of a server, its own and those of its services; one subject a file.
//!
//! A server is asked everything in one round trip, and then judged. When it cannot be asked, one check says why,
//! that of the first layer that fails, and the others are reported as not looked at: never as a success.

mod account;
mod channel;
mod connection;
mod database;
mod helper;
mod look;
mod machine;
mod names;
mod packages;
mod run;
mod sites;
mod sudo;
mod tasks;

pub use run::Checked;

pub(super) use look::look;
pub(crate) use run::{check_servers, note};
