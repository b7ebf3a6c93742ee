//! What a bare machine needs for Apache: packages, modules, include file, the helper's verbs. Data, for `init` and `bootstrap`.

use aegir_core::Result;
use aegir_core::action::Answers;
use aegir_core::entity::Server;
use aegir_core::service::{PlanContext, Preparation, RootFile, Switches, SystemService};

use super::{Config, account};

/// Debian's packages: the web server, PHP with what Drupal and WordPress ask for, curl for probes, and what dumps
/// the databases of sites, which are often elsewhere.
pub const PACKAGES: &[&str] = &[
    "apache2",
    "php-fpm",
    "php-cli",
    "php-mysql",
    "php-gd",
    "php-xml",
    "php-mbstring",
    "php-curl",
    "php-zip",
    "php-intl",
    "curl",
    "mariadb-client|default-mysql-client|mysql-client*|mysql-community-client",
];

/// The modules that the templates use.
pub const MODULES: &[&str] = &["proxy", "proxy_fcgi", "setenvif", "rewrite", "headers", "env", "alias", "dir", "authz_core"];

/// Where enabled modules show, as `NAME.load`.
pub const MODULES_ENABLED: &str = "/etc/apache2/mods-enabled";

/// The include file.
pub const INCLUDE: &str = "/etc/apache2/conf-available/aegir.conf";

/// The include file where it is in use: a link that `a2enconf aegir` makes.
pub const ENABLED_INCLUDE: &str = "/etc/apache2/conf-enabled/aegir.conf";

/// What Apache reads, and what it tests: root's copies of what the helper found good.
pub const LIVE: &str = "/var/lib/aegir/apache/live";
const CANDIDATE: &str = "/var/lib/aegir/apache/candidate";

/// Has the helper test the configuration with the candidate's files in it.
pub const TEST: &[&str] = &["apache", "test"];

/// Has the helper take the configuration over and load it; no request is dropped. Starts Apache if it does not run.
pub const APPLY: &[&str] = &["apache", "apply"];

/// Asks the helper whether files are served as they are written.
pub const SAME: &[&str] = &["apache", "same"];

/// Asks the helper for the virtual hosts that are not Aegir's.
pub const VHOSTS: &[&str] = &["apache", "vhosts"];

/// What `init` and the bootstrap script do as root.
const RELOAD: &[&str] = &["/usr/sbin/apache2ctl", "graceful"];
const CONFIGTEST: &[&str] = &["/usr/sbin/apache2ctl", "configtest"];

/// Where what `a2enconf` turned on shows.
pub const CONF_ENABLED: &str = "/etc/apache2/conf-enabled";

/// PHP inside Apache would run scripts that these templates do not let run, and keeps Apache on the process-per-request
/// model.
const MODULES_OFF: &[&str] = &["php7.4", "php8.1", "php8.2", "php8.3", "php8.4"];

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

/// What a machine needs so that Apache there can be configured by the account Aegir works as.
pub(super) fn preparation(config: &Config, server: &Server, cx: &PlanContext<'_>) -> Result<Preparation> {
    let data = serde_json::json!({ "config": LIVE, "candidate": CANDIDATE });
    let apache = "apache2".to_owned();
    let switches = |what: &str, names: &[&str], directory: &str, suffix: &str, on: &str, off: &[&str]| Switches {
        what: what.to_owned(),
        names: words(names),
        without: Vec::new(),
        exchange: Vec::new(),
        directory: directory.into(),
        suffix: suffix.to_owned(),
        on: words(&[on, "-q"]),
        off: words(off),
        service: apache.clone(),
    };
    let mut modules = switches("Apache modules", MODULES, MODULES_ENABLED, ".load", "a2enmod", &["a2dismod", "-q", "-f"]);
    modules.without = words(MODULES_OFF);
    // A server needs one of the two.
    modules.exchange = vec![("mpm_prefork".to_owned(), "mpm_event".to_owned())];
    let conf = switches("Apache configuration", &["aegir"], CONF_ENABLED, ".conf", "a2enconf", &["a2disconf", "-q"]);

    let mut wanted = Preparation::default();
    wanted.packages = words(PACKAGES);
    wanted.files = vec![RootFile {
        path: INCLUDE.into(),
        or: None,
        content: cx.render("apache/include.conf", &data, &[])?,
        mode: 0o644,
        test: Vec::new(),
        service: Some(apache.clone()),
    }];
    wanted.switches = vec![modules, conf];
    wanted.services = vec![
        SystemService {
            name: apache,
            answers: Answers::Process { pid_file: "/run/apache2/apache2.pid".into(), program: "apache2".to_owned() },
            test: words(CONFIGTEST),
            reload: words(RELOAD),
            restart: words(&["service", "apache2", "restart"]),
            // Debian's configuration listens on the first one, whatever ours says.
            ports: if config.port == 80 { vec![80] } else { vec![80, config.port] },
        },
        SystemService {
            name: "php*-fpm".to_owned(),
            answers: Answers::Process { pid_file: "/run/php/php*-fpm.pid".into(), program: "php-fpm*".to_owned() },
            test: Vec::new(),
            reload: Vec::new(),
            restart: Vec::new(),
            ports: Vec::new(),
        },
    ];
    wanted.run_as = vec![server.web_account().to_owned()];
    wanted.fed = vec![account::without_crontab(server)];
    wanted.helper = vec![include_str!("helper.pl").to_owned()];
    Ok(wanted)
}
