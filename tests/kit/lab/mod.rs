//! Several real Debian hosts on one Linux machine.
//!
//! A host is a network, mount, PID, UTS and IPC namespace over an overlay of a cached Debian root. It has
//! its own address, its own first process, and real services. It comes up in well under a second, and
//! nothing is installed or started on the developer's own machine.
//!
//! ```no_run
//! use aegir_testkit::lab::{Lab, Service};
//!
//! let lab = Lab::new();
//! let web = lab.host("web1");
//! web.start(Service::Nginx);
//! assert_eq!(web.http(80, "localhost", "/").status, 200);
//! ```
//!
//! Hosts reach each other by name and address, and this machine by the first address of their network.
//! There is no route out, so whatever asks the internet is refused at once.
//! A lab needs root. Where it cannot run it panics and says why; it never lets a test pass.
//!
//! Clocks are not faked: Linux has no namespace for the wall clock, only for the time since boot.

mod base;
mod boot;
mod child;
mod diff;
mod exec;
mod fault;
mod file;
mod fleet;
mod host;
mod kind;
mod layer;
mod network;
mod process;
mod reap;
mod service;
mod state;
mod suite;
mod tool;
mod world;

pub use base::Base;
pub use boot::Storage;
pub use child::{Child, Run};
pub use exec::Invocation;
pub use fleet::Lab;
pub use host::{Host, Page};
pub use kind::Kind;
pub use layer::Layer;
pub use process::Process;
pub use reap::reap;
pub use rustix::process::Signal;
pub use service::Service;
pub use suite::Suite;
pub(crate) use tool::say;
pub use world::World;
