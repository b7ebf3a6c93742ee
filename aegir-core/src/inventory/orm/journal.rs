//! Tasks and their durable events as rows.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};
use uuid::Uuid;

use super::OrmInventory;
use super::column::{document, entity, time};
use super::row::{entry, task};
use crate::entity::EntityRef;
use crate::event::{Event, EventKind, Standing};
use crate::inventory::refusal::ran_before;
use crate::inventory::{
    Beat, Begin, Claim, Entry, Journal, LeaseMode, NewTask, Pass, StoredEntry, Task, TaskFilter, TaskId, TaskState, Worker,
};
use crate::plan::Plan;
use crate::secret::Sealed;
use crate::{Error, Result};

/// A task of which nothing was said yet.
fn untold() -> String {
    Standing::default().to_string()
}

impl OrmInventory {
    fn read_task(&self, row: &task::Model) -> Result<Task> {
        let mut unreadable = row.unreadable.clone();
        let mut plan = || match self.read_document("a plan", &row.doc) {
            Ok(plan) => plan,
            // One task that nobody can read must not hide all others.
            Err(error) => {
                unreadable.get_or_insert_with(|| error.chain().join(": "));
                Plan::empty()
            }
        };
        Ok(Task {
            id: TaskId(row.id),
            kind: row.kind.clone(),
            subject: self.read_entity(&row.subject_kind, &row.subject)?,
            touches: self.read_touches(row)?,
            request: row.request.clone().map(Sealed::from_stored),
            by: row.asked_by.clone(),
            parent: row.parent.map(TaskId),
            destroys: row.destroys,
            plan: plan(),
            state: self.read_word(&row.state)?,
            worker: row.worker.as_ref().map(|w| self.read_document("a worker", w)).transpose()?,
            epoch: self.read_number(row.epoch)?,
            expires: self.read_time(&row.expires)?,
            created: self.read_time(&row.created)?,
            ended: row.ended.as_ref().map(|t| self.read_time(t)).transpose()?,
            unreadable,
        })
    }

    /// What a task locks; its subject alone where that was not noted yet.
    fn read_touches(&self, row: &task::Model) -> Result<Vec<(EntityRef, LeaseMode)>> {
        let touches: Vec<(EntityRef, LeaseMode)> = self.read_document("what a task touches", &row.touches)?;
        // A batch touches nothing itself.
        if touches.is_empty() && row.standing.is_empty() {
            return Ok(vec![(self.read_entity(&row.subject_kind, &row.subject)?, LeaseMode::Exclusive)]);
        }
        Ok(touches)
    }

    fn read_entry(&self, row: entry::Model) -> Result<StoredEntry> {
        let event =
            Event { seq: self.read_number(row.seq)?, at: self.read_time(&row.at)?, kind: self.read_document("an event", &row.kind)? };
        Ok(StoredEntry { event, receipt: row.receipt.map(Sealed::from_stored) })
    }

