//! Configuration files rendered from templates; the operator's directory wins over the built-in ones.
//!
//! Handlebars in strict mode: a missing variable is an error. Every value enters through a helper that quotes
//! it for the grammar of the file (`{{apache x}}`, `{{nginx x}}`, `{{php x}}`, `{{ini x}}`); a bare `{{x}}` passes
//! only letters, digits and `. _ - / : @`, and fails otherwise. Secrets enter as `{{secret_apache "name"}}`
//! and stay sealed until the file is written.

mod content;
mod helper;
mod overriding;
mod quote;
mod source;

pub use content::{Content, Grammar};
pub(crate) use source::overrides_below;
pub use source::{Origin, TemplateInfo, Templates};
