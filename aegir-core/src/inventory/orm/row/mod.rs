//! The tables as they are now; the migrations say how they came to be.

pub(super) mod entry;
pub(super) mod lease;
pub(super) mod ledger;
pub(super) mod noted_check;
pub(super) mod platform;
pub(super) mod server;
pub(super) mod site;
pub(super) mod site_address;
pub(super) mod task;
