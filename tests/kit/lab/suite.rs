//! The Debian releases that a host can be of, and what is different about each.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A Debian release; the first is what a host is where nothing else is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Suite {
    /// Debian 12: PHP 8.2, OpenSSH 9.2, MariaDB 10.11, WordPress 6.1.
    #[default]
    Bookworm,
    /// Debian 13: PHP 8.4, OpenSSH 10, MariaDB 11.8, WordPress 6.8.
    Trixie,
    /// Debian's unstable suite, for what is in no release: Oracle's MySQL, and the newest WordPress. It moves, so no
    /// everyday test may need it.
    Sid,
}

/// What every host has.
const COMMON: &[&str] = &[
    // The machine.
    "ca-certificates",
    "cron",
    "curl",
    "iproute2",
    "openssl",
    "openssh-client",
    "openssh-server",
    "procps",
    "rsync",
    "sudo",
    "util-linux",
    "zstd",
    // The services.
    "apache2",
    "nginx",
    "php-fpm", // before "php", which would else be satisfied by the one inside Apache
    "php",
    "php-cli",
    "php-curl",
    "php-gd",
    "php-intl",
    "php-mbstring",
    "php-mysql",
    "php-sqlite3",
    "php-xml",
    "php-zip",
    // A real application.
    "libjs-cropper",
    "libjs-underscore",
    "php-getid3",
    "wordpress",
    "wordpress-l10n",
    "wordpress-theme-twentytwentythree",
];

impl Suite {
    /// How Debian calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
            Self::Sid => "sid",
        }
    }

    /// Whether its database server is Oracle's MySQL; otherwise it is MariaDB.
    #[must_use]
    pub fn has_mysql(self) -> bool {
        self == Self::Sid
    }

    /// Everything that its root holds.
    pub(crate) fn packages(self) -> Vec<&'static str> {
        let own: &[&str] = match self {
            Self::Bookworm => {
                &["mariadb-client", "mariadb-server", "php-opcache", "wordpress-theme-twentytwentyone", "wordpress-theme-twentytwentytwo"]
            }
            Self::Trixie => &["mariadb-client", "mariadb-server", "wordpress-theme-twentytwentyfive", "wordpress-theme-twentytwentyfour"],
            Self::Sid => &["mysql-client", "mysql-server", "wordpress-theme-twentytwentyfive", "wordpress-theme-twentytwentyfour"],
        };
        // In the suite that moves, translations are not there for the newest version.
        let lags = |package: &&str| self == Self::Sid && *package == "wordpress-l10n";
        COMMON.iter().chain(own).copied().filter(|package| !lags(package)).collect()
    }

    /// What makes its database server ready in a fresh root.
    pub(crate) fn database_setup(self) -> &'static str {
        if self.has_mysql() { include_str!("mysql-setup.sh") } else { include_str!("mariadb-setup.sh") }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
