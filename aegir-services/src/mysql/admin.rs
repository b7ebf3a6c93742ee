//! The account that Aegir administers a database server with: made by root, over the server's own socket.

use aegir_core::action::{Action, Context};
use aegir_core::name::ServerName;
use aegir_core::plan::{Change, Diff};
use aegir_core::server::{Command, Input};
use aegir_core::{Error, Result};
use secrecy::{ExposeSecret as _, SecretString};

use super::machine::{AS_ROOT, LET_ROOT_IN, administrator};
use super::quote::literal;
use super::rights::missing;
use super::{Access, Config, number};

/// The hosts of the two accounts that [`administrator`] makes.
const HOSTS: [&str; 2] = ["localhost", "127.0.0.1"];

/// Makes the administrator's accounts, or gives them this password and all rights.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct AdminAccount {
    /// The database service; the password in it is sealed.
    pub config: Config,
    /// How Aegir will connect; the password is sealed.
    pub access: Access,
}

/// What stood there.
#[derive(Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AdminBefore {
    /// For each host the statement that made the account, which holds the hash of its password; the receipt is sealed
    /// as a whole.
    standing: Vec<Option<String>>,
    /// The password opens it, and it may do all that Aegir does.
    works: bool,
}

impl AdminAccount {
    fn account(&self, host: &str) -> Result<String> {
        Ok(format!("{}@{}", literal(&self.access.user)?, literal(host)?))
    }

    /// Root needs no password over the socket; statements go to standard input, never to arguments.
    fn client(sql: SecretString) -> Command {
        let (program, args) = AS_ROOT.split_first().unwrap_or((&"mysql", &[]));
        Command::new(*program).args(args).arg("--skip-column-names").input(Input::Secret(sql))
    }

    async fn run(cx: &Context, sql: SecretString, secret: Option<&SecretString>) -> Result<()> {
        let command = Self::client(sql);
        let mut output = cx.server().run(&command).await?;
        if let Some(secret) = secret {
            // The server quotes the statement it does not understand.
            output.stderr = output.error_text().replace(secret.expose_secret(), "(secret)").into_bytes();
        }
        let doing = format!("setting up the database administrator on {}", cx.server().name());
        let number = number::of(&output.error_text());
        output.require_ok(&command, &doing).map(drop).map_err(|e| {
            let e = e.context("server", cx.server().name());
            match number {
                Some(1045 | 1698) => own_account(e),
                Some(1819 | 1290) => e.hint("the password policy takes no password that Aegir makes: `mysql -e \"SHOW VARIABLES LIKE '%password%'\"` shows what it wants"),
                _ => e.hint("`service mariadb status` shows whether it runs"),
            }
        })
    }

    async fn works(&self, cx: &Context) -> Result<bool> {
        let Ok(mut session) = self.access.try_connect(cx).await? else { return Ok(false) };
        Ok(session.column("SHOW GRANTS").await.is_ok_and(|grants| missing(&grants).is_empty()))
    }
}

/// Where root has a password, only who knows it makes an account.
fn own_account(error: Error) -> Error {
    error
        .hint(format!("let root in again: `{LET_ROOT_IN}`, then `aegir init`"))
        .hint("or leave root as it is: make an account with its password, `mysql -u root -p -e \"CREATE USER 'aegir'@'localhost' IDENTIFIED BY '…'; GRANT ALL PRIVILEGES ON *.* TO 'aegir'@'localhost' WITH GRANT OPTION\"`")
        .hint("then write that password into a file, and: `aegir init --db-url mysql://aegir@localhost --db-password-file FILE`")
}

impl Action for AdminAccount {
    const NAME: &'static str = "mysql.admin";
    type Before = AdminBefore;
    type Output = ();

    fn summary(&self) -> String {
        format!("database administrator {}", self.access.user)
    }

    async fn observe(&self, cx: &Context) -> Result<AdminBefore> {
        if self.works(cx).await? {
            return Ok(AdminBefore { standing: Vec::new(), works: true });
        }
        let mut standing = Vec::new();
        for host in HOSTS {
            let shown = cx.server().run(&Self::client(SecretString::from(format!("SHOW CREATE USER {};\n", self.account(host)?)))).await?;
            // A program that is not there yet, or does not run yet, lets root in once it does.
            if let Some(1045 | 1698) = number::of(&shown.error_text()) {
                return Err(own_account(
                    Error::refused(format!("the database server on {} does not let root in", cx.server().name()))
                        .context("server", cx.server().name())
                        .because(shown.error_text().trim()),
                ));
            }
            standing.push(shown.ok().then(|| shown.text().trim().to_owned()).filter(|t| t.starts_with("CREATE USER")));
        }
        Ok(AdminBefore { standing, works: false })
    }

    fn diff(&self, _cx: &Context, before: &AdminBefore) -> Result<Diff> {
        let account = &self.access.user;
        Ok(match (before.works, before.standing.iter().any(Option::is_some)) {
            (true, _) => Diff::same(),
            (false, false) => Diff::new(
                Change::Create,
                format!("+ database account {account} at {} with all rights, password (secret)\n", HOSTS.join(" and ")),
            ),
            (false, true) => Diff::new(
                Change::Change,
                format!("  database account {account}: a new password (secret), all rights; whoever else uses it is locked out\n"),
            ),
        })
    }

    async fn apply(&self, cx: &Context, _before: &AdminBefore) -> Result<()> {
        if self.works(cx).await? {
            return Ok(());
        }
        let sealed = self.access.password.as_ref().ok_or_else(|| Error::internal("an administrator that is to get no password"))?;
        let password = cx.keyring().open(sealed)?;
        Self::run(cx, administrator(&self.config, &password)?, Some(&password)).await
    }

    async fn undo(&self, cx: &Context, before: &AdminBefore) -> Result<()> {
        if before.works {
            return Ok(());
        }
        let mut sql = String::from("SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES';\n");
        for (host, standing) in HOSTS.iter().zip(&before.standing) {
            let statement = match standing {
                Some(made) => made.replacen("CREATE USER", "ALTER USER", 1),
                None => format!("DROP USER IF EXISTS {}", self.account(host)?),
            };
            sql.push_str(&format!("{statement};\n"));
        }
        Self::run(cx, SecretString::from(sql), None).await
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!(
            "on {server}, as root: `mysql -e \"DROP USER {user}@localhost, {user}@127.0.0.1\"` if they were new",
            user = self.access.user
        )
    }
}
