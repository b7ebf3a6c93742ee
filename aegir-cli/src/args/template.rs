//! `aegir template …` and `aegir service …`

use clap::Subcommand;

/// Templates of configuration files.
#[derive(Debug, Subcommand)]
#[command(arg_required_else_help = true)]
pub(crate) enum TemplateVerb {
    /// List templates, and which are overridden
    #[command(after_help = "Examples:\n  aegir template list")]
    List,
    /// Print a template as it is used
    #[command(after_help = "Examples:\n  aegir template show apache/vhost.conf")]
    Show {
        /// Its name
        template: String,
    },
    /// Copy a built-in template to ROOT/templates, where your copy wins
    #[command(after_help = "Examples:\n  aegir template eject apache/vhost.conf")]
    Eject {
        /// Its name
        template: String,
    },
    /// How your copy differs from the built-in one
    #[command(after_help = "Examples:\n  aegir template diff apache/vhost.conf\n  aegir template diff")]
    Diff {
        /// Its name; all overrides when not given
        template: Option<String>,
    },
}

/// What servers can offer.
#[derive(Debug, Subcommand)]
#[command(arg_required_else_help = true)]
pub(crate) enum ServiceVerb {
    /// List services and the types that fill them
    #[command(after_help = "Examples:\n  aegir service list")]
    List,
    /// Show a service type and what its settings may be
    #[command(after_help = "Examples:\n  aegir service show apache\n  aegir service show mysql --json")]
    Show {
        /// Its name
        name: String,
    },
}
