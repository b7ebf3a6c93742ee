//! The ownership ledger as rows.

use async_trait::async_trait;
use sea_orm::{
    ColumnTrait as _, Condition, DatabaseTransaction, EntityTrait as _, ExprTrait as _, IntoActiveModel as _, ModelTrait as _,
    QueryFilter as _, QueryOrder as _,
};

use super::OrmInventory;
use super::column::{entity, word};
use super::row::ledger::{Column, Entity, Model};
use crate::Result;
use crate::entity::{EntityId, Owner, Resource, ResourceKind};
use crate::inventory::refusal::owned_by_other;
use crate::inventory::{Holding, Ledger, TaskId};

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
        .add(Column::OwnerId.eq(&row.owner_id))
}

impl OrmInventory {
    /// Records an owner on behalf of a task; refuses when somebody else is.
    pub(super) async fn record(&self, resource: &Resource, owner: &Owner, task: TaskId, transaction: &DatabaseTransaction) -> Result<()> {
        let (owner_kind, owner_name) = entity(&owner.entity);
        let (kind, server, name) = key(resource)?;
        let found =
            Entity::find_by_id((kind.clone(), server.clone(), name.clone())).one(transaction).await.map_err(|e| self.problem(&e))?;
        match found.map(|row| self.read_holding(&row)).transpose()? {
            Some(held) if held.owner == *owner => Ok(()),
            Some(held) => Err(owned_by_other(resource, &held.owner)),
            None => {
                let row = Model {
                    kind,
                    server,
                    name,
                    owner_kind: owner_kind.to_owned(),
                    owner: owner_name.to_owned(),
                    owner_id: owner.id.to_string(),
                    task: task.0,
                };
                Entity::insert(row.into_active_model()).exec_without_returning(transaction).await.map_err(|e| self.problem(&e))?;
                Ok(())
            }
        }
    }

    fn read_holding(&self, row: &Model) -> Result<Holding> {
        let id = EntityId::parse(&row.owner_id).map_err(|e| self.unreadable(&format!("the id {:?}", row.owner_id), e))?;
        Ok(Holding { owner: Owner::new(self.read_entity(&row.owner_kind, &row.owner)?, id), task: TaskId(row.task) })
    }

    fn read_resource(&self, row: &Model) -> Result<Resource> {
        Ok(Resource { kind: self.read_word(&row.kind)?, server: self.read_word(&row.server)?, name: row.name.clone() })
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
    async fn holding(&self, resource: &Resource) -> Result<Option<Holding>> {
        let key = key(resource)?;
        let row = self.run(|| Entity::find_by_id(key.clone()).one(&self.db)).await?;
        row.map(|row| self.read_holding(&row)).transpose()
    }

    async fn below(&self, path: &Resource) -> Result<Vec<(Resource, Owner)>> {
        let (kind, server, name) = key(path)?;
        let inside = Column::Name.gte(format!("{name}/")).and(Column::Name.lt(format!("{name}0")));
        let rows = Entity::find()
            .filter(Column::Kind.eq(kind))
            .filter(Column::Server.eq(server))
            .filter(Column::Name.eq(name).or(inside))
            .order_by_asc(Column::Name);
        let rows = self.run(|| rows.clone().all(&self.db)).await?;
        rows.iter().map(|row| Ok((self.read_resource(row)?, self.read_holding(row)?.owner))).collect()
    }

    async fn owned_by(&self, owner: &Owner) -> Result<Vec<Resource>> {
        let (kind, name) = entity(&owner.entity);
        let by = Column::OwnerKind.eq(kind).and(Column::Owner.eq(name)).and(Column::OwnerId.eq(owner.id.to_string()));
        let rows = self.run(|| Entity::find().filter(by.clone()).all(&self.db)).await?;
        let mut resources = rows.iter().map(|row| self.read_resource(row)).collect::<Result<Vec<_>>>()?;
        resources.sort();
        Ok(resources)
    }
}
