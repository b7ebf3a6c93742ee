//! Actions without their types: found again by name after a crash.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::{Action, Claims, Context};
use crate::name::ServerName;
use crate::plan::{Diff, Step};
use crate::{Error, ErrorKind, Result};

/// An [`Action`] whose types are hidden; implemented for every action.
#[async_trait]
pub trait ErasedAction: std::fmt::Debug + Send + Sync {
    /// See [`Action::claims`].
    fn claims(&self, server: &ServerName) -> Claims;
    /// See [`Action::observe`].
    async fn observe(&self, cx: &Context) -> Result<Value>;
    /// See [`Action::diff`].
    fn diff(&self, cx: &Context, before: &Value) -> Result<Diff>;
    /// See [`Action::apply`].
    async fn apply(&self, cx: &Context, before: &Value) -> Result<Value>;
    /// See [`Action::undo`].
    async fn undo(&self, cx: &Context, before: &Value) -> Result<()>;
    /// See [`Action::reads`].
    fn reads(&self) -> Vec<String>;
    /// See [`Action::kept`].
    fn kept(&self) -> Option<String>;
    /// See [`Action::limit`].
    fn limit(&self) -> Duration;
    /// See [`Action::by_hand`].
    fn by_hand(&self, server: &ServerName) -> String;
}

fn typed<A: Action>(before: &Value) -> Result<A::Before> {
    serde_json::from_value(before.clone())
        .map_err(|e| Error::internal(format!("the journal holds no usable receipt of {}", A::NAME)).because(e))
}

#[async_trait]
impl<A: Action> ErasedAction for A {
    fn claims(&self, server: &ServerName) -> Claims {
        Action::claims(self, server)
    }

    async fn observe(&self, cx: &Context) -> Result<Value> {
        let before = Action::observe(self, cx).await?;
        serde_json::to_value(before).map_err(|e| Error::internal(format!("what {} saw does not serialise", A::NAME)).because(e))
    }

    fn diff(&self, cx: &Context, before: &Value) -> Result<Diff> {
        Action::diff(self, cx, &typed::<A>(before)?)
    }

    async fn apply(&self, cx: &Context, before: &Value) -> Result<Value> {
        let output = Action::apply(self, cx, &typed::<A>(before)?).await?;
        serde_json::to_value(output).map_err(|e| Error::internal(format!("what {} put out does not serialise", A::NAME)).because(e))
    }

    async fn undo(&self, cx: &Context, before: &Value) -> Result<()> {
        Action::undo(self, cx, &typed::<A>(before)?).await
    }

    fn reads(&self) -> Vec<String> {
        Action::reads(self)
    }

    fn kept(&self) -> Option<String> {
        Action::kept(self)
    }

    fn limit(&self) -> Duration {
        Action::limit(self)
    }

    fn by_hand(&self, server: &ServerName) -> String {
        Action::by_hand(self, server)
    }
}

type Parse = fn(&Value) -> Result<Box<dyn ErasedAction>>;

/// Every action this build knows.
#[derive(Clone, Debug, Default)]
pub struct Actions(BTreeMap<&'static str, Parse>);

impl Actions {
    /// Makes an action known. Panics on a second one of the same name: a programmer's error, found at start-up.
    pub fn add<A: Action>(&mut self) {
        let parse: Parse = |params| {
            let action: A = serde_json::from_value(params.clone())
                .map_err(|e| Error::internal(format!("a stored {} step does not read", A::NAME)).because(e))?;
            Ok(Box::new(action))
        };
        assert!(self.0.insert(A::NAME, parse).is_none(), "action {} is registered twice", A::NAME);
    }

    /// The action of a step.
    pub fn get(&self, step: &Step) -> Result<Box<dyn ErasedAction>> {
        let parse = self.0.get(step.action.as_str()).ok_or_else(|| {
            let known: Vec<&str> = self.0.keys().copied().collect();
            Error::new(ErrorKind::Unsupported, format!("this build knows no action {}; it knows: {}", step.action, known.join(", ")))
                .hint("run the build that made this plan, with its service types")
        })?;
        parse(&step.params)
    }
}
