//! What the benches share: a world of many sites on fakes, and a database service made of paper.

mod many;
mod paper;

pub use many::{Many, build_release};
pub use paper::PaperDb;
