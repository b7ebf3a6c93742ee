//! The administrator's rights, read from what the server says about them.

/// What gives the administrator its rights; `{user}` stands for its name.
pub(super) const GRANT_ADMIN: &str = "GRANT ALL PRIVILEGES ON *.* TO '{user}'@'localhost' WITH GRANT OPTION";

/// What Aegir uses: databases and users made and dropped, rights given, dumps loaded.
const NEEDED: &[&str] = &[
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "CREATE",
    "DROP",
    "REFERENCES",
    "INDEX",
    "ALTER",
    "CREATE TEMPORARY TABLES",
    "LOCK TABLES",
    "EXECUTE",
    "CREATE VIEW",
    "SHOW VIEW",
    "CREATE ROUTINE",
    "ALTER ROUTINE",
    "EVENT",
    "TRIGGER",
    "CREATE USER",
];

/// Which of the needed rights these grants lack; `GRANT OPTION` among them.
pub(super) fn missing(grants: &[String]) -> Vec<&'static str> {
    let mut have: Vec<String> = Vec::new();
    let mut all = false;
    let mut grant_option = false;
    for grant in grants {
        let upper = grant.to_ascii_uppercase();
        let Some((list, rest)) = upper.strip_prefix("GRANT ").and_then(|g| g.split_once(" ON *.* TO ")) else { continue };
        grant_option |= rest.contains("WITH GRANT OPTION");
        all |= list.trim() == "ALL PRIVILEGES";
        have.extend(list.split(',').map(|r| r.trim().to_owned()));
    }
    let mut missing: Vec<&'static str> =
        if all { Vec::new() } else { NEEDED.iter().copied().filter(|n| !have.iter().any(|h| h == n)).collect() };
    if !grant_option {
        missing.push("GRANT OPTION");
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_words_of_both_servers() {
        let maria = ["GRANT ALL PRIVILEGES ON *.* TO `aegir`@`localhost` IDENTIFIED BY PASSWORD '*2B' WITH GRANT OPTION".to_owned()];
        assert!(missing(&maria).is_empty());
        let list = NEEDED.join(", ");
        let mysql = [
            format!("GRANT {list}, RELOAD ON *.* TO `aegir`@`localhost` WITH GRANT OPTION"),
            "GRANT BACKUP_ADMIN ON *.* TO `aegir`@`localhost`".to_owned(),
        ];
        assert!(missing(&mysql).is_empty());
        assert_eq!(missing(&["GRANT ALL PRIVILEGES ON *.* TO `a`@`b`".to_owned()]), ["GRANT OPTION"]);
        assert!(missing(&["GRANT ALL PRIVILEGES ON `x`.* TO `a`@`b` WITH GRANT OPTION".to_owned()]).contains(&"CREATE USER"));
    }
}
