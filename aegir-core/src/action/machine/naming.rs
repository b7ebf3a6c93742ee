//! Names that leave something open: several between `|`, of which one is enough, and a `*` that stands for anything.

/// The names, the one to prefer first.
pub(crate) fn each(names: &str) -> impl Iterator<Item = &str> {
    names.split('|')
}

/// The one to prefer.
pub(crate) fn first(names: &str) -> &str {
    each(names).next().unwrap_or(names)
}

/// Whether a name is one of them.
pub(crate) fn fits(names: &str, name: &str) -> bool {
    each(names).any(|pattern| match pattern.split_once('*') {
        Some((head, tail)) => name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail),
        None => pattern == name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_star_stands_for_anything() {
        assert!(fits("php*-fpm", "php8.2-fpm") && fits("apache2", "apache2"));
        assert!(!fits("php*-fpm", "php-fpm8") && !fits("apache2", "apache"));
        assert!(!fits("ab*ba", "aba"), "head and tail may not share characters");
    }

    #[test]
    fn one_of_several_is_enough() {
        let names = "mariadb-server|mysql-server-*";
        assert!(fits(names, "mariadb-server") && fits(names, "mysql-server-8.0") && !fits(names, "mysql-server"));
        assert_eq!(first(names), "mariadb-server");
    }
}
