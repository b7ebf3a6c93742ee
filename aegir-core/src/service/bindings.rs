//! What one service leaves for the next while a plan is made.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Values by type: the database service leaves a [`crate::entity::Database`] for the application and the web server.
#[derive(Debug, Default)]
pub struct Bindings(Mutex<HashMap<TypeId, Box<dyn Any + Send>>>);

impl Bindings {
    /// Leaves a value; replaces one of the same type.
    pub fn put<T: Any + Send>(&self, value: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(TypeId::of::<T>(), Box::new(value));
    }

    /// Takes a value out.
    pub fn take<T: Any>(&self) -> Option<T> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&TypeId::of::<T>())?;
        found.downcast::<T>().ok().map(|value| *value)
    }
}
