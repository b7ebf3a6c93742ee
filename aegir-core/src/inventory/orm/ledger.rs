//! The ownership ledger as rows.

use async_trait::async_trait;
use sea_orm::{
    ColumnTrait as _, Condition, DatabaseTransaction, EntityTrait as _, ExprTrait as _, IntoActiveModel as _, ModelTrait as _,
    QueryFilter as _,
};

use super::OrmInventory;
use super::column::{entity, word};
use super::row::ledger::{Column, Entity, Model};
use crate::Result;
use crate::entity::{EntityRef, Resource, ResourceKind};
use crate::inventory::Ledger;
use crate::inventory::refusal::owned_by_other;

fn key(resource: &Resource) -> Result<(String, String, String)> {
    Ok((word(resource.kind)?, resource.server.to_string(), resource.name.clone()))
}

/// Rows of the same owner below a path: from `path/` up to `path0`, for `0` is what follows `/`.
fn below(row: &Model) -> Condition {
    Condition::all()
        .add(Column::Kind.eq(&row.kind))
        .add(Column::Server.eq(&row.server))
        .add(Column::Name.gte(format!("{}/", row.name)))
        .add(Column::Name.lt(format!("{}0", row.name)))
        .add(Column::OwnerKind.eq(&row.owner_kind))
        .add(Column::Owner.eq(&row.owner))
}

impl OrmInventory {
    /// Records an owner; refuses when somebody else is.
    pub(super) async fn record(&self, resource: &Resource, owner: &EntityRef, transaction: &DatabaseTransaction) -> Result<()> {
        let (owner_kind, owner_name) = entity(owner);
        let (kind, server, name) = key(resource)?;
        let found =
            Entity::find_by_id((kind.clone(), server.clone(), name.clone())).one(transaction).await.map_err(|e| self.problem(&e))?;
        match found {
            Some(row) if row.owner_kind == owner_kind && row.owner == owner_name => Ok(()),
            Some(row) => Err(owned_by_other(resource, &self.read_entity(&row.owner_kind, &row.owner)?)),
            None => {
                let row = Model { kind, server, name, owner_kind: owner_kind.to_owned(), owner: owner_name.to_owned() };
                Entity::insert(row.into_active_model()).exec_without_returning(transaction).await.map_err(|e| self.problem(&e))?;
                Ok(())
            }
        }
    }

    /// Strikes a resource, and below a path what its owner has there.
    pub(super) async fn strike(&self, resource: &Resource, transaction: &DatabaseTransaction) -> Result<()> {
        let Some(row) = Entity::find_by_id(key(resource)?).one(transaction).await.map_err(|e| self.problem(&e))? else { return Ok(()) };
        if resource.kind == ResourceKind::Path {
            Entity::delete_many().filter(below(&row)).exec(transaction).await.map_err(|e| self.problem(&e))?;
        }
        row.delete(transaction).await.map_err(|e| self.problem(&e))?;
        Ok(())
    }
}

#[async_trait]
impl Ledger for OrmInventory {
    async fn owner(&self, resource: &Resource) -> Result<Option<EntityRef>> {
        let key = key(resource)?;
        let row = self.run(|| Entity::find_by_id(key.clone()).one(&self.db)).await?;
        row.map(|row| self.read_entity(&row.owner_kind, &row.owner)).transpose()
    }

    async fn owned_by(&self, owner: &EntityRef) -> Result<Vec<Resource>> {
        let (kind, name) = entity(owner);
        let rows = self.run(|| Entity::find().filter(Column::OwnerKind.eq(kind).and(Column::Owner.eq(name))).all(&self.db)).await?;
        let resource = |row: Model| Ok(Resource { kind: self.read_word(&row.kind)?, server: self.read_word(&row.server)?, name: row.name });
        let mut resources = rows.into_iter().map(resource).collect::<Result<Vec<_>>>()?;
        resources.sort();
        Ok(resources)
    }
}
