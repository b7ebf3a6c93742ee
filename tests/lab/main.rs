//! The lab itself, tested: hosts, services, faults, cleaning up, and what `World` sees.
//!
//! These need root and Debian's packages. Where they cannot run they fail; they never skip.

mod fault;
mod layers;
mod life;
mod serve;
mod suites;
mod world;
