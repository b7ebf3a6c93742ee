//! Leases as rows.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{ColumnTrait as _, DatabaseTransaction, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _};

use super::OrmInventory;
use super::column::{document, time, word};
use super::row::lease::{Column, Entity, Model};
use crate::Result;
use crate::inventory::refusal::locked;
use crate::inventory::{Lease, LeaseMode, Locks, TaskId, Worker};

impl OrmInventory {
    /// Takes a lease within a transaction, or says who bars it.
    pub(super) async fn take_lease(&self, lease: &Lease, transaction: &DatabaseTransaction) -> Result<()> {
        let ended = Entity::delete_many().filter(Column::Expires.lte(time(Utc::now())));
        ended.exec(transaction).await.map_err(|e| self.problem(&e))?;
        let others = Entity::find().filter(Column::Key.eq(&lease.key).and(Column::Task.ne(lease.task.0)));
        for row in others.all(transaction).await.map_err(|e| self.problem(&e))? {
            let held = self.read_lease(row)?;
            if held.mode == LeaseMode::Exclusive || lease.mode == LeaseMode::Exclusive {
                return Err(locked(lease, &held));
            }
        }
        let row = Model {
            key: lease.key.clone(),
            task: lease.task.0,
            mode: word(lease.mode)?,
            worker: document(&lease.worker)?,
            expires: time(lease.expires),
        };
        let replace =
            OnConflict::columns([Column::Key, Column::Task]).update_columns([Column::Mode, Column::Worker, Column::Expires]).to_owned();
        Entity::insert(row.into_active_model())
            .on_conflict(replace)
            .exec_without_returning(transaction)
            .await
            .map_err(|e| self.problem(&e))?;
        Ok(())
    }

    fn read_lease(&self, row: Model) -> Result<Lease> {
        Ok(Lease {
            mode: self.read_word(&row.mode)?,
            worker: self.read_document("a worker", &row.worker)?,
            expires: self.read_time(&row.expires)?,
            task: TaskId(row.task),
            key: row.key,
        })
    }
}

#[async_trait]
impl Locks for OrmInventory {
    async fn acquire(&self, lease: &Lease) -> Result<()> {
        let transaction = self.begin().await?;
        self.take_lease(lease, &transaction).await?;
        self.commit(transaction).await
    }

    async fn extend(&self, task: TaskId, worker: &Worker, expires: DateTime<Utc>) -> Result<()> {
        let update = Entity::update_many()
            .col_expr(Column::Worker, Expr::value(document(worker)?))
            .col_expr(Column::Expires, Expr::value(time(expires)))
            .filter(Column::Task.eq(task.0));
        self.run(|| update.clone().exec(&self.db)).await.map(drop)
    }

    async fn release(&self, task: TaskId, key: Option<&str>) -> Result<()> {
        let mut delete = Entity::delete_many().filter(Column::Task.eq(task.0));
        if let Some(key) = key {
            delete = delete.filter(Column::Key.eq(key));
        }
        self.run(|| delete.clone().exec(&self.db)).await.map(drop)
    }

    async fn leases(&self) -> Result<Vec<Lease>> {
        let query = Entity::find().filter(Column::Expires.gt(time(Utc::now()))).order_by_asc(Column::Key).order_by_asc(Column::Task);
        let rows = self.run(|| query.clone().all(&self.db)).await?;
        rows.into_iter().map(|row| self.read_lease(row)).collect()
    }
}