    /// What was said of a task, in order.
    pub(super) async fn kinds(&self, id: TaskId, db: &impl ConnectionTrait) -> Result<Vec<EventKind>> {
        let query = entry::Entity::find().filter(entry::Column::Task.eq(id.0)).order_by_asc(entry::Column::Seq);
        let rows = query.all(db).await.map_err(|e| self.problem(&e))?;
        rows.iter().map(|row| self.read_document("an event", &row.kind)).collect()
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

    /// Stores an event that may follow, and what it does to the task.
    async fn tell(
        &self,
        row: &task::Model,
        kind: &EventKind,
        receipt: Option<&Sealed>,
        transaction: &DatabaseTransaction,
    ) -> Result<Event> {
        let id = TaskId(row.id);
        let at = self.clock(transaction).await?;
        self.stand(row, kind, at, transaction).await?;
        let seq = self.next_number(id, transaction).await?;
        let event = Event { seq: self.read_number(seq)?, at, kind: kind.clone() };
        let row = entry::Model { task: id.0, seq, at: time(at), kind: document(kind)?, receipt: receipt.map(|r| r.as_str().to_owned()) };
        entry::Entity::insert(row.into_active_model()).exec_without_returning(transaction).await.map_err(|e| self.problem(&e))?;
        Ok(event)
    }

    /// Stores what a task begins with, and locks what of it is not locked yet.
    async fn set_out(&self, id: TaskId, begin: &Begin, transaction: &DatabaseTransaction) -> Result<()> {
        self.take_leases(id, &begin.touches, begin.pass, transaction).await?;
        let update = task::Entity::update_many()
            .col_expr(task::Column::Doc, Expr::value(document(&begin.plan)?))
            .col_expr(task::Column::Touches, Expr::value(document(&begin.touches)?))
            .col_expr(task::Column::Destroys, Expr::value(begin.destroys))
            .filter(task::Column::Id.eq(id.0));
        update.exec(transaction).await.map_err(|e| self.problem(&e)).map(drop)
    }

    /// Strikes, then records.
    async fn write_ledger(&self, id: TaskId, entry: &Entry, transaction: &DatabaseTransaction) -> Result<()> {
        for resource in &entry.release {
            self.strike(resource, transaction).await?;
        }
        for (resource, owner) in &entry.acquire {
            self.record(resource, owner, id, transaction).await?;
        }
        for (recorded, owner) in &entry.restore {
            self.record(&recorded.resource, owner, TaskId(recorded.task), transaction).await?;
        }
        Ok(())
    }

    async fn end_unread(&self, id: TaskId, state: TaskState, why: Option<&str>, transaction: &DatabaseTransaction) -> Result<()> {
        let row = self.task_row(id, transaction).await?;
        self.free_leases(&row, state, transaction).await?;
        let mut update = task::Entity::update_many()
            .col_expr(task::Column::State, Expr::value(state.as_str()))
            .col_expr(task::Column::Epoch, Expr::value(row.epoch + 1))
            .col_expr(task::Column::Ended, Expr::value(Some(time(self.clock(transaction).await?))));
        if let Some(why) = why {
            update = update.col_expr(task::Column::Unreadable, Expr::value(Some(why)));
        }
        update.filter(task::Column::Id.eq(id.0)).exec(transaction).await.map_err(|e| self.problem(&e)).map(drop)
    }
}

#[async_trait]
impl Journal for OrmInventory {
    async fn now(&self) -> Result<DateTime<Utc>> {
        self.clock(&self.db).await
    }

    async fn open_task(&self, new: &NewTask, worker: &Worker, ttl: Duration) -> Result<Claim> {
        let transaction = self.begin().await?;
        let before = task::Entity::find().filter(task::Column::Plan.eq(new.plan.to_string())).one(&transaction).await;
        if let Some(before) = before.map_err(|e| self.problem(&e))? {
            return Err(ran_before(TaskId(before.id)));
        }
        let now = self.clock(&transaction).await?;
        let (subject_kind, subject) = entity(&new.subject);
        let row = task::ActiveModel {
            id: NotSet,
            plan: Set(new.plan.to_string()),
            kind: Set(new.kind.clone()),
            subject_kind: Set(subject_kind.to_owned()),
            subject: Set(subject.to_owned()),
            state: Set(TaskState::Running.as_str().to_owned()),
            worker: Set(Some(document(worker)?)),
            created: Set(time(now)),
            ended: Set(None),
            doc: Set(document(&Plan::empty())?),
            epoch: Set(1),
            expires: Set(time(now + TimeDelta::from_std(ttl).unwrap_or(TimeDelta::MAX))),
            touches: Set(document(&new.touches)?),
            request: Set(new.request.as_ref().map(|r| r.as_str().to_owned())),
            asked_by: Set(new.by.clone()),
            parent: Set(new.parent.map(|p| p.0)),
            destroys: Set(false),
            standing: Set(untold()),
            unreadable: Set(None),
            pruned: Set(false),
        };
        let id = TaskId(task::Entity::insert(row).exec(&transaction).await.map_err(|e| self.problem(&e))?.last_insert_id);
        self.take_leases(id, &new.touches, new.pass, &transaction).await?;
        self.commit(transaction).await?;
        Ok(Claim { task: id, epoch: 1 })
    }

    async fn discard(&self, claim: &Claim) -> Result<()> {
        let transaction = self.begin().await?;
        let row = self.held(claim, &transaction).await?;
        if row.standing != untold() {
            return Err(Error::internal(format!("task {} has a history, and is not discarded", claim.task)));
        }
        // Its leases go with it: the foreign key cascades.
        task::Entity::delete_by_id(row.id).exec(&transaction).await.map_err(|e| self.problem(&e))?;
        self.commit(transaction).await
    }

