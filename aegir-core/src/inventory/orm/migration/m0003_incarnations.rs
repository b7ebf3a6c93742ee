//! The ledger says which incarnation owns a thing, and which task recorded it.

use sea_orm_migration::prelude::*;

pub(super) struct Incarnations;

impl MigrationName for Incarnations {
    fn name(&self) -> &'static str {
        "m0003_incarnations"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Incarnations {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One column a statement: SQLite adds no more at once.
        for column in [
            ColumnDef::new("owner_id").string().not_null().default(uuid::Uuid::nil().to_string()).take(),
            ColumnDef::new("task").big_integer().not_null().default(0).take(),
        ] {
            manager.alter_table(Table::alter().table("ledger").add_column(column).take()).await?;
        }
        Ok(())
    }
}
