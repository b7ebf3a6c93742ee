//! The first layout: servers, platforms, sites, ledger, leases, tasks and their events.

use sea_orm_migration::prelude::*;

pub(super) struct First;

impl MigrationName for First {
    fn name(&self) -> &'static str {
        "m0001_first"
    }
}

fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).string().not_null().take()
}

fn optional(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).string().take()
}

fn key(name: &'static str) -> ColumnDef {
    text(name).primary_key().take()
}

fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().take()
}

fn document(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().take()
}

fn table(name: &'static str, columns: impl IntoIterator<Item = ColumnDef>) -> TableCreateStatement {
    let mut table = Table::create().table(name).take();
    for mut column in columns {
        table.col(&mut column);
    }
    table
}

fn index(table: &'static str, name: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create().table(table).name(name).take();
    for column in columns {
        index.col(*column);
    }
    index
}

fn tables() -> Vec<TableCreateStatement> {
    let cascade = |table: &'static str, column: &'static str, to: &'static str, key: &'static str| {
        ForeignKey::create().from(table, column).to(to, key).on_delete(ForeignKeyAction::Cascade).take()
    };
    let together =
        |columns: &[&'static str]| columns.iter().fold(Index::create(), |mut index, column| index.col(*column).take()).primary().take();
    vec![
        table("server", [key("name"), number("revision"), document("doc")]),
        table("platform", [key("name"), text("server"), number("revision"), document("doc")]),
        table(
            "site",
            [
                key("uri"),
                text("platform"),
                text("server"),
                text("profile"),
                text("state"),
                optional("client"),
                number("revision"),
                document("doc"),
            ],
        ),
        table("site_address", [key("address"), text("site")]).foreign_key(&mut cascade("site_address", "site", "site", "uri")).take(),
        table("ledger", [text("kind"), text("server"), text("name"), text("owner_kind"), text("owner")])
            .primary_key(&mut together(&["kind", "server", "name"]))
            .take(),
        table("lease", [text("key"), number("task"), text("mode"), text("worker"), text("expires")])
            .primary_key(&mut together(&["key", "task"]))
            .take(),
        table(
            "task",
            [
                // Autoincrement: a number is never given twice, not even after a delete.
                number("id").auto_increment().primary_key().take(),
                text("plan").unique_key().take(),
                text("kind"),
                text("subject_kind"),
                text("subject"),
                text("state"),
                optional("worker"),
                text("created"),
                optional("ended"),
                document("doc"),
            ],
        ),
        table("entry", [number("task"), number("seq"), text("at"), document("kind"), ColumnDef::new("receipt").text().take()])
            .primary_key(&mut together(&["task", "seq"]))
            .foreign_key(&mut cascade("entry", "task", "task", "id"))
            .take(),
    ]
}

fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        // All that a list of sites shows: it is read from here alone, without a look at the documents.
        index("site", "site_list", &["uri", "platform", "server", "profile", "state", "client"]),
        index("site", "site_platform", &["platform"]),
        index("site_address", "site_address_site", &["site"]),
        index("ledger", "ledger_owner", &["owner_kind", "owner"]),
        index("lease", "lease_task", &["task"]),
        index("task", "task_state", &["state"]),
        index("task", "task_subject", &["subject_kind", "subject"]),
    ]
}

#[async_trait::async_trait]
impl MigrationTrait for First {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}
