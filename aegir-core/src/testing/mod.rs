//! Strict fakes for tests, here and in crates that build on this one (feature `testing`).

mod server;
mod toy;

pub use server::FakeServer;
pub use toy::Toy;
