//! The named checks of a database server: it answers, it is new enough, its administrator may do what Aegir does.

use aegir_core::Result;
use aegir_core::entity::{Database, Server};
use aegir_core::service::{Check, PlanContext, as_root};

use super::account::{names_hint, needs_names, skips_names};
use super::config::stays;
use super::database::COLLATION;
use super::encryption::offered;
use super::fault::explain;
use super::rights::{GRANT_ADMIN, missing};
use super::session::Session;
use super::{Access, Config, Tls, globals, quote};

pub(super) async fn all(config: &Config, server: &Server, cx: &PlanContext<'_>) -> Result<Vec<Check>> {
    let client = match server.facts()?.db_client.as_ref() {
        Some(version) => Check::pass("db.client", version.clone()),
        None => Check::fail("db.client", "no mysql client is installed; dumps need it", as_root(server, "apt-get install mariadb-client")),
    };
    let mut checks = vec![client];
    // One whose password has expired is let in, and told so at the first question.
    match asked(config, server, cx).await {
        Ok(found) => checks.extend(found),
        Err(error) => checks.push(Check::fail("db.reachable", error.chain().join(": "), error.hints().join("; "))),
    }
    Ok(checks)
}

/// What the database server itself is asked.
async fn asked(config: &Config, server: &Server, cx: &PlanContext<'_>) -> Result<Vec<Check>> {
    let access = config.access(server)?;
    let mut session = access.connect(cx).await?;
    let mut checks = inside(&access, &mut session).await?;
    checks.extend(globals::checks(&mut session, &access).await?);
    checks.extend(names(&access, &mut session, server, cx).await?);
    checks.extend(protection(config, server));
    checks.extend(open_to_readers(&access, &mut session, server, cx).await?);
    Ok(checks)
}

async fn inside(access: &Access, session: &mut Session) -> Result<Vec<Check>> {
    let version = session.value("SELECT VERSION()").await.map_err(|f| explain(access, &f))?.unwrap_or_default();
    let grants = session.column("SHOW GRANTS").await.map_err(|f| explain(access, &f))?;
    let collations =
        session.column(&format!("SHOW COLLATION LIKE {}", quote::literal(COLLATION)?)).await.map_err(|f| explain(access, &f))?;
    let lacks = missing(&grants);
    Ok(vec![
        Check::pass("db.reachable", format!("{version} answers {} at {}", access.user, access.place())),
        match new_enough(&version) {
            true => Check::pass("db.version", version.clone()),
            false => Check::warn(
                "db.version",
                format!("{version}; Drupal 10 needs MariaDB 10.3 or MySQL 5.7, and Aegir is tried with MariaDB 10.11"),
                "upgrade the database server",
            ),
        },
        if lacks.is_empty() {
            Check::pass("db.rights", format!("{} may make and drop databases and users, and grant", access.user))
        } else {
            Check::fail(
                "db.rights",
                format!("{} lacks {}", access.user, lacks.join(", ")),
                format!("as its root: `mysql -e \"{}\"`", GRANT_ADMIN.replace("{user}", &access.user)),
            )
        },
        if collations.is_empty() {
            Check::fail("db.utf8mb4", format!("there is no {COLLATION}"), "upgrade the database server")
        } else {
            Check::pass("db.utf8mb4", COLLATION)
        },
    ])
}

/// Users are known by the names of their hosts, as far as there are such.
async fn names(access: &Access, session: &mut Session, server: &Server, cx: &PlanContext<'_>) -> Result<Option<Check>> {
    if !skips_names(session).await.map_err(|f| explain(access, &f))? {
        return Ok(None);
    }
    let named = sites(server, cx, |database| database.grants.iter().any(needs_names)).await?;
    let evidence = format!("skip-name-resolve is set, and the users of {} are known by host names", named.join(", "));
    Ok((!named.is_empty()).then(|| Check::fail("db.names", evidence, names_hint(server.name.as_str()))))
}

/// The sites whose databases are here, of some kind.
async fn sites(server: &Server, cx: &PlanContext<'_>, wanted: impl Fn(&Database) -> bool) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for summary in cx.inventory().sites(&aegir_core::inventory::SiteFilter::default()).await? {
        let site = cx.inventory().site(&summary.uri).await?;
        let here = site.filter(|site| site.database.server == server.name && wanted(&site.database));
        found.extend(here.map(|site| site.uri.to_string()));
    }
    Ok(found)
}

/// A server without a certificate, and sites elsewhere that talk to it.
async fn open_to_readers(access: &Access, session: &mut Session, server: &Server, cx: &PlanContext<'_>) -> Result<Option<Check>> {
    if offered(session).await.map_err(|f| explain(access, &f))? {
        return Ok(None);
    }
    let open = sites(server, cx, |database| !stays(&database.host)).await?;
    let evidence = format!("no certificate: what {} say to their databases can be read on the way", open.join(", "));
    let mend = format!(
        "on {server}: `ssl_cert` and `ssl_key` in the database server's configuration, then `aegir site verify` of each",
        server = server.name
    );
    Ok((!open.is_empty()).then(|| Check::warn("db.certificate", evidence, mend)))
}

/// How what crosses a network is protected, where something does.
fn protection(config: &Config, server: &Server) -> Option<Check> {
    let edit = |setting: &str| format!("`aegir server edit {} --set db.{setting}`", server.name);
    match config.protection() {
        Tls::Proved(_) => Some(Check::pass("db.tls", format!("encrypted; {} proves who it is", config.host))),
        Tls::Demanded => Some(Check::warn("db.tls", format!("encrypted; whoever answers as {} is believed", config.host), edit("ca=FILE"))),
        Tls::Offered if !config.tls => {
            Some(Check::warn("db.tls", format!("what goes to {} can be read on the way", config.host), edit("tls=true")))
        }
        Tls::Offered => None,
    }
}

/// `10.11.6-MariaDB-0+deb12u1`, `8.0.36`.
fn new_enough(version: &str) -> bool {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map_while(|n| n.parse::<u32>().ok());
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version.contains("MariaDB") { found >= (10, 5) } else { found >= (8, 0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_versions_of_both_servers() {
        assert!(new_enough("10.11.19-MariaDB-0+deb12u1") && new_enough("11.8.2-MariaDB") && new_enough("8.0.36") && new_enough("8.4.0"));
        assert!(!new_enough("10.3.39-MariaDB") && !new_enough("5.7.44") && !new_enough(""));
    }
}
