//! Takes a push back: the same renames, the other way.

use super::push::{settle, unlocks};
use super::{Before, Change, Deed, Ground, Op, Push};
use crate::Result;
use crate::server::Server;

impl Push<'_> {
    /// Puts back what stood there, also after a push that was cut short, or taken back in part.
    pub async fn take_back(&self, server: &dyn Server, before: &Before, ground: &Ground, mark: &str) -> Result<()> {
        if let Some(partial) = &ground.partial {
            server.remove(partial).await?;
        }
        let Some(changes) = &before.changes else {
            return server.remove(&ground.target).await;
        };
        let previous = ground.previous.as_path();
        let (begun, undone) = (previous.join(mark), previous.join(format!("undone-{mark}")));
        if server.stat(&begun).await?.is_some() {
            server.amend(self.target, &restore(changes), true).await?;
            // From here on this push was never made.
            server.rename(&begun, &undone).await?;
        }
        if server.stat(&undone).await?.is_some() {
            server.remove(&ground.previous).await?;
        }
        Ok(())
    }
}

/// The steps back, in the opposite order; what was not done finds nothing to put back.
fn restore(changes: &[Change]) -> Vec<Op> {
    let mut ops = unlocks(changes);
    for (number, change) in changes.iter().enumerate().rev() {
        let path = || change.path.clone();
        match (change.deed, &change.was) {
            (Deed::Put, None) => ops.extend([Op::Unlock(path()), Op::Clear(path(), number)]),
            (Deed::Put | Deed::Remove, Some(was)) => {
                ops.extend([Op::Unlock(path()), Op::Return(path(), number)]);
                if was.is_dir() {
                    ops.push(Op::Mode(path(), was.mode));
                }
            }
            (Deed::Set, Some(was)) if !was.is_dir() => ops.push(Op::Mode(path(), was.mode)),
            _ => {}
        }
    }
    ops.extend(settle(changes, |c| c.was.as_ref()));
    ops
}
