//! What must hold for a site and its database, whatever server holds the database: run it on each kind.

use crate::installation::Installation;
use crate::lab::{Host, Run};

/// A site of an installation, and the host that its database server runs on.
#[derive(Debug)]
pub struct Bed<'a> {
    /// The master; the site is on it.
    pub aegir: &'a Installation,
    /// Where root asks the database server over its socket.
    pub db: &'a Host,
    /// The site.
    pub uri: &'a str,
    /// The platform it is on.
    pub platform: &'a str,
    /// Its database.
    pub name: &'a str,
}

impl Bed<'_> {
    /// What the database server answers to root.
    ///
    /// # Panics
    /// When it refuses.
    #[track_caller]
    pub fn sql(&self, statements: &str) -> String {
        sql(self.db, statements)
    }

    /// What Aegir calls the server that has its database.
    fn server(&self) -> String {
        self.aegir.json(["site", "show", self.uri])["item"]["database"]["server"].as_str().unwrap_or_default().to_owned()
    }

    fn is_mariadb(&self) -> bool {
        self.sql("SELECT VERSION()").contains("MariaDB")
    }

    /// A deletion that fails once the database is gone; it must bring everything back.
    ///
    /// # Panics
    /// When it does not end rolled back.
    #[track_caller]
    pub fn fail_after_drop(&self) -> Run {
        let run = fail_after_drop(self.aegir, self.uri);
        assert_eq!(run.status, 1, "{}", run.stderr);
        run
    }

    /// Everything in the database, as its own server prints it.
    ///
    /// # Panics
    /// When it cannot be dumped.
    #[must_use]
    pub fn content(&self) -> String {
        let dump = ["mysqldump", "--skip-dump-date", "--skip-comments", "--order-by-primary", "--single-transaction", "--hex-blob"];
        let all = ["--routines", "--events", "--triggers", "--max-allowed-packet=1G", self.name];
        self.db.exec(dump.into_iter().chain(all)).ok()
    }
}

/// What a database server answers to root of its machine.
///
/// # Panics
/// When it refuses.
#[track_caller]
pub fn sql(db: &Host, statements: &str) -> String {
    db.command(["mysql", "--batch", "--skip-column-names", "--max-allowed-packet=1G", "--default-character-set=utf8mb4"])
        .stdin(statements)
        .run()
        .ok()
}

/// A deletion that fails once the database is gone.
///
/// # Panics
/// When no step of it drops the database.
#[track_caller]
pub fn fail_after_drop(aegir: &Installation, uri: &str) -> Run {
    let steps = aegir.json(["site", "delete", uri, "--dry-run"])["item"]["steps"].clone();
    let drop = steps.as_array().and_then(|s| s.iter().position(|s| s["action"] == "mysql.database.drop")).expect("a step that drops it");
    aegir.faulty(&format!("fail-after:{drop},twice"), ["site", "delete", uri, "--yes"])
}

/// All of it, on a site that was just installed.
///
/// # Panics
/// When something does not hold.
pub fn all(bed: &Bed<'_>) {
    verified_twice_without_change(bed);
    comes_back_as_it_was(bed);
    takes_generated_passwords_under_a_policy(bed);
}

/// A second verify finds nothing to do.
fn verified_twice_without_change(bed: &Bed<'_>) {
    let again = bed.aegir.aegir(["site", "verify", bed.uri]);
    assert!(again.success() && again.stderr.contains("nothing to change"), "{}", again.stderr);
}

