//! An operator's template: read within limits, and without what could keep a rendering from its end.

use std::fs::File;
use std::io::{ErrorKind, Read as _};

use camino::Utf8Path;
use handlebars::Template;
use handlebars::template::TemplateElement;
use rustix::fs::{CWD, Mode, OFlags};

/// How large a template may be, in bytes.
const MOST: u64 = 1 << 20;
/// How many blocks may stand inside one another.
const DEEPEST: usize = 64;

/// Returns an override's text, or `None` where there is none; the error says in words why it cannot be one.
pub(super) fn read(path: &Utf8Path) -> Result<Option<String>, String> {
    // Without waiting: a pipe that nobody writes to would hold up everything.
    let opened =
        rustix::fs::openat(CWD, path.as_std_path(), OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty());
    let file = match opened.map(File::from).map_err(std::io::Error::from) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return if path.is_symlink() { Err("it is a symbolic link that leads nowhere".to_owned()) } else { Ok(None) };
        }
        Err(error) => return Err(error.to_string()),
    };
    let is = file.metadata().map_err(|e| e.to_string())?;
    if !is.is_file() {
        return Err("it is no regular file".to_owned());
    }
    if is.len() > MOST {
        return Err(format!("it is larger than {} kB", MOST / 1024));
    }
    let mut text = String::new();
    file.take(MOST).read_to_string(&mut text).map_err(|e| e.to_string())?;
    // Whoever nests without end takes the stack, and with it the process.
    let mut open = 0_usize;
    for (at, _) in text.match_indices("{{") {
        let inside = text[at + 2..].trim_start_matches(['~', '{']);
        let inverse = inside.strip_prefix('^').is_some_and(|name| !name.starts_with(['}', '~']));
        if inside.starts_with('#') || inverse {
            open += 1;
        } else if inside.starts_with('/') {
            open = open.saturating_sub(1);
        }
        if open > DEEPEST {
            return Err(format!("it has more than {DEEPEST} blocks inside one another"));
        }
    }
    Ok(Some(text))
}

/// Refuses partials: no template of ours has any, and one that includes itself ends the process.
pub(super) fn refuse_partials(template: &Template) -> Result<(), String> {
    for element in &template.elements {
        match element {
            TemplateElement::PartialExpression(_)
            | TemplateElement::PartialBlock(_)
            | TemplateElement::DecoratorExpression(_)
            | TemplateElement::DecoratorBlock(_) => {
                return Err("it has partials or decorators, which Aegir's templates do not know".to_owned());
            }
            TemplateElement::HelperBlock(block) => {
                for inner in [&block.template, &block.inverse].into_iter().flatten() {
                    refuse_partials(inner)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}
