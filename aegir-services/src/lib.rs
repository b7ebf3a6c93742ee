//! The service types and applications that ship with Aegir, one module each.
//!
//! | module | is |
//! |---|---|
//! | [`web`], [`db`] | the services: what a server can offer, and what their types share |
//! | [`apache`] | fills `web` |
//! | [`mysql`] | fills `db`: MySQL 8 and MariaDB |
//! | [`drupal`], [`wordpress`] | applications |
//! | [`php`] | drives an application's own PHP as a child process |

pub mod apache;
pub mod db;
pub mod drupal;
pub mod mysql;
pub mod php;
pub mod web;
pub mod wordpress;

use aegir_core::service::Registry;

/// Registers everything in this crate.
pub fn register(registry: &mut Registry) {
    web::register(registry);
    db::register(registry);
    apache::register(registry);
    mysql::register(registry);
    php::register(registry);
    drupal::register(registry);
    wordpress::register(registry);
}