    async fn claim(&self, id: TaskId, seen: u64, worker: &Worker, ttl: Duration) -> Result<Option<Claim>> {
        let transaction = self.begin().await?;
        let until = self.clock(&transaction).await? + TimeDelta::from_std(ttl).unwrap_or(TimeDelta::MAX);
        if !self.take(id, seen, worker, until, &transaction).await? {
            return Ok(None);
        }
        let row = self.task_row(id, &transaction).await?;
        self.take_leases(id, &self.read_touches(&row)?, Pass::Nobody, &transaction).await?;
        self.commit(transaction).await?;
        Ok(Some(Claim { task: id, epoch: seen + 1 }))
    }

    async fn beat(&self, claim: &Claim, ttl: Duration) -> Result<Beat> {
        self.prolong(claim, ttl).await
    }

    async fn watch(&self, claim: &Claim) -> Result<Beat> {
        self.look(claim).await
    }

    async fn append(&self, claim: &Claim, kind: &EventKind, entry: &Entry) -> Result<Event> {
        let transaction = self.begin().await?;
        let row = self.held(claim, &transaction).await?;
        if let Some(begin) = &entry.begin {
            self.set_out(claim.task, begin, &transaction).await?;
        }
        self.write_ledger(claim.task, entry, &transaction).await?;
        let event = self.tell(&row, kind, entry.receipt.as_ref(), &transaction).await?;
        self.commit(transaction).await?;
        Ok(event)
    }

    async fn ask_cancel(&self, id: TaskId, by: &str) -> Result<Event> {
        let transaction = self.begin().await?;
        let row = self.task_row(id, &transaction).await?;
        let event = self.tell(&row, &EventKind::CancelAsked { by: by.to_owned() }, None, &transaction).await?;
        self.commit(transaction).await?;
        Ok(event)
    }

    async fn set_unreadable(&self, id: TaskId, seen: u64, why: &str) -> Result<bool> {
        let transaction = self.begin().await?;
        if self.read_number(self.task_row(id, &transaction).await?.epoch)? != seen {
            return Ok(false);
        }
        self.end_unread(id, TaskState::Stuck, Some(why), &transaction).await?;
        self.commit(transaction).await?;
        Ok(true)
    }

    async fn close_task(&self, id: TaskId, seen: u64, by: &str, entry: &Entry) -> Result<bool> {
        let transaction = self.begin().await?;
        let row = self.task_row(id, &transaction).await?;
        if self.read_number(row.epoch)? != seen {
            return Ok(false);
        }
        self.write_ledger(id, entry, &transaction).await?;
        if row.unreadable.is_some() {
            self.end_unread(id, TaskState::Closed, None, &transaction).await?;
        } else {
            self.tell(&row, &EventKind::TaskClosed { by: by.to_owned() }, None, &transaction).await?;
        }
        self.commit(transaction).await?;
        Ok(true)
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
        if let Some(parent) = filter.parent {
            query = query.filter(task::Column::Parent.eq(parent.0));
        }
        if filter.limit > 0 {
            query = query.limit(filter.limit);
        }
        let rows = self.run(|| query.clone().all(&self.db)).await?;
        rows.iter().map(|row| self.read_task(row)).collect()
    }

    async fn entries(&self, id: TaskId, after: u64) -> Result<Vec<StoredEntry>> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let query =
            entry::Entity::find().filter(entry::Column::Task.eq(id.0).and(entry::Column::Seq.gt(after))).order_by_asc(entry::Column::Seq);
        let rows = self.run(|| query.clone().all(&self.db)).await?;
        rows.into_iter().map(|row| self.read_entry(row)).collect()
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64> {
        let over = TaskState::OVER.map(TaskState::as_str);
        let old = task::Column::State.is_in(over).and(task::Column::Pruned.eq(false)).and(task::Column::Ended.lt(time(before)));
        let transaction = self.begin().await?;
        let ids: Vec<i64> = task::Entity::find()
            .select_only()
            .column(task::Column::Id)
            .filter(old)
            .into_tuple()
            .all(&transaction)
            .await
            .map_err(|e| self.problem(&e))?;
        for id in &ids {
            entry::Entity::delete_many().filter(entry::Column::Task.eq(*id)).exec(&transaction).await.map_err(|e| self.problem(&e))?;
            let update = task::Entity::update_many()
                .col_expr(task::Column::Doc, Expr::value(document(&Plan::empty())?))
                .col_expr(task::Column::Request, Expr::value(None::<String>))
                .col_expr(task::Column::Pruned, Expr::value(true))
                .filter(task::Column::Id.eq(*id));
            update.exec(&transaction).await.map_err(|e| self.problem(&e))?;
        }
        self.commit(transaction).await?;
        Ok(ids.len() as u64)
    }
}
