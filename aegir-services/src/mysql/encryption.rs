//! How sites' own connections are protected that cross a network: encrypted wherever the database server can do that.
//!
//! A server that has no certificate is asked for none, for its own administrator decides about it; one that demands
//! encryption gets it, whatever the settings say.

use aegir_core::entity::{DatabaseTls, Server, SiteContext};
use aegir_core::name::ServerName;
use aegir_core::service::PlanContext;
use aegir_core::{Error, Result};
use camino::Utf8Path;

use super::config::stays;
use super::fault::{Fault, explain};
use super::session::Session;
use super::{Access, Config, Tls, number, seen};

/// A client's word for a certificate that it does not believe.
const NOT_BELIEVED: u16 = 2026;

/// How a site connects to `host`; nothing where it does not leave the machine, or the server cannot encrypt.
pub(super) async fn of_site(
    config: &Config,
    host: &str,
    session: &mut Session,
    admin: &Access,
    cx: &PlanContext<'_>,
) -> Result<Option<DatabaseTls>> {
    let explained = |fault: Fault| explain(admin, &fault);
    if stays(host) {
        return Ok(None);
    }
    let demanded = demanded(session).await.map_err(explained)?;
    if !offered(session).await.map_err(explained)? {
        return if demanded { Err(impossible(admin)) } else { Ok(None) };
    }
    if !config.tls && !demanded {
        return Ok(None);
    }
    Ok(Some(match config.protection_at(host) {
        Tls::Offered | Tls::Demanded => DatabaseTls::Encrypted,
        Tls::Proved(None) => DatabaseTls::Proved(None),
        Tls::Proved(Some(file)) => {
            let master = cx.observe(&ServerName::master()).await?;
            let text = master.read_text(Utf8Path::new(&file)).await?;
            DatabaseTls::Proved(Some(text.ok_or_else(|| no_authority(admin, &file))?))
        }
    }))
}

/// Refuses a server that does not prove to the site's web server who it is: the site would not believe it either. Whoever is
/// turned away before that proves nothing against it.
pub(super) async fn require_proof(
    tls: &DatabaseTls,
    host: &str,
    port: u16,
    admin: &Access,
    web: &Server,
    cx: &PlanContext<'_>,
) -> Result<()> {
    let DatabaseTls::Proved(authority) = tls else { return Ok(()) };
    let answer = cx.observe(&web.name).await?.ask(&seen::proof(host, port, authority.as_deref())).await?;
    let said = answer.error_text();
    if number::of(&said) != Some(NOT_BELIEVED) {
        return Ok(());
    }
    let line = said.lines().find(|line| line.contains("ERROR")).unwrap_or_default().trim();
    Err(Error::refused(format!("the database server at {host}:{port} does not prove to {} who it is", web.name))
        .context("server", &admin.server)
        .because(line)
        .hint(format!(
            "`aegir server edit {} --set db.ca=FILE` names the authority that signed its certificate, `system` for a public one, an empty value for none",
            admin.server
        )))
}

/// The same for programs that Aegir runs on the site's web server. What the site has not been given yet does not prove
/// anything to them either.
pub(super) async fn beside_site(
    config: &Config,
    site: &SiteContext,
    session: &mut Session,
    admin: &Access,
    cx: &PlanContext<'_>,
) -> Result<Tls> {
    Ok(match of_site(config, &site.site.database.host, session, admin, cx).await? {
        None => Tls::Offered,
        Some(DatabaseTls::Encrypted) => Tls::Demanded,
        Some(DatabaseTls::Proved(None)) => Tls::Proved(None),
        Some(DatabaseTls::Proved(Some(_))) => {
            let file = site.authority_path();
            let there = cx.observe(&site.web.name).await?.stat(&file).await?.is_some();
            if there { Tls::Proved(Some(file.into_string())) } else { Tls::Demanded }
        }
    })
}

/// Whether the server has a certificate that it encrypts with.
pub(super) async fn offered(session: &mut Session) -> Result<bool, Fault> {
    let shown = session.table("SHOW GLOBAL STATUS LIKE 'Ssl_server_not_after'", 2).await?;
    Ok(shown.first().is_some_and(|row| !row[1].is_empty()))
}

/// Whether it takes nothing unencrypted; older ones do not know the variable.
async fn demanded(session: &mut Session) -> Result<bool, Fault> {
    match session.value("SELECT CAST(@@GLOBAL.require_secure_transport = 1 AS CHAR)").await {
        Err(fault) if fault.is_refusal() => Ok(false),
        answer => Ok(answer?.as_deref() == Some("1")),
    }
}

fn impossible(admin: &Access) -> Error {
    Error::refused(format!("the database server on {} takes encrypted connections only, and has no certificate", admin.server))
        .context("server", &admin.server)
        .because("require_secure_transport is on there, and what goes there crosses a network")
        .hint(format!("on {}: give it one, `ssl_cert` and `ssl_key` in its configuration, then restart it", admin.server))
        .hint("or put the database on the web server itself (`--db-server`)")
}

fn no_authority(admin: &Access, file: &str) -> Error {
    Error::refused(format!("the authority {file} of the database server on {} is not on the master", admin.server))
        .context("server", &admin.server)
        .context("file", file)
        .hint(format!("put it there, or name another: `aegir server edit {} --set db.ca=FILE`", admin.server))
}
