//! What checks of servers found last.

use sea_orm_migration::prelude::*;

pub(super) struct Checks;

impl MigrationName for Checks {
    fn name(&self) -> &'static str {
        "m0002_checks"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Checks {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create()
            .table("noted_check")
            .col(ColumnDef::new("server").string().not_null())
            .col(ColumnDef::new("place").big_integer().not_null())
            .col(ColumnDef::new("doc").text().not_null())
            .primary_key(Index::create().col("server").col("place").primary())
            .take();
        manager.create_table(table.take()).await
    }
}
