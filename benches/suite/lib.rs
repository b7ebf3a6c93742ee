//! What the benches share: a clock, a world of many sites on fakes, and a database service made of paper.

mod clock;
mod many;
mod paper;

pub use clock::{median, time};
pub use many::{Many, build_release};
pub use paper::PaperDb;
