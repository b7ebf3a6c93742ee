//! Platforms as rows.

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{ColumnTrait as _, DatabaseTransaction, DbErr, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _};

use super::OrmInventory;
use super::column::{document, number};
use super::row::platform::{Column, Entity, Model};
use super::row::site;
use crate::Result;
use crate::entity::Platform;
use crate::inventory::Platforms;
use crate::inventory::refusal::check_revision;
use crate::name::{PlatformName, ServerName};

async fn store(row: Model, transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    let replace = OnConflict::column(Column::Name).update_columns([Column::Server, Column::Revision, Column::Doc]).to_owned();
    Entity::insert(row.into_active_model()).on_conflict(replace).exec_without_returning(transaction).await.map(drop)
}

/// A platform's sites are listed on the platform's server, wherever that goes.
async fn move_sites(platform: &PlatformName, server: &ServerName, transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    site::Entity::update_many()
        .col_expr(site::Column::Server, Expr::value(server.as_str()))
        .filter(site::Column::Platform.eq(platform.as_str()).and(site::Column::Server.ne(server.as_str())))
        .exec(transaction)
        .await
        .map(drop)
}

#[async_trait]
impl Platforms for OrmInventory {
    async fn platform(&self, name: &PlatformName) -> Result<Option<Platform>> {
        let row = self.run(|| Entity::find_by_id(name.as_str()).one(&self.db)).await?;
        row.map(|row| self.read_document("a platform", &row.doc)).transpose()
    }

    async fn platforms(&self) -> Result<Vec<Platform>> {
        let rows = self.run(|| Entity::find().order_by_asc(Column::Name).all(&self.db)).await?;
        rows.iter().map(|row| self.read_document("a platform", &row.doc)).collect()
    }

    async fn save_platform(&self, platform: &Platform) -> Result<u64> {
        let transaction = self.begin().await?;
        let stored = Entity::find_by_id(platform.name.as_str()).one(&transaction).await.map_err(|e| self.problem(&e))?;
        let stored = stored.map_or(Ok(0), |row| self.read_number(row.revision))?;
        let revision = check_revision(&format!("platform {}", platform.name), platform.revision, stored)?;
        let doc = document(&Platform { revision, ..platform.clone() })?;
        let row = Model { name: platform.name.to_string(), server: platform.server.to_string(), revision: number(revision)?, doc };
        store(row, &transaction).await.map_err(|e| self.problem(&e))?;
        move_sites(&platform.name, &platform.server, &transaction).await.map_err(|e| self.problem(&e))?;
        self.commit(transaction).await?;
        Ok(revision)
    }

    async fn delete_platform(&self, name: &PlatformName) -> Result<()> {
        let transaction = self.begin().await?;
        Entity::delete_by_id(name.as_str()).exec(&transaction).await.map_err(|e| self.problem(&e))?;
        move_sites(name, &ServerName::master(), &transaction).await.map_err(|e| self.problem(&e))?;
        self.commit(transaction).await
    }
}
