//! The checks about the account that serves sites: that Aegir may become it, and what shares it.

use aegir_core::Result;
use aegir_core::entity::Server;
use aegir_core::inventory::SiteFilter;
use aegir_core::server::{Command, Output};
use aegir_core::service::{Check, Fed, PlanContext, set_up};

/// Keeps it from making a crontab: a site's code could go on after the site. One that root makes for it still runs.
pub(super) fn without_crontab(server: &Server) -> Fed {
    let account = server.web_account().to_owned();
    Fed {
        what: format!("no crontab by {account} itself"),
        program: ["sh", "-s", "--", &account].map(str::to_owned).to_vec(),
        ask: "if [ -e /etc/cron.allow ]; then grep -qxF \"$1\" /etc/cron.allow || echo denied
else grep -qxsF \"$1\" /etc/cron.deny && echo denied; fi; exit 0\n"
            .to_owned(),
        answer: "denied".to_owned(),
        make: "if [ -e /etc/cron.allow ]; then sed -i \"/^$1\\$/d\" /etc/cron.allow
else umask 022; grep -qxsF \"$1\" /etc/cron.deny || printf '%s\\n' \"$1\" >>/etc/cron.deny; fi\n"
            .to_owned(),
        unmake: "[ ! -e /etc/cron.deny ] || sed -i \"/^$1\\$/d\" /etc/cron.deny
[ -s /etc/cron.deny ] || rm -f /etc/cron.deny\n"
            .to_owned(),
        locked: String::new(),
        unlock: String::new(),
    }
}

/// Becomes it, as every task that runs a site's code does.
pub(super) fn question(server: &Server) -> Command {
    Command::new("sudo").args(["-n", "-u", server.web_account(), "--", "true"]).only_reads()
}

pub(super) fn becomes(server: &Server, answer: &Output) -> Check {
    let account = server.web_account();
    if answer.ok() {
        return Check::pass("web.account", format!("the code of sites runs as {account}"));
    }
    let said = answer.error_text();
    let why = said.lines().next().map(|line| format!(": {}", line.trim())).unwrap_or_default();
    Check::fail("web.account", format!("{} may not become {account}, which the code of sites runs as{why}", server.user), set_up(server))
}

/// Sites that share an account are not kept from one another; whoever hosts strangers must know.
pub(super) async fn isolation(server: &Server, cx: &PlanContext<'_>) -> Result<Check> {
    let account = server.web_account();
    let sites = cx.inventory().sites(&SiteFilter { platform: None, server: Some(server.name.clone()) }).await?;
    Ok(match sites.len() {
        0 | 1 => Check::pass("web.isolation", format!("no two sites share the account {account}")),
        count => Check::warn(
            "web.isolation",
            format!(
                "{count} sites run as the one account {account}: the PHP of each can read the settings and salts and change the uploads of all, and what it starts or leaves as {account} can outlive its site"
            ),
            "host sites that do not trust each other on servers of their own; README, “What sites share”",
        ),
    })
}
