//! Where templates come from, and how they are rendered.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use camino::{Utf8Path, Utf8PathBuf};
use handlebars::{Handlebars, Template};

use super::content::Content;
use super::helper::{SECRETS, UNSAFE, engine};
use super::overriding;
use crate::secret::Sealed;
use crate::{Error, ErrorKind, Result};

/// Written over an ejected copy, so that a later build can tell that its original has changed.
const EJECT_MARK: &str = "aegir-template-of ";

/// Where a template comes from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case", tag = "from", content = "path")]
pub enum Origin {
    /// The build.
    BuiltIn,
    /// The operator's directory.
    Override(Utf8PathBuf),
}

/// A template and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TemplateInfo {
    /// Its name, `apache/vhost.conf`.
    pub name: String,
    /// Where it comes from.
    #[serde(flatten)]
    pub origin: Origin,
    /// The override was ejected from another version of the built-in one.
    pub outdated: bool,
}

/// All templates of this build, and the operator's directory.
pub struct Templates {
    builtin: BTreeMap<&'static str, &'static str>,
    overrides: Option<Utf8PathBuf>,
    /// Compiled templates, by name and hash of the text.
    engine: RwLock<Handlebars<'static>>,
}

impl std::fmt::Debug for Templates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Templates({} built in, overrides {:?})", self.builtin.len(), self.overrides)
    }
}

impl Templates {
    pub(crate) fn new(builtin: BTreeMap<&'static str, &'static str>, overrides: Option<Utf8PathBuf>) -> Self {
        Self { builtin, overrides, engine: RwLock::new(engine()) }
    }

    fn builtin(&self, name: &str) -> Result<&'static str> {
        self.builtin.get(name).copied().ok_or_else(|| {
            let known: Vec<&str> = self.builtin.keys().copied().collect();
            Error::not_found(format!("there is no template {}; there are: {}", crate::name::shown(name), known.join(", ")))
                .hint("`aegir template list` shows them")
        })
    }

    fn override_path(&self, name: &str) -> Option<Utf8PathBuf> {
        self.overrides.as_ref().map(|dir| dir.join(format!("{name}.hbs")))
    }

    /// A template's text and where it comes from.
    pub fn source(&self, name: &str) -> Result<(String, Origin)> {
        let builtin = self.builtin(name)?;
        let Some(path) = self.override_path(name) else { return Ok((builtin.to_owned(), Origin::BuiltIn)) };
        match overriding::read(&path) {
            Ok(Some(text)) => Ok((text, Origin::Override(path))),
            Ok(None) => Ok((builtin.to_owned(), Origin::BuiltIn)),
            Err(why) => Err(Error::refused(format!("reading the template override {path}"))
                .context("file", &path)
                .because(why)
                .hint(format!("mend it, or remove it and the built-in one is used: `rm {path}`"))),
        }
    }

    /// All templates, by name.
    pub fn list(&self) -> Result<Vec<TemplateInfo>> {
        self.builtin
            .iter()
            .map(|(name, builtin)| {
                let (text, origin) = self.source(name)?;
                let outdated = text
                    .lines()
                    .next()
                    .and_then(|line| line.split_once(EJECT_MARK))
                    .is_some_and(|(_, mark)| !mark.starts_with(&digest(builtin)));
                Ok(TemplateInfo { name: (*name).to_owned(), origin, outdated })
            })
            .collect()
    }

    /// What to write to start an override: the path, and the built-in text under a line that says which it was.
    pub fn eject(&self, name: &str) -> Result<(Utf8PathBuf, String)> {
        let builtin = self.builtin(name)?;
        let path = self
            .override_path(name)
            .ok_or_else(|| Error::new(ErrorKind::Unsupported, "this Aegir has no directory for template overrides"))?;
        if path.exists() {
            return Err(Error::conflict(format!("there is an override already: {path}"))
                .context("file", &path)
                .hint(format!("see `aegir template diff {name}`, or remove the file first")));
        }
        Ok((path, format!("{{{{!-- {EJECT_MARK}{} --}}}}\n{builtin}", digest(builtin))))
    }

    /// How the operator's template differs from the built-in one; empty when there is no override.
    pub fn diff(&self, name: &str) -> Result<String> {
        let (text, _) = self.source(name)?;
        Ok(crate::plan::Diff::text(name, Some(self.builtin(name)?), Some(body(&text))).detail)
    }

    /// Renders a template. `secrets` are available to the `secret_*` helpers by name.
    pub fn render(&self, name: &str, data: &impl serde::Serialize, secrets: &[(&str, &Sealed)]) -> Result<Content> {
        let (text, origin) = self.source(name)?;
        let secrets: BTreeMap<String, Sealed> = secrets.iter().map(|(n, s)| ((*n).to_owned(), (*s).clone())).collect();
        let rendered = self.expand(name, body(&text), data, &secrets).map_err(|cause| {
            let shown = match &origin {
                Origin::BuiltIn => name.to_owned(),
                Origin::Override(path) => path.to_string(),
            };
            let made = Error::refused(format!("rendering the template {shown}")).context("template", name).because(cause);
            match &origin {
                Origin::BuiltIn => made,
                Origin::Override(path) => {
                    made.context("file", path).hint(format!("compare with the built-in one: `aegir template diff {name}`"))
                }
            }
        })?;
        if rendered.contains(UNSAFE) {
            let what = rendered.split(UNSAFE).nth(1).unwrap_or_default();
            return Err(Error::refused(format!("rendering the template {name}: the value {} stands bare", crate::name::shown(what)))
                .context("template", name)
                .hint("quote it for the file's grammar: {{apache x}}, {{nginx x}}, {{php x}}"));
        }
        Ok(Content::with_secrets(rendered, secrets))
    }

    /// Compiles a text once, for as long as it stays the same, and fills it in.
    fn expand(&self, name: &str, text: &str, data: &impl serde::Serialize, secrets: &BTreeMap<String, Sealed>) -> Result<String, String> {
        let key = format!("{name} {}", blake3::hash(text.as_bytes()).to_hex());
        if !self.engine.read().unwrap_or_else(PoisonError::into_inner).has_template(&key) {
            let mut engine = self.engine.write().unwrap_or_else(PoisonError::into_inner);
            let template = Template::compile(text).map_err(|e| e.to_string().replace(&key, name))?;
            overriding::refuse_partials(&template)?;
            engine.register_template(&key, template);
        }
        let mut data = serde_json::to_value(data).map_err(|e| e.to_string())?;
        if let Some(variables) = data.as_object_mut() {
            variables.insert(SECRETS.to_owned(), secrets.keys().cloned().collect::<Vec<_>>().into());
        }
        let context = handlebars::Context::from(data);
        let engine = self.engine.read().unwrap_or_else(PoisonError::into_inner);
        engine.render_with_context(&key, &context).map_err(|e| e.to_string().replace(&key, name))
    }
}

