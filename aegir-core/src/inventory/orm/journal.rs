//! Tasks and their durable events as rows.

use async_trait::async_trait;
use chrono::Utc;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};
use uuid::Uuid;

use super::OrmInventory;
use super::column::{document, entity, time};
use super::row::{entry, lease, task};
use crate::Result;
use crate::event::{Event, EventKind};
use crate::inventory::refusal::{no_task, ran_before};
use crate::inventory::{Entry, Journal, Lease, StoredEntry, Task, TaskFilter, TaskId, TaskState, Worker};
use crate::secret::Sealed;

impl OrmInventory {
    fn read_task(&self, row: &task::Model) -> Result<Task> {
        Ok(Task {
            id: TaskId(row.id),
            kind: row.kind.clone(),
            subject: self.read_entity(&row.subject_kind, &row.subject)?,
            plan: self.read_document("a plan", &row.doc)?,
            state: self.read_word(&row.state)?,
            worker: row.worker.as_ref().map(|w| self.read_document("a worker", w)).transpose()?,
            created: self.read_time(&row.created)?,
            ended: row.ended.as_ref().map(|t| self.read_time(t)).transpose()?,
        })
    }

    fn read_entry(&self, row: entry::Model) -> Result<StoredEntry> {
        let event =
            Event { seq: self.read_number(row.seq)?, at: self.read_time(&row.at)?, kind: self.read_document("an event", &row.kind)? };
        Ok(StoredEntry { event, receipt: row.receipt.map(Sealed::from_stored) })
    }

    /// The number the task's next event gets.
    async fn next_number(&self, id: TaskId, transaction: &DatabaseTransaction) -> Result<i64> {
        let last = entry::Entity::find()
            .select_only()
            .column(entry::Column::Seq)
            .filter(entry::Column::Task.eq(id.0))
            .order_by_desc(entry::Column::Seq)
            .limit(1);
        let last: Option<i64> = last.into_tuple().one(transaction).await.map_err(|e| self.problem(&e))?;
        Ok(last.unwrap_or(0) + 1)
    }

    /// Stores a task's new state; an ending one frees its leases.
    async fn enter(&self, id: TaskId, state: TaskState, transaction: &DatabaseTransaction) -> Result<()> {
        let ended = state.is_end().then(|| time(Utc::now()));
        let update = task::Entity::update_many()
            .col_expr(task::Column::State, Expr::value(state.as_str()))
            .col_expr(task::Column::Ended, Expr::value(ended))
            .filter(task::Column::Id.eq(id.0));
        update.exec(transaction).await.map_err(|e| self.problem(&e))?;
        if state.is_end() {
            lease::Entity::delete_many().filter(lease::Column::Task.eq(id.0)).exec(transaction).await.map_err(|e| self.problem(&e))?;
        }
        Ok(())
    }
}

#[async_trait]
impl Journal for OrmInventory {
    async fn create_task(&self, task: &Task, plan: Uuid, leases: &[Lease]) -> Result<TaskId> {
        let transaction = self.begin().await?;
        let before =
            task::Entity::find().filter(task::Column::Plan.eq(plan.to_string())).one(&transaction).await.map_err(|e| self.problem(&e))?;
        if let Some(before) = before {
            return Err(ran_before(TaskId(before.id)));
        }
        let (subject_kind, subject) = entity(&task.subject);
        let row = task::ActiveModel {
            id: NotSet,
            plan: Set(plan.to_string()),
            kind: Set(task.kind.clone()),
            subject_kind: Set(subject_kind.to_owned()),
            subject: Set(subject.to_owned()),
            state: Set(task.state.as_str().to_owned()),
            worker: Set(task.worker.as_ref().map(document).transpose()?),
            created: Set(time(task.created)),
            ended: Set(task.ended.map(time)),
            doc: Set(document(&task.plan)?),
        };
        let id = TaskId(task::Entity::insert(row).exec(&transaction).await.map_err(|e| self.problem(&e))?.last_insert_id);
        for lease in leases {
            self.take_lease(&Lease { task: id, ..lease.clone() }, &transaction).await?;
        }
        self.commit(transaction).await?;
        Ok(id)
    }

