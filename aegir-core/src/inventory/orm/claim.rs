//! Who may write in a task's journal, as conditions on its row; and the clock that decides.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, QueryFilter as _, Statement};

use super::OrmInventory;
use super::column::{document, number, time};
use super::row::task;
use crate::event::{EventKind, Standing};
use crate::inventory::refusal::{no_task, superseded};
use crate::inventory::{Beat, Claim, TaskId, TaskState, Worker};
use crate::{Error, Result};

impl OrmInventory {
    /// The database's own time, so that all who share it agree.
    pub(super) async fn clock(&self, db: &impl ConnectionTrait) -> Result<DateTime<Utc>> {
        let statement = Statement::from_string(db.get_database_backend(), "SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now')");
        let row = db.query_one_raw(statement).await.map_err(|e| self.problem(&e))?;
        let text: Option<String> = row.map(|row| row.try_get_by_index(0)).transpose().map_err(|e| self.problem(&e))?;
        let text = text.ok_or_else(|| Error::internal("the database tells no time"))?;
        Ok(self.read_time(&text)? + self.clock_step())
    }

    pub(super) async fn task_row(&self, id: TaskId, db: &impl ConnectionTrait) -> Result<task::Model> {
        task::Entity::find_by_id(id.0).one(db).await.map_err(|e| self.problem(&e))?.ok_or_else(|| no_task(id))
    }

    /// The task's row, if the claim on it still holds.
    pub(super) async fn held(&self, claim: &Claim, db: &impl ConnectionTrait) -> Result<task::Model> {
        let row = self.task_row(claim.task, db).await?;
        if row.epoch != number(claim.epoch)? || row.state != TaskState::Running.as_str() {
            return Err(superseded(claim));
        }
        Ok(row)
    }

    /// Where a task stands; one of before that was noted, from its events.
    pub(super) async fn standing(&self, row: &task::Model, db: &impl ConnectionTrait) -> Result<Standing> {
        if !row.standing.is_empty() {
            return Standing::parse(&row.standing).ok_or_else(|| self.unreadable("a task's standing", row.standing.clone()));
        }
        let mut standing = Standing::default();
        for kind in self.kinds(TaskId(row.id), db).await? {
            standing.apply(&kind)?;
        }
        Ok(standing)
    }

    /// Notes where a task stands after an event; refuses one that cannot follow.
    pub(super) async fn stand(
        &self,
        row: &task::Model,
        kind: &EventKind,
        now: DateTime<Utc>,
        transaction: &DatabaseTransaction,
    ) -> Result<()> {
        let mut standing = self.standing(row, transaction).await?;
        standing.apply(kind).map_err(|e| e.context("task", row.id))?;
        let mut update = task::Entity::update_many().col_expr(task::Column::Standing, Expr::value(standing.to_string()));
        if let Some(state) = TaskState::after(kind) {
            update = update
                .col_expr(task::Column::State, Expr::value(state.as_str()))
                .col_expr(task::Column::Ended, Expr::value(Some(time(now))));
            self.free_leases(row, state, transaction).await?;
        }
        update.filter(task::Column::Id.eq(row.id)).exec(transaction).await.map_err(|e| self.problem(&e)).map(drop)
    }

    /// Makes a worker the one who may write, if nobody else became so since `seen`.
    pub(super) async fn take(
        &self,
        id: TaskId,
        seen: u64,
        worker: &Worker,
        until: DateTime<Utc>,
        transaction: &DatabaseTransaction,
    ) -> Result<bool> {
        let open = [TaskState::Queued, TaskState::Running, TaskState::Stuck, TaskState::Waiting].map(TaskState::as_str);
        let update = task::Entity::update_many()
            .col_expr(task::Column::Worker, Expr::value(document(worker)?))
            .col_expr(task::Column::State, Expr::value(TaskState::Running.as_str()))
            .col_expr(task::Column::Epoch, Expr::value(number(seen + 1)?))
            .col_expr(task::Column::Expires, Expr::value(time(until)))
            .col_expr(task::Column::Ended, Expr::value(None::<String>))
            .col_expr(task::Column::Unreadable, Expr::value(None::<String>))
            .filter(task::Column::Id.eq(id.0).and(task::Column::Epoch.eq(number(seen)?)).and(task::Column::State.is_in(open)));
        Ok(update.exec(transaction).await.map_err(|e| self.problem(&e))?.rows_affected == 1)
    }

    /// Says that a worker lives. On a connection of its own: nothing that the process does holds it up.
    pub(super) async fn prolong(&self, claim: &Claim, ttl: Duration) -> Result<Beat> {
        let db = self.pulse().await?;
        let until = self.clock(db).await? + TimeDelta::from_std(ttl).unwrap_or(TimeDelta::MAX);
        let held = task::Column::Id
            .eq(claim.task.0)
            .and(task::Column::Epoch.eq(number(claim.epoch)?))
            .and(task::Column::State.eq(TaskState::Running.as_str()));
        let update = task::Entity::update_many().col_expr(task::Column::Expires, Expr::value(time(until))).filter(held);
        self.run(|| update.clone().exec(db)).await?;
        self.look(claim).await
    }

    /// Looks whether the claim holds, and whether the task is still wanted. One whose own worker ended it was taken by nobody.
    pub(super) async fn look(&self, claim: &Claim) -> Result<Beat> {
        let row = self.task_row(claim.task, self.pulse().await?).await?;
        if row.epoch != number(claim.epoch)? {
            return Err(superseded(claim));
        }
        Ok(Beat { cancelled: Standing::parse(&row.standing).is_some_and(|standing| standing.cancelled) })
    }
}
