//! Prepares a bare machine for Apache, as root: the steps that [`super::machine`] names, in order.

use aegir_core::Result;
use aegir_core::action::{Answers, InstallPackages, StartService, TurnOn, ValidatedFile, WriteFile};
use aegir_core::entity::{EntityRef, Server};
use aegir_core::plan::Plan;
use aegir_core::server::Permissions;
use aegir_core::service::PlanContext;
use aegir_core::template::Content;
use camino::Utf8Path;

use super::machine::{MODULES_ENABLED, RELOAD, preparation, sudo_rule};

/// Where what `a2enconf` turned on shows.
const CONF_ENABLED: &str = "/etc/apache2/conf-enabled";

/// The rule for what this service type runs as root; one file a service type.
const SUDOERS: &str = "/etc/sudoers.d/aegir-web";

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

pub(super) async fn prepare(server: &Server, cx: &PlanContext<'_>) -> Result<Plan> {
    let wanted = preparation(server, cx)?;
    let owner = EntityRef::from(server);
    let enabled = cx.observe_server(server).await?.list(Utf8Path::new(MODULES_ENABLED)).await?.unwrap_or_default();
    // A server needs one of these, and only a restart exchanges it.
    let exchanged = wanted.modules_off.iter().any(|m| m.starts_with("mpm_") && enabled.contains(&format!("{m}.load")));
    let mut modules = words(wanted.modules);
    if exchanged {
        modules.push("mpm_event".to_owned());
    }
    let into_use = if exchanged { words(&["service", "apache2", "restart"]) } else { words(RELOAD) };
    let running = || Answers::Process { pid_file: "/run/apache2/apache2.pid".into(), program: "apache2".to_owned() };
    let turn_on = |what: &str, names: Vec<String>, without: Vec<String>, directory: &str, suffix: &str, on: &[&str], off: &[&str]| TurnOn {
        what: what.to_owned(),
        names,
        without,
        directory: directory.into(),
        suffix: suffix.to_owned(),
        on: words(on),
        off: words(off),
        answers: running(),
        reload: vec![words(wanted.test), into_use.clone()],
    };
    let (path, content) = wanted.include.clone();
    let sudoers = WriteFile {
        path: SUDOERS.into(),
        content: Content::plain(sudo_rule(&server.user, wanted.sudo)),
        permissions: Permissions::mode(0o440),
    };
    Plan::empty()
        .then(&server.name, &owner, &InstallPackages::new(wanted.packages))?
        .then(&server.name, &owner, &WriteFile { path, content, permissions: Permissions::mode(0o644) })?
        .then(
            &server.name,
            &owner,
            &turn_on(
                "Apache modules",
                modules,
                words(wanted.modules_off),
                MODULES_ENABLED,
                ".load",
                &["a2enmod", "-q"],
                &["a2dismod", "-q", "-f"],
            ),
        )?
        .then(
            &server.name,
            &owner,
            &turn_on(
                "Apache configuration",
                words(&[wanted.conf]),
                Vec::new(),
                CONF_ENABLED,
                ".conf",
                &["a2enconf", "-q"],
                &["a2disconf", "-q"],
            ),
        )?
        .then(&server.name, &owner, &StartService { service: "apache2".to_owned(), answers: running() })?
        .then(
            &server.name,
            &owner,
            &StartService { service: "php*-fpm".to_owned(), answers: Answers::Socket("/run/php/php*-fpm.sock".into()) },
        )?
        .then(&server.name, &owner, &ValidatedFile { file: sudoers, test: words(&["visudo", "-cf"]) })
}
