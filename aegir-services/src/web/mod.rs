//! The service `web`: what answers HTTP for sites, and what its types share.
//!
//! | module | is |
//! |---|---|
//! | [`SwapConfiguration`] | the configuration firewall: test beside the old, swap, reload, probe, else the old is back |
//! | [`Probe`] | asks the web server, on its own machine, whether it serves what it should |

mod answer;
mod candidate;
mod change;
mod configuration;
mod knock;
mod probe;
mod refusal;
#[cfg(test)]
mod tests;
mod visit;
pub(crate) mod visitor;
mod watch;

pub use change::{Embedded, FileChange};
pub use configuration::SwapConfiguration;
pub use probe::{Expect, MARKER, Outside, PROBE_PATH, Page, Probe};

pub(crate) use knock::knock;
pub(crate) use visit::visit;

use aegir_core::service::{Capabilities, Registry, Service};
use aegir_core::{Error, Result};

/// The service that answers HTTP for sites.
#[derive(Clone, Copy, Debug)]
pub struct Web;

impl Service for Web {
    fn name(&self) -> &'static str {
        "web"
    }

    fn title(&self) -> &'static str {
        "Web server"
    }

    fn after(&self) -> &'static [&'static str] {
        &["db"]
    }

    fn accept(&self, offered: &Capabilities) -> Result<()> {
        if offered.serves_sites { Ok(()) } else { Err(Error::invalid("a web service type must serve sites, and this one does not")) }
    }
}

pub(crate) fn register(registry: &mut Registry) {
    registry.service(Web).actions_mut().add::<SwapConfiguration>();
}
