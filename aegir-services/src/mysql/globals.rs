//! What an operator set for a whole database server and what ends our work there, or cuts what is read.

use aegir_core::name::ServerName;
use aegir_core::service::Check;
use aegir_core::{Error, Result};

use super::Access;
use super::fault::{explain, read_only};
use super::session::Session;

/// `sql_select_limit` where there is none.
const UNLIMITED: &str = "18446744073709551615";

/// Refuses a server that takes no changes: the administrator may be let through, and would part a copy from its original.
pub(super) async fn require_writable(session: &mut Session, access: &Access) -> Result<()> {
    match closed(session, access).await? {
        Some(what) => Err(read_only(&access.server).because(format!("{what} is on there"))),
        None => Ok(()),
    }
}

/// Refuses a server that cuts what the dumping client reads, which takes its variables as they are.
pub(super) async fn require_uncut(session: &mut Session, access: &Access) -> Result<()> {
    match cut(session, access).await? {
        Some(what) => Err(Error::refused(format!("the database server on {} would cut what is dumped", access.server))
            .context("server", &access.server)
            .because(what)
            .hint(uncut_hint(&access.server))),
        None => Ok(()),
    }
}

/// Both, as named checks.
pub(super) async fn checks(session: &mut Session, access: &Access) -> Result<Vec<Check>> {
    let writable = match closed(session, access).await? {
        Some(what) => Check::fail("db.writable", format!("{what} is on: nothing can be changed there"), {
            read_only(&access.server).hints().join("; ")
        }),
        None => Check::pass("db.writable", "it takes changes"),
    };
    let cut = cut(session, access)
        .await?
        .map(|what| Check::warn("db.limits", format!("{what}: no site can be archived"), uncut_hint(&access.server)));
    Ok([writable].into_iter().chain(cut).collect())
}

fn uncut_hint(server: &ServerName) -> String {
    format!(
        "on {server}: `mysql -e 'SET GLOBAL sql_select_limit = DEFAULT'`, and take sql_select_limit out of its configuration and of init_connect"
    )
}

async fn closed(session: &mut Session, access: &Access) -> Result<Option<&'static str>> {
    for (name, sql) in
        [("read_only", "SELECT CAST(@@GLOBAL.read_only AS CHAR)"), ("innodb_read_only", "SELECT CAST(@@GLOBAL.innodb_read_only AS CHAR)")]
    {
        let value = session.value(sql).await.map_err(|f| explain(access, &f))?.unwrap_or_default();
        if value != "0" && !value.eq_ignore_ascii_case("off") {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

async fn cut(session: &mut Session, access: &Access) -> Result<Option<String>> {
    let sql = "SELECT CAST(@@GLOBAL.sql_select_limit AS CHAR), COALESCE(@@GLOBAL.init_connect, '')";
    let found: Vec<[String; 2]> = session.rows_of(sql).await.map_err(|f| explain(access, &f))?;
    let Some([limit, begin]) = found.into_iter().next() else { return Ok(None) };
    Ok(match limit.as_str() {
        UNLIMITED if begin.to_ascii_lowercase().contains("sql_select_limit") => Some("init_connect sets sql_select_limit there".to_owned()),
        UNLIMITED => None,
        _ => Some(format!("sql_select_limit is {limit} there")),
    })
}
