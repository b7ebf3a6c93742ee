//! A durable event of a task.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "entry")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub task: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    pub at: String,
    /// The [`crate::event::EventKind`] as JSON.
    pub kind: String,
    /// What the undo needs, or what the step put out; sealed.
    pub receipt: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
