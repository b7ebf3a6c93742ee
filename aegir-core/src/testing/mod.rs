//! Strict fakes for tests, here and in crates that build on this one (feature `testing`).

mod server;
mod toy;
mod tree;

pub use server::FakeServer;
pub use toy::Toy;
