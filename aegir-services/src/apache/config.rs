//! The settings of the service type `apache`.

use aegir_core::{Error, Result};

/// The settings of Apache on one server.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The port that sites are served on.
    #[serde(default = "eighty")]
    pub port: u16,
}

fn eighty() -> u16 {
    80
}

impl Default for Config {
    fn default() -> Self {
        Self { port: eighty() }
    }
}

impl Config {
    pub(super) fn check(&self) -> Result<()> {
        if self.port == 0 { Err(Error::invalid("the port of apache must be 1 to 65535")) } else { Ok(()) }
    }
}
