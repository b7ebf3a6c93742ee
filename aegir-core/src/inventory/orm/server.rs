//! Servers as rows.

use async_trait::async_trait;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait as _, DatabaseTransaction, DbErr, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _};

use super::OrmInventory;
use super::column::{document, number};
use super::row::noted_check;
use super::row::server::{Column, Entity, Model};
use crate::Result;
use crate::entity::Server;
use crate::inventory::Servers;
use crate::inventory::refusal::check_revision;
use crate::name::ServerName;

async fn store(row: Model, transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    let replace = OnConflict::column(Column::Name).update_columns([Column::Revision, Column::Doc]).to_owned();
    Entity::insert(row.into_active_model()).on_conflict(replace).exec_without_returning(transaction).await.map(drop)
}

#[async_trait]
impl Servers for OrmInventory {
    async fn server(&self, name: &ServerName) -> Result<Option<Server>> {
        let row = self.run(|| Entity::find_by_id(name.as_str()).one(&self.db)).await?;
        row.map(|row| self.read_document("a server", &row.doc)).transpose()
    }

    async fn servers(&self) -> Result<Vec<Server>> {
        let rows = self.run(|| Entity::find().order_by_asc(Column::Name).all(&self.db)).await?;
        rows.iter().map(|row| self.read_document("a server", &row.doc)).collect()
    }

    async fn save_server(&self, server: &Server) -> Result<u64> {
        let transaction = self.begin().await?;
        let stored = Entity::find_by_id(server.name.as_str()).one(&transaction).await.map_err(|e| self.problem(&e))?;
        let stored = stored.map_or(Ok(0), |row| self.read_number(row.revision))?;
        let revision = check_revision(&format!("server {}", server.name), server.revision, stored)?;
        let doc = document(&Server { revision, ..server.clone() })?;
        let row = Model { name: server.name.to_string(), revision: number(revision)?, doc };
        store(row, &transaction).await.map_err(|e| self.problem(&e))?;
        self.commit(transaction).await?;
        Ok(revision)
    }

    async fn delete_server(&self, name: &ServerName) -> Result<()> {
        let transaction = self.begin().await?;
        let removed = async {
            noted_check::Entity::delete_many().filter(noted_check::Column::Server.eq(name.as_str())).exec(&transaction).await?;
            Entity::delete_by_id(name.as_str()).exec(&transaction).await.map(drop)
        };
        removed.await.map_err(|e| self.problem(&e))?;
        self.commit(transaction).await
    }
}
