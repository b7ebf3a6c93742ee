//! A database service that makes no databases: planning is timed, not MariaDB.

use aegir_core::Result;
use aegir_core::entity::{Database, Server};
use aegir_core::name::{DatabaseName, DatabaseUser, GrantHost};
use aegir_core::plan::Plan;
use aegir_core::secret::random_password;
use aegir_core::server::Output;
use aegir_core::service::{Capabilities, Check, Operation, PlanContext, Plugin, ServiceType};
use async_trait::async_trait;

/// Fills `db` on paper.
#[derive(Debug)]
pub struct PaperDb;

#[async_trait]
impl ServiceType for PaperDb {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.databases = true;
        capabilities
    }

    async fn plan(&self, operation: &Operation<'_>, cx: &PlanContext<'_>) -> Result<Plan> {
        if let Operation::ProvideDatabase { uri, db, .. } = operation {
            let name = DatabaseName::suggested(uri, 0);
            cx.bindings().put(Database {
                server: db.name.clone(),
                user: DatabaseUser::parse(name.as_str())?,
                name,
                password: cx.keyring().seal(&random_password()?)?,
                host: "localhost".to_owned(),
                port: 3306,
                grants: vec![GrantHost::parse("localhost")?],
            });
        }
        Ok(Plan::empty())
    }

    async fn check(&self, _server: &Server, _answers: &[Output], _cx: &PlanContext<'_>) -> Result<Vec<Check>> {
        Ok(Vec::new())
    }
}

impl Plugin for PaperDb {
    const NAME: &'static str = "paper";
    const SERVICE: &'static str = "db";
    const TITLE: &'static str = "databases on paper";
    type Config = ();

    fn new((): ()) -> Result<Self> {
        Ok(Self)
    }
}
