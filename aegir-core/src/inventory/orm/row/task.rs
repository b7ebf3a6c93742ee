//! A task's row.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "task")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The identity of the plan it runs, once.
    #[sea_orm(unique)]
    pub plan: String,
    pub kind: String,
    pub subject_kind: String,
    pub subject: String,
    pub state: String,
    /// A [`crate::inventory::Worker`] as JSON; compared as text.
    pub worker: Option<String>,
    pub created: String,
    pub ended: Option<String>,
    /// The [`crate::plan::Plan`] as JSON.
    pub doc: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
