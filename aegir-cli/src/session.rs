//! What a command works with: the open front door, and where to show things.

use aegir_core::Aegir;

use crate::args::Global;
use crate::ui::Ui;

/// What a command works with.
pub(crate) struct Session {
    pub(crate) aegir: Aegir,
    pub(crate) ui: Ui,
    pub(crate) global: Global,
}
