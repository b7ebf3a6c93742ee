//! The `aegir` command as a library: parse, ask the front door, show.
//!
//! A third party gets its own `aegir` with its own service types from a main of one line:
//!
//! ```no_run
//! # fn my_services(_: &mut aegir_core::service::Registry) {}
//! fn main() -> std::process::ExitCode {
//!     aegir_cli::App::new().with(aegir_services::register).with(my_services).run()
//! }
//! ```
//!
//! | module | is |
//! |---|---|
//! | [`App`] | the builder; the way of every command: parse, may this user, run, exit code |
//! | [`exit`] | the exit codes |
//! | `args` | the command line as types, with its help |
//! | `door` | settings layers, inventory, key: the open front door |
//! | `command` | one file a noun |
//! | `change` | the way of every changing verb: recover, plan, confirm, submit, follow, tell |
//! | `many` | the same for several things at once |
//! | `init` | prepares a bare machine as root, then enrols it as the Aegir user |
//! | `ui` | everything that people or scripts see; the only place that writes to the terminal |

mod app;
mod args;
mod change;
mod command;
mod complete;
mod detach;
mod door;
pub mod exit;
mod follow;
mod init;
mod many;
mod session;
mod ui;

pub use app::App;
