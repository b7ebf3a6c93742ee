//! What the tests of this workspace stand on.
//!
//! - [`lab`]: several real Debian hosts on one Linux machine, with faults on demand, and a comparable
//!   picture of what a host holds.
//! - [`conformance`]: what every implementation of a trait must do.
//! - [`installation`]: a host with Aegir on it, driven the way an operator drives it.
//! - [`database`]: what must hold for a site and its database, whatever server holds it.
//! - [`breaking`]: breaks every step of a task there.
//! - [`fleet`]: the same with remote servers.
//! - [`drupal`]: real trees that somebody names.
//! - [`entity`]: entities that are only data.
//! - [`exchange`]: names that are exchanged while they are used.
//! - [`stopping`]: stops a task at its events, as a person does.
//! - [`malicious`]: a hostile site against Aegir.
//! - [`machine`]: what is called on this machine itself.
//!
//! Everything here is for tests: it panics with a plain message where a product would return an error.

pub mod breaking;
pub mod conformance;
pub mod database;
pub mod drupal;
pub mod entity;
pub mod exchange;
pub mod fleet;
pub mod installation;
pub mod lab;
pub mod machine;
pub mod malicious;
pub mod stopping;
