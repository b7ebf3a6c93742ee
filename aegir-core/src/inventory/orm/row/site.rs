//! A site's row: what lists show as columns, the rest in the document.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "site")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub uri: String,
    pub platform: String,
    /// The web server of its platform, kept in step with that.
    pub server: String,
    pub profile: String,
    pub state: String,
    pub client: Option<String>,
    pub revision: i64,
    /// The whole [`crate::entity::Site`] as JSON.
    pub doc: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
