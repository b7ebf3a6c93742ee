//! Leases as rows.

use async_trait::async_trait;
use sea_orm::sea_query::{ExprTrait as _, OnConflict};
use sea_orm::{ColumnTrait as _, DatabaseTransaction, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _};

use super::OrmInventory;
use super::column::word;
use super::row::lease::{Column, Entity, Model};
use super::row::task;
use crate::Result;
use crate::entity::EntityRef;
use crate::inventory::refusal::locked;
use crate::inventory::{Claim, Lease, LeaseMode, Locks, Pass, TaskId, TaskState};

impl OrmInventory {
    /// Takes what a task touches, or says who bars it. Some may be passed.
    pub(super) async fn take_leases(
        &self,
        id: TaskId,
        touches: &[(EntityRef, LeaseMode)],
        pass: Pass,
        transaction: &DatabaseTransaction,
    ) -> Result<()> {
        for (entity, mode) in touches {
            let lease = Lease { key: entity.to_string(), mode: *mode, task: id, brief: false };
            for (other, holder) in self.others(&lease, transaction).await? {
                let passes = pass.passes(entity, self.read_word(&holder.state)?);
                if !passes && (other.mode == LeaseMode::Exclusive || lease.mode == LeaseMode::Exclusive) {
                    return Err(locked(&lease.key, other.task, self.read_word(&holder.state)?));
                }
            }
            self.put_lease(&lease, transaction).await?;
        }
        Ok(())
    }

    /// Leases of other tasks with the same key, and those tasks.
    async fn others(&self, lease: &Lease, transaction: &DatabaseTransaction) -> Result<Vec<(Lease, task::Model)>> {
        let rows = Entity::find().filter(Column::Key.eq(&lease.key).and(Column::Task.ne(lease.task.0)));
        let mut others = Vec::new();
        for row in rows.all(transaction).await.map_err(|e| self.problem(&e))? {
            let holder = task::Entity::find_by_id(row.task).one(transaction).await.map_err(|e| self.problem(&e))?;
            // The foreign key lets no lease be without its task.
            if let Some(holder) = holder {
                others.push((self.read_lease(row)?, holder));
            }
        }
        Ok(others)
    }

    async fn put_lease(&self, lease: &Lease, transaction: &DatabaseTransaction) -> Result<()> {
        let row = Model { key: lease.key.clone(), task: lease.task.0, mode: word(lease.mode)?, brief: lease.brief };
        let replace = OnConflict::columns([Column::Key, Column::Task]).update_columns([Column::Mode, Column::Brief]).to_owned();
        let insert = Entity::insert(row.into_active_model()).on_conflict(replace);
        insert.exec_without_returning(transaction).await.map_err(|e| self.problem(&e)).map(drop)
    }

    fn read_lease(&self, row: Model) -> Result<Lease> {
        Ok(Lease { mode: self.read_word(&row.mode)?, task: TaskId(row.task), key: row.key, brief: row.brief })
    }

    /// Frees what a task holds; one that is yet to be taken back keeps its subject.
    pub(super) async fn free_leases(&self, row: &task::Model, state: TaskState, transaction: &DatabaseTransaction) -> Result<()> {
        let mut delete = Entity::delete_many().filter(Column::Task.eq(row.id));
        if state.holds_subject() {
            delete = delete.filter(Column::Key.ne(self.read_entity(&row.subject_kind, &row.subject)?.to_string()));
        }
        delete.exec(transaction).await.map_err(|e| self.problem(&e)).map(drop)
    }
}

#[async_trait]
impl Locks for OrmInventory {
    async fn acquire(&self, claim: &Claim, key: &str) -> Result<()> {
        let transaction = self.begin().await?;
        self.held(claim, &transaction).await?;
        let lease = Lease { key: key.to_owned(), mode: LeaseMode::Exclusive, task: claim.task, brief: true };
        let now = self.clock(&transaction).await?;
        for (other, holder) in self.others(&lease, &transaction).await? {
            if holder.state == TaskState::Running.as_str() && self.read_time(&holder.expires)? > now {
                return Err(locked(key, other.task, TaskState::Running));
            }
            // Its worker is gone in the middle; whoever takes that task over locks again.
            Entity::delete_by_id((other.key, other.task.0)).exec(&transaction).await.map_err(|e| self.problem(&e))?;
        }
        self.put_lease(&lease, &transaction).await?;
        self.commit(transaction).await
    }

    async fn release(&self, claim: &Claim, key: &str) -> Result<()> {
        let transaction = self.begin().await?;
        self.held(claim, &transaction).await?;
        Entity::delete_by_id((key.to_owned(), claim.task.0)).exec(&transaction).await.map_err(|e| self.problem(&e))?;
        self.commit(transaction).await
    }

    async fn leases(&self) -> Result<Vec<Lease>> {
        let query = Entity::find().order_by_asc(Column::Key).order_by_asc(Column::Task);
        let rows = self.run(|| query.clone().all(&self.db)).await?;
        rows.into_iter().map(|row| self.read_lease(row)).collect()
    }
}
