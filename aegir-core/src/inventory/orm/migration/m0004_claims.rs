//! Tasks are claimed under an epoch, and say what they touch, who asked, and where they stand.

use sea_orm_migration::prelude::*;

pub(super) struct Claims;

impl MigrationName for Claims {
    fn name(&self) -> &'static str {
        "m0004_claims"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Claims {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One column a statement: SQLite adds no more at once.
        for column in [
            ColumnDef::new("epoch").big_integer().not_null().default(0).take(),
            ColumnDef::new("expires").string().not_null().default("1970-01-01T00:00:00.000000000Z").take(),
            ColumnDef::new("touches").text().not_null().default("[]").take(),
            ColumnDef::new("request").text().take(),
            ColumnDef::new("asked_by").string().not_null().default("").take(),
            ColumnDef::new("parent").big_integer().take(),
            ColumnDef::new("destroys").boolean().not_null().default(false).take(),
            // Empty for a task of before: its events say where it stands.
            ColumnDef::new("standing").text().not_null().default("").take(),
            ColumnDef::new("unreadable").text().take(),
            ColumnDef::new("pruned").boolean().not_null().default(false).take(),
        ] {
            manager.alter_table(Table::alter().table("task").add_column(column).take()).await?;
        }
        // Leases are as good as their task's claim: they have no worker and no end of their own any more.
        manager.drop_table(Table::drop().table("lease").take()).await?;
        let mut lease = Table::create()
            .table("lease")
            .col(ColumnDef::new("key").string().not_null())
            .col(ColumnDef::new("task").big_integer().not_null())
            .col(ColumnDef::new("mode").string().not_null())
            .col(ColumnDef::new("brief").boolean().not_null())
            .primary_key(Index::create().col("key").col("task").primary())
            .foreign_key(ForeignKey::create().from("lease", "task").to("task", "id").on_delete(ForeignKeyAction::Cascade))
            .take();
        manager.create_table(lease.take()).await?;
        manager.create_index(Index::create().table("lease").name("lease_task").col("task").take()).await
    }
}
