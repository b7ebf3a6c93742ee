//! Not written yet.

use aegir_core::service::Registry;

pub(crate) fn register(registry: &mut Registry) {
    let _ = registry;
}
