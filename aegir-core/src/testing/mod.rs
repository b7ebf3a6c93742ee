//! Strict fakes for tests, here and in crates that build on this one (feature `testing`).

mod server;
mod told;
mod toy;
mod tree;

pub use server::FakeServer;
pub use told::{Hear, Tell};
pub use toy::Toy;
