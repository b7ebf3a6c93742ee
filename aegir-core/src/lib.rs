//! Aegir's library: many sites on an operator's own servers, by plans that can be taken back.
//!
//! The one idea: *deciding* is pure and returns data, *doing* is one small engine, *showing* consumes events.
//!
//! | module | is |
//! |---|---|
//! | [`Aegir`] | the front door: plan, submit, follow; all that a driver holds |
//! | [`task`] | what an operator can ask for, one file each: the order in which services plan |
//! | [`service`], [`application`] | the traits to implement, and the registry |
//! | [`plan`], [`action`] | what will be done, as data; changes that can be taken back |
//! | [`engine`], [`event`] | does it, with a write-ahead journal; says so |
//! | [`distribution`] | brings trees from the master to servers |
//! | [`inventory`], [`entity`], [`name`] | what Aegir knows; plain data; names valid by construction |
//! | [`server`], [`template`], [`secret`], [`settings`] | machines, configuration files, sealed values, settings |
//! | [`text`] | what sites and servers say, made safe to show |
//!
//! The library never prints, never reads the environment or a home directory, never exits the process.

pub mod action;
mod aegir;
pub mod application;
mod connections;
pub mod distribution;
pub mod engine;
pub mod entity;
mod error;
pub mod event;
pub mod inventory;
mod many;
pub mod name;
pub mod plan;
mod reach;
pub mod secret;
pub mod server;
pub mod service;
pub mod settings;
mod shared;
mod slots;
mod start;
pub mod task;
pub mod template;
#[cfg(feature = "testing")]
pub mod testing;
pub mod text;

pub use aegir::{Aegir, Builder};
pub use error::{Error, ErrorKind, ErrorReport, Result};
pub use many::News;
pub use start::Start;