/// A template's text without the line that an ejected copy begins with.
fn body(text: &str) -> &str {
    if text.lines().next().is_some_and(|l| l.contains(EJECT_MARK)) { text.split_once('\n').map_or("", |(_, rest)| rest) } else { text }
}

fn digest(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
}

/// Where an operator's overrides lie below Aegir's root.
pub(crate) fn overrides_below(root: &Utf8Path) -> Utf8PathBuf {
    root.join("templates")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn templates(text: &'static str) -> Templates {
        Templates::new(BTreeMap::from([("t", text)]), None)
    }

    #[test]
    fn values_are_quoted_and_bare_ones_must_be_harmless() {
        let data = serde_json::json!({ "x": "a b", "host": "example.org" });
        assert_eq!(
            templates("{{host}} {{apache x}} {{php x}} {{regex host}}").render("t", &data, &[]).unwrap().shown(),
            "example.org \"a b\" 'a b' example\\.org"
        );
        assert!(templates("{{x}}").render("t", &data, &[]).is_err(), "a blank may not stand bare");
        assert!(templates("{{y}}").render("t", &data, &[]).is_err(), "a missing variable is an error");
        assert!(templates("{{apache y}}").render("t", &data, &[]).is_err());
        assert!(templates("{{secret_php \"pw\"}}").render("t", &data, &[]).is_err());
    }

    #[test]
    fn what_is_no_template_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let templates = Templates::new(BTreeMap::from([("t", "built in")]), Some(path.clone()));
        let file = path.join("t.hbs");
        let refused = |because: &str| {
            let error = templates.render("t", &serde_json::json!({}), &[]).unwrap_err();
            assert!(error.message().contains("t.hbs") && error.chain().join(": ").contains(because), "{error:?}");
            assert!(!error.hints().is_empty() && !error.chain().join(": ").contains(&blake3::hash(b"").to_hex()[..8]), "{error:?}");
            std::fs::remove_file(&file).unwrap();
        };
        std::fs::write(&file, "{{#*inline \"a\"}}{{> a}}{{/inline}}{{> a}}").unwrap();
        refused("partials");
        std::fs::write(&file, "{{#if x}}{{#each y}}{{> b}}{{/each}}{{/if}}").unwrap();
        refused("partials");
        std::fs::write(&file, "{{#if x}}".repeat(200) + &"{{/if}}".repeat(200)).unwrap();
        refused("inside one another");
        rustix::fs::mknodat(rustix::fs::CWD, file.as_std_path(), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
        refused("no regular file");
        std::fs::File::create(&file).unwrap().set_len(1 << 40).unwrap();
        refused("larger than");
        std::os::unix::fs::symlink("nowhere", &file).unwrap();
        refused("leads nowhere");
        std::fs::write(&file, [0xff]).unwrap();
        refused("UTF-8");
        assert_eq!(templates.render("t", &serde_json::json!({}), &[]).unwrap().shown(), "built in");
    }

    #[test]
    fn an_override_wins_and_says_when_it_is_outdated() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let before = Templates::new(BTreeMap::from([("t", "old")]), Some(path.clone()));
        let (file, text) = before.eject("t").unwrap();
        std::fs::write(file, text).unwrap();
        assert!(!before.list().unwrap()[0].outdated);
        assert_eq!(before.diff("t").unwrap(), "");
        let after = Templates::new(BTreeMap::from([("t", "new")]), Some(path));
        assert!(after.list().unwrap()[0].outdated);
        assert_eq!(after.render("t", &serde_json::json!({}), &[]).unwrap().shown(), "old");
    }
}
