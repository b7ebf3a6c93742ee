//! What checks found, as rows.

use async_trait::async_trait;
use sea_orm::{ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _};

use super::OrmInventory;
use super::column::document;
use super::row::noted_check::{Column, Entity, Model};
use crate::Result;
use crate::inventory::{NotedCheck, Notes};
use crate::name::ServerName;

#[async_trait]
impl Notes for OrmInventory {
    async fn note_checks(&self, server: &ServerName, checks: &[NotedCheck]) -> Result<()> {
        let mut rows = Vec::with_capacity(checks.len());
        for (place, check) in (0..).zip(checks) {
            rows.push(Model { server: server.to_string(), place, doc: document(check)? }.into_active_model());
        }
        let transaction = self.begin().await?;
        let replaced = async {
            Entity::delete_many().filter(Column::Server.eq(server.as_str())).exec(&transaction).await?;
            if !rows.is_empty() {
                Entity::insert_many(rows).exec_without_returning(&transaction).await?;
            }
            Ok(())
        };
        replaced.await.map_err(|e| self.problem(&e))?;
        self.commit(transaction).await
    }

    async fn noted_checks(&self, server: &ServerName) -> Result<Vec<NotedCheck>> {
        let rows = self.run(|| Entity::find().filter(Column::Server.eq(server.as_str())).order_by_asc(Column::Place).all(&self.db)).await?;
        rows.iter().map(|row| self.read_document("a noted check", &row.doc)).collect()
    }
}
