//! What a bare machine needs for Apache: packages, modules, include file, sudo rule. Data, read by `aegir init`.

use aegir_core::Result;
use aegir_core::entity::Server;
use aegir_core::service::PlanContext;
use aegir_core::template::Content;
use camino::Utf8PathBuf;

/// Debian's packages: the web server, PHP with what Drupal and WordPress ask for, and curl for probes.
pub const PACKAGES: &[&str] =
    &["apache2", "php-fpm", "php-cli", "php-mysql", "php-gd", "php-xml", "php-mbstring", "php-curl", "php-zip", "php-intl", "curl"];

/// The modules that the templates use.
pub const MODULES: &[&str] = &["proxy", "proxy_fcgi", "setenvif", "rewrite", "headers", "env", "alias", "dir", "authz_core"];

/// Where enabled modules show, as `NAME.load`.
pub const MODULES_ENABLED: &str = "/etc/apache2/mods-enabled";

/// The include file.
pub const INCLUDE: &str = "/etc/apache2/conf-available/aegir.conf";

/// The include file where it is in use: a link that `a2enconf aegir` makes.
pub const ENABLED_INCLUDE: &str = "/etc/apache2/conf-enabled/aegir.conf";

/// Tests the candidate configuration. Debian's `apache2ctl` hands unknown words to Apache itself.
pub const TEST: &[&str] = &["/usr/sbin/apache2ctl", "-t", "-D", "AegirCandidate"];

/// Loads the live configuration; no request is dropped. Starts Apache if it does not run.
pub const RELOAD: &[&str] = &["/usr/sbin/apache2ctl", "graceful"];

/// Tests the live configuration, for people.
pub const CONFIGTEST: &[&str] = &["/usr/sbin/apache2ctl", "configtest"];

/// What to do, as root, in this order, before the server is enrolled.
#[derive(Clone, Debug)]
pub struct Preparation {
    /// Packages to install.
    pub packages: &'static [&'static str],
    /// Modules to turn on, with `a2enmod`.
    pub modules: &'static [&'static str],
    /// Parts to turn off first when they are on, with `a2dismod -f`: PHP inside Apache would run scripts that these
    /// templates do not let run, and keeps Apache on the process-per-request model.
    pub modules_off: &'static [&'static str],
    /// The file to write, owner root, mode 0644.
    pub include: (Utf8PathBuf, Content),
    /// The name to turn on behind it, with `a2enconf`.
    pub conf: &'static str,
    /// Argument vectors that the account may run as root without a password, exactly as they stand.
    pub sudo: &'static [&'static [&'static str]],
    /// Tests the configuration after all that; then reload, or restart when modules changed.
    pub test: &'static [&'static str],
}

/// What a machine needs so that Apache there can be configured by the account Aegir works as.
pub fn preparation(server: &Server, cx: &PlanContext<'_>) -> Result<Preparation> {
    let config = server.config_dir();
    let data = serde_json::json!({ "config": config, "candidate": config.join(".candidate") });
    Ok(Preparation {
        packages: PACKAGES,
        modules: MODULES,
        modules_off: &["php8.2", "php8.3", "php8.4", "mpm_prefork"],
        include: (INCLUDE.into(), cx.render("apache/include.conf", &data, &[])?),
        conf: "aegir",
        sudo: &[TEST, RELOAD, CONFIGTEST],
        test: CONFIGTEST,
    })
}

/// The lines of a sudo rule for exactly these commands: no wildcard, no shell, no other argument.
pub fn sudo_rule(user: &str, commands: &[&[&str]]) -> String {
    let list: Vec<String> = commands.iter().map(|argv| argv.join(" ")).collect();
    format!(
        "# Written by `aegir init`: exactly what Aegir runs as root.\nDefaults:{user} !requiretty\n{user} ALL=(root) NOPASSWD: {}\n",
        list.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sudo_rule_names_whole_commands() {
        insta::assert_snapshot!(sudo_rule("aegir", &[TEST, RELOAD, CONFIGTEST]), @r"
        # Written by `aegir init`: exactly what Aegir runs as root.
        Defaults:aegir !requiretty
        aegir ALL=(root) NOPASSWD: /usr/sbin/apache2ctl -t -D AegirCandidate, /usr/sbin/apache2ctl graceful, /usr/sbin/apache2ctl configtest
        ");
    }
}