    async fn task_of_plan(&self, plan: Uuid) -> Result<Option<TaskId>> {
        let row = self.run(|| task::Entity::find().filter(task::Column::Plan.eq(plan.to_string())).one(&self.db)).await?;
        Ok(row.map(|row| TaskId(row.id)))
    }

    async fn task(&self, id: TaskId) -> Result<Option<Task>> {
        let row = self.run(|| task::Entity::find_by_id(id.0).one(&self.db)).await?;
        row.map(|row| self.read_task(&row)).transpose()
    }

    async fn tasks(&self, filter: &TaskFilter) -> Result<Vec<Task>> {
        let mut query = task::Entity::find().order_by_desc(task::Column::Id);
        if let Some(state) = filter.state {
            query = query.filter(task::Column::State.eq(state.as_str()));
        }
        if let Some(subject) = &filter.subject {
            let (kind, name) = entity(subject);
            query = query.filter(task::Column::SubjectKind.eq(kind).and(task::Column::Subject.eq(name)));
        }
        if filter.limit > 0 {
            query = query.limit(filter.limit);
        }
        let rows = self.run(|| query.clone().all(&self.db)).await?;
        rows.iter().map(|row| self.read_task(row)).collect()
    }

    async fn take_task(&self, id: TaskId, previous: Option<&Worker>, worker: &Worker) -> Result<bool> {
        let is_previous = match previous {
            Some(previous) => task::Column::Worker.eq(document(previous)?),
            None => task::Column::Worker.is_null(),
        };
        let update = task::Entity::update_many()
            .col_expr(task::Column::Worker, Expr::value(document(worker)?))
            .col_expr(task::Column::State, Expr::value(TaskState::Running.as_str()))
            .col_expr(task::Column::Ended, Expr::value(None::<String>))
            .filter(task::Column::Id.eq(id.0).and(is_previous));
        Ok(self.run(|| update.clone().exec(&self.db)).await?.rows_affected == 1)
    }

    async fn append(&self, id: TaskId, kind: &EventKind, entry: &Entry) -> Result<Event> {
        let transaction = self.begin().await?;
        let exists: Option<i64> = task::Entity::find_by_id(id.0)
            .select_only()
            .column(task::Column::Id)
            .into_tuple()
            .one(&transaction)
            .await
            .map_err(|e| self.problem(&e))?;
        exists.ok_or_else(|| no_task(id))?;
        for resource in &entry.release {
            self.strike(resource, &transaction).await?;
        }
        for (resource, owner) in &entry.acquire {
            self.record(resource, owner, id, &transaction).await?;
        }
        if let Some(state) = entry.state {
            self.enter(id, state, &transaction).await?;
        }
        let seq = self.next_number(id, &transaction).await?;
        let event = Event { seq: self.read_number(seq)?, at: Utc::now(), kind: kind.clone() };
        let row = entry::Model {
            task: id.0,
            seq,
            at: time(event.at),
            kind: document(kind)?,
            receipt: entry.receipt.as_ref().map(|r| r.as_str().to_owned()),
        };
        entry::Entity::insert(row.into_active_model()).exec_without_returning(&transaction).await.map_err(|e| self.problem(&e))?;
        self.commit(transaction).await?;
        Ok(event)
    }

    async fn entries(&self, id: TaskId, after: u64) -> Result<Vec<StoredEntry>> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let query =
            entry::Entity::find().filter(entry::Column::Task.eq(id.0).and(entry::Column::Seq.gt(after))).order_by_asc(entry::Column::Seq);
        let rows = self.run(|| query.clone().all(&self.db)).await?;
        rows.into_iter().map(|row| self.read_entry(row)).collect()
    }
}