/// B27 and A5: rows of most of a packet, every byte, a view, a trigger, a routine and an event come back from the dump, and
/// what came back is the site's own.
fn comes_back_as_it_was(bed: &Bed<'_>) {
    let name = bed.name;
    let packet: usize = bed.sql("SELECT @@GLOBAL.max_allowed_packet").trim().parse().expect("a number");
    // Of most of the packet, and such that half of it is written with a backslash.
    let large = packet * 7 / 10;
    // A site that dumps its database itself, from another machine, reads only the routines that are its own.
    let own = bed.sql(&format!("SELECT CONCAT('`', User, '`@`', Host, '`') FROM mysql.user WHERE User = LEFT('{name}', 32)"));
    let definer = if bed.server() == "server_master" { "CURRENT_USER" } else { own.trim() };
    // With a binary log MySQL lets only administrators make triggers otherwise.
    bed.sql("SET GLOBAL log_bin_trust_function_creators = 1");
    bed.sql(&format!(
        "USE {name};
         CREATE TABLE bytes (id INT PRIMARY KEY, data LONGBLOB, note TEXT) DEFAULT CHARSET = utf8mb4;
         INSERT INTO bytes VALUES (1, UNHEX('000A0D1A22275C5C4E00FF80E282ACF09F9880'), 'grüße 😀 \\\\N \\'quoted\\' DEFINER=`root`@`localhost`');
         INSERT INTO bytes VALUES (2, REPEAT('\\'x', {large} DIV 2), 'large');
         CREATE VIEW notes AS SELECT id, note FROM bytes;
         CREATE DEFINER = {definer} PROCEDURE count_notes() SELECT COUNT(*) FROM notes;
         CREATE TRIGGER no_empty BEFORE INSERT ON bytes FOR EACH ROW SET NEW.note = COALESCE(NEW.note, '-');
         CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM bytes WHERE id > 100;"
    ));
    let exactly = exactly(bed);
    let before = bed.content();
    bed.fail_after_drop();
    // By root before, by the site's own user now; nothing else may differ.
    let site = bed.sql(&format!("SELECT DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = '{name}'"));
    assert!(site.starts_with(name.get(..32).unwrap_or(name)), "the view is {site}");
    // MySQL prints a column's character set where a statement named it, as its own dumps do, and not where it came with the
    // collation.
    let by_nobody = |text: &str| {
        let lines = text.lines().map(|line| match line.split_once("DEFINER=`") {
            Some((begin, rest)) if !line.starts_with("INSERT") && !line.starts_with('(') => {
                format!("{begin}{}", rest.splitn(4, '`').last().unwrap_or_default())
            }
            None if line.starts_with("  `") => line.replace(" CHARACTER SET utf8mb4 COLLATE", " COLLATE"),
            _ => line.to_owned(),
        });
        lines.collect::<Vec<String>>().join("\n")
    };
    let (before, after) = (by_nobody(&before), by_nobody(&bed.content()));
    if before != after {
        let differ = before.lines().zip(after.lines()).find(|(a, b)| a != b);
        let short = |text: &str| text.chars().take(300).collect::<String>();
        panic!("the database came back as another one: {:?}", differ.map(|(a, b)| (short(a), short(b))));
    }
    assert_eq!(exactly, sums(bed), "tables came back with other rows");
    assert_eq!(bed.aegir.page(bed.uri).status, 200);
    assert_eq!(bed.sql("SELECT @@GLOBAL.max_allowed_packet").trim(), packet.to_string(), "the packet is as it was");
    verified_twice_without_change(bed);
    bed.sql(&format!("USE {name}; DROP EVENT nightly; DROP VIEW notes; DROP PROCEDURE count_notes; DROP TABLE bytes; DROP VIEW x_seen; DROP TABLE x_measured"));
    if bed.is_mariadb() {
        bed.sql(&format!("USE {name}; DROP TABLE x_history, x_since; DROP SEQUENCE x_sequence"));
    }
}

/// F2 and F3: tables that the dumping client would not write out as they are, and the sums of what is in them.
fn exactly(bed: &Bed<'_>) -> String {
    // MySQL's client prints the sign of a zero, and MySQL does not read it; MariaDB's client writes out generated columns so
    // that MySQL does not take them.
    let (zero, twice) = match bed.is_mariadb() {
        true => ("-0e0", ", twice INT AS (id * 2) STORED"),
        false if refuses_generated_columns(bed) => ("0", ""),
        false => ("0", ", twice INT AS (id * 2) STORED"),
    };
    bed.sql(&format!(
        "USE {};
         CREATE TABLE x_measured (id INT PRIMARY KEY, f FLOAT, g FLOAT(10,3), d DOUBLE, b BIT(3){twice}, e ENUM('a','b'), raw BLOB);
         INSERT INTO x_measured (id, f, g, d, b, e, raw) VALUES (1, 16777215, 1234567.123, 0.1 + 0.2e0, b'101', 'b', UNHEX('00275C0A')), (2, {zero}, NULL, NULL, NULL, NULL, NULL);
         CREATE VIEW x_seen AS SELECT f FROM x_measured",
        bed.name
    ));
    if bed.is_mariadb() {
        bed.sql(&format!(
            "USE {};
             CREATE TABLE x_history (a INT, f FLOAT) WITH SYSTEM VERSIONING; INSERT INTO x_history VALUES (1, 0.12345678); UPDATE x_history SET a = 2;
             CREATE TABLE x_since (a INT, begun TIMESTAMP(6) GENERATED ALWAYS AS ROW START INVISIBLE, ended TIMESTAMP(6) GENERATED ALWAYS AS ROW END INVISIBLE,
               hidden INT INVISIBLE DEFAULT 3, PERIOD FOR SYSTEM_TIME (begun, ended)) WITH SYSTEM VERSIONING;
             INSERT INTO x_since (a, hidden) VALUES (1, 4); DELETE FROM x_since;
             CREATE SEQUENCE x_sequence START WITH 5; DO NEXTVAL(x_sequence)",
            bed.name
        ));
    }
    sums(bed)
}

/// Whether the master's client cannot dump MySQL's generated columns; then a deletion says so before anything is done.
fn refuses_generated_columns(bed: &Bed<'_>) -> bool {
    if !bed.aegir.host.exec(["mysqldump", "--version"]).stdout.contains("MariaDB") {
        return false;
    }
    bed.sql(&format!("USE {}; CREATE TABLE x_generated (id INT, twice INT AS (id * 2) STORED)", bed.name));
    let refused = bed.aegir.aegir(["site", "delete", bed.uri, "--yes"]);
    bed.sql(&format!("DROP TABLE {}.x_generated", bed.name));
    assert_eq!(refused.status, 8, "{}", refused.stderr);
    for says in ["generated columns of x_generated", "MariaDB's client on server_master", "default-mysql-client"] {
        assert!(refused.stderr.contains(says), "it does not say “{says}”: {}", refused.stderr);
    }
    true
}

/// Sums over all rows of those tables, former ones included.
fn sums(bed: &Bed<'_>) -> String {
    let more = if bed.is_mariadb() { ", x_history, x_since, x_sequence" } else { "" };
    bed.sql(&format!("USE {}; CHECKSUM TABLE x_measured{more} EXTENDED", bed.name))
}

/// B37: the password policy of the server, as it comes.
fn takes_generated_passwords_under_a_policy(bed: &Bed<'_>) {
    let is_mariadb = bed.is_mariadb();
    let (on, off) = match is_mariadb {
        true => ("INSTALL SONAME 'simple_password_check'", "UNINSTALL SONAME 'simple_password_check'"),
        false => ("INSTALL COMPONENT 'file://component_validate_password'", "UNINSTALL COMPONENT 'file://component_validate_password'"),
    };
    bed.sql(on);
    let uri = "policy.example.com";
    let install =
        || bed.aegir.aegir(["site", "install", uri, "--platform", bed.platform, "--title", "Policy", "--db-server", &bed.server()]);
    install().ok();
    assert_eq!(bed.aegir.page(uri).status, 200);
    // Its user comes back, where no password is taken by its hash.
    let taken_back = fail_after_drop(bed.aegir, uri);
    assert_eq!(taken_back.status, 1, "{}", taken_back.stderr);
    assert_eq!(bed.aegir.page(uri).status, 200);
    bed.aegir.aegir(["site", "delete", uri, "--yes"]).ok();
    if is_mariadb {
        bed.sql("SET GLOBAL simple_password_check_minimal_length = 200");
        let refused = install();
        assert!(!refused.success() && refused.stderr.contains("password policy"), "{}", refused.stderr);
    }
    bed.sql(off);
}
