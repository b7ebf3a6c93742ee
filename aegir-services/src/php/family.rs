//! Which driver script speaks to which application.

/// Applications that are driven the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Drupal 7.
    Drupal7,
    /// Drupal 8 and later.
    Drupal8,
    /// WordPress.
    Wordpress,
}

impl Family {
    /// Its driver's source.
    pub(crate) fn script(self) -> &'static str {
        match self {
            Self::Drupal7 => include_str!("../drupal/driver7.php"),
            Self::Drupal8 => include_str!("../drupal/driver8.php"),
            Self::Wordpress => include_str!("../wordpress/driver.php"),
        }
    }

    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Drupal7 | Self::Drupal8 => "Drupal",
            Self::Wordpress => "WordPress",
        }
    }
}
