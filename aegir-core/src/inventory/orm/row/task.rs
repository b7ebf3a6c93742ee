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
    /// A [`crate::inventory::Worker`] as JSON.
    pub worker: Option<String>,
    pub created: String,
    pub ended: Option<String>,
    /// The [`crate::plan::Plan`] as JSON.
    pub doc: String,
    pub epoch: i64,
    pub expires: String,
    /// Entities and modes as JSON.
    pub touches: String,
    /// Sealed.
    pub request: Option<String>,
    pub asked_by: String,
    pub parent: Option<i64>,
    pub destroys: bool,
    /// A [`crate::event::Standing`] in its short form.
    pub standing: String,
    pub unreadable: Option<String>,
    pub pruned: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
