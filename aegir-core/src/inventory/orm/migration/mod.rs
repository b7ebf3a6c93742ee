//! Brings the file's tables up to date, once, whoever comes first.

mod m0001_first;
mod m0002_checks;
mod m0003_incarnations;
mod m0004_claims;

use sea_orm::{ConnectionTrait, DbErr, Statement};
use sea_orm_migration::{MigrationTrait, MigratorTrait};

use super::OrmInventory;
use crate::{Error, ErrorKind, Result};

/// All migrations, oldest first. Never change one that was released: add another.
struct Migrations;

#[async_trait::async_trait]
impl MigratorTrait for Migrations {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_first::First),
            Box::new(m0002_checks::Checks),
            Box::new(m0003_incarnations::Incarnations),
            Box::new(m0004_claims::Claims),
        ]
    }
}

/// Counted up by hand with [`Migrations`]; the file's `user_version` repeats it, so that opening asks one cheap question.
const VERSION: i32 = 4;

async fn version(db: &impl ConnectionTrait) -> Result<i32, DbErr> {
    let statement = Statement::from_string(db.get_database_backend(), "PRAGMA user_version");
    match db.query_one_raw(statement).await? {
        Some(row) => row.try_get_by_index(0),
        None => Ok(0),
    }
}

/// Whether an inventory was ever made in the file.
pub(super) async fn has_a_layout(inventory: &OrmInventory) -> Result<bool> {
    Ok(inventory.run(|| version(&inventory.db)).await? > 0)
}

/// Runs the migrations that the file lacks; refuses a file of a later build.
pub(super) async fn bring_up_to_date(inventory: &OrmInventory) -> Result<()> {
    let found = inventory.run(|| version(&inventory.db)).await?;
    if found > VERSION {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("the inventory {} has the layout {found}; this build knows up to {VERSION}", inventory.path),
        )
        .context("file", &inventory.path)
        .hint("use a later build of aegir"));
    }
    if found == VERSION {
        return Ok(());
    }
    let transaction = inventory.begin().await?;
    // Asked again under the write lock: another process may have been quicker.
    let migrated = async {
        if version(&transaction).await? < VERSION {
            Migrations::up(&transaction, None).await?;
            transaction.execute_unprepared(&format!("PRAGMA user_version = {VERSION}")).await?;
        }
        Ok(())
    };
    migrated.await.map_err(|e| inventory.problem(&e))?;
    inventory.commit(transaction).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_counts_the_migrations() {
        assert_eq!(usize::try_from(VERSION).unwrap(), Migrations::migrations().len());
    }
}
