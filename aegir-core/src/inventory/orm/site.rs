//! Sites as rows, and the addresses that only one of them can have.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, DbErr, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QuerySelect as _, Select,
};

use super::OrmInventory;
use super::column::{document, number, word};
use super::row::site::{Column, Entity, Model};
use super::row::{platform, site_address};
use crate::Result;
use crate::entity::{Site, SiteSummary};
use crate::inventory::refusal::{check_revision, taken};
use crate::inventory::{SiteFilter, Sites};
use crate::name::{PlatformName, ServerName, SiteUri};

/// Ends a column, and a row, of [`list`]. Names hold no control characters.
const UNIT: char = '\x1f';
const END: char = '\x1e';

/// All that a list shows, as one text: ten thousand rows one by one cost ten times as much in crossing between
/// SQLite's thread and ours. Every column is in the index `site_list`, so that no document is read.
fn list() -> Select<Entity> {
    let columns =
        "uri || char(31) || platform || char(31) || server || char(31) || profile || char(31) || state || char(31) || ifnull(client, '')";
    Entity::find().select_only().column_as(Expr::cust(format!("group_concat({columns}, char(30))")), "list")
}

/// Who of all other sites has one of these addresses.
async fn holders(site: &Site, transaction: &DatabaseTransaction) -> Result<BTreeMap<String, String>, DbErr> {
    let others = site_address::Entity::find()
        .filter(site_address::Column::Address.is_in(site.addresses().map(SiteUri::as_str)))
        .filter(site_address::Column::Site.ne(site.uri.as_str()));
    Ok(others.all(transaction).await?.into_iter().map(|row| (row.address, row.site)).collect())
}

async fn store(row: Model, site: &Site, transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    let all_but_key = [Column::Platform, Column::Server, Column::Profile, Column::State, Column::Client, Column::Revision, Column::Doc];
    let replace = OnConflict::column(Column::Uri).update_columns(all_but_key).to_owned();
    Entity::insert(row.into_active_model()).on_conflict(replace).exec_without_returning(transaction).await?;
    site_address::Entity::delete_many().filter(site_address::Column::Site.eq(site.uri.as_str())).exec(transaction).await?;
    let addresses: BTreeSet<&SiteUri> = site.addresses().collect();
    let rows =
        addresses.into_iter().map(|a| site_address::Model { address: a.to_string(), site: site.uri.to_string() }.into_active_model());
    site_address::Entity::insert_many(rows).exec_without_returning(transaction).await.map(drop)
}

/// The web server a platform is on; the master while there is no such platform.
async fn server_of(site: &Site, transaction: &DatabaseTransaction) -> Result<String, DbErr> {
    let found: Option<String> = platform::Entity::find_by_id(site.platform.as_str())
        .select_only()
        .column(platform::Column::Server)
        .into_tuple()
        .one(transaction)
        .await?;
    Ok(found.unwrap_or_else(|| ServerName::MASTER.to_owned()))
}

impl OrmInventory {
    #[expect(
        clippy::manual_pattern_char_comparison,
        reason = "searching for a character is slower than looking at each where columns are short"
    )]
    fn read_summary(&self, row: &str) -> Result<SiteSummary> {
        let broken = |error| self.unreadable("a site", error);
        let mut columns = row.split(|c| c == UNIT);
        let mut next = || columns.next().unwrap_or_default();
        Ok(SiteSummary {
            uri: SiteUri::parse(next()).map_err(broken)?,
            platform: PlatformName::parse(next()).map_err(broken)?,
            server: ServerName::parse(next()).map_err(broken)?,
            profile: next().to_owned(),
            state: self.read_word(next())?,
            client: Some(next()).filter(|c| !c.is_empty()).map(str::to_owned),
        })
    }
}

#[async_trait]
impl Sites for OrmInventory {
    async fn site(&self, uri: &SiteUri) -> Result<Option<Site>> {
        let row = self.run(|| Entity::find_by_id(uri.as_str()).one(&self.db)).await?;
        row.map(|row| self.read_document("a site", &row.doc)).transpose()
    }

    async fn sites(&self, filter: &SiteFilter) -> Result<Vec<SiteSummary>> {
        let mut query = list();
        if let Some(platform) = &filter.platform {
            query = query.filter(Column::Platform.eq(platform.as_str()));
        }
        if let Some(server) = &filter.server {
            query = query.filter(Column::Server.eq(server.as_str()));
        }
        let text = self.run(|| query.clone().into_tuple::<Option<String>>().one(&self.db)).await?.flatten().unwrap_or_default();
        let mut list = text.split_terminator(END).map(|row| self.read_summary(row)).collect::<Result<Vec<_>>>()?;
        list.sort_unstable_by(|a, b| a.uri.cmp(&b.uri));
        Ok(list)
    }

    async fn site_at(&self, address: &SiteUri) -> Result<Option<SiteUri>> {
        let row = self.run(|| site_address::Entity::find_by_id(address.as_str()).one(&self.db)).await?;
        row.map(|row| row.site.try_into().map_err(|e| self.unreadable("a site's address", e))).transpose()
    }

    async fn save_site(&self, site: &Site) -> Result<u64> {
        let transaction = self.begin().await?;
        let stored = Entity::find_by_id(site.uri.as_str()).one(&transaction).await.map_err(|e| self.problem(&e))?;
        let stored = stored.map_or(Ok(0), |row| self.read_number(row.revision))?;
        let revision = check_revision(&format!("site {}", site.uri), site.revision, stored)?;
        let holders = holders(site, &transaction).await.map_err(|e| self.problem(&e))?;
        if let Some((address, holder)) = site.addresses().find_map(|a| Some((a, holders.get(a.as_str())?))) {
            return Err(taken(address, &SiteUri::parse(holder)?));
        }
        let row = Model {
            uri: site.uri.to_string(),
            platform: site.platform.to_string(),
            server: server_of(site, &transaction).await.map_err(|e| self.problem(&e))?,
            profile: site.profile.to_string(),
            state: word(site.state)?,
            client: site.client.as_ref().map(ToString::to_string),
            revision: number(revision)?,
            doc: document(&Site { revision, ..site.clone() })?,
        };
        store(row, site, &transaction).await.map_err(|e| self.problem(&e))?;
        self.commit(transaction).await?;
        Ok(revision)
    }

    async fn delete_site(&self, uri: &SiteUri) -> Result<()> {
        // Its addresses go with it: the foreign key cascades.
        self.run(|| Entity::delete_by_id(uri.as_str()).exec(&self.db)).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;
    use sea_orm::{ConnectionTrait as _, DbBackend, QueryTrait as _, Statement};

    use super::*;

    #[tokio::test]
    async fn a_list_reads_no_document() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(directory.path().join("aegir.db")).unwrap();
        let inventory = OrmInventory::open(&path).await.unwrap();
        let query = format!("EXPLAIN QUERY PLAN {}", list().build(DbBackend::Sqlite));
        let plan = inventory.db.query_one_raw(Statement::from_string(DbBackend::Sqlite, query)).await.unwrap().unwrap();
        let detail: String = plan.try_get_by("detail").unwrap();
        assert!(detail.contains("COVERING INDEX site_list"), "{detail}");
    }
}
