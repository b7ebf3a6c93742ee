//! What one check of a server found last.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "noted_check")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub server: String,
    /// Its place among the checks of the server.
    #[sea_orm(primary_key, auto_increment = false)]
    pub place: i64,
    /// The whole [`crate::inventory::NotedCheck`] as JSON.
    pub doc: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
