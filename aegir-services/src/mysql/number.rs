//! Errors told by their numbers: what they say depends on the server's language.

/// The number of the first error that a client's words name: `ERROR 1045 (28000)`, `Got error: 1356: "…"`,
/// `Couldn't execute '…': … (1356)`, and what a server said to a client that waited for TLS, `…: 1130 - …`.
pub(super) fn of(said: &str) -> Option<u16> {
    said.lines().find_map(in_line)
}

fn in_line(line: &str) -> Option<u16> {
    // What the client itself wraps stands behind its own number.
    if let Some((_, inner)) = line.split_once("cannot be verified: ") {
        return leading(inner);
    }
    if let Some(rest) = ["ERROR ", "rror: "].iter().find_map(|mark| line.split_once(mark).map(|(_, rest)| rest)) {
        return leading(rest);
    }
    let (_, last) = line.trim_end().strip_suffix(')')?.rsplit_once('(')?;
    last.parse().ok()
}

fn leading(text: &str) -> Option<u16> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_found_in_every_form() {
        assert_eq!(of("ERROR 1045 (28000): Accès refusé pour l'utilisateur: 'a'@'b' (mot de passe: NON)"), Some(1045));
        assert_eq!(
            of(
                "ERROR 2002 (HY000): Received error packet before completion of TLS handshake. The authenticity of the following error cannot be verified: 1130 - Le hôte 'x' n'est pas authorisé"
            ),
            Some(1130)
        );
        assert_eq!(of("mysqldump: Got error: 1356: \"View 'd.v' references\" when using LOCK TABLES"), Some(1356));
        assert_eq!(
            of("mysqldump: Error: 'X' when trying to dump\nmysqldump: Couldn't execute 'SHOW FIELDS FROM `v`': View … (1356)"),
            Some(1356)
        );
        assert_eq!(of("mysqldump: u has insufficent privileges to SHOW CREATE PROCEDURE `p`!"), None);
    }
}
