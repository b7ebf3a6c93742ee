//! Streams into commands: at their own pace, with truthful ends.

use std::time::{Duration, Instant};

use aegir_core::ErrorKind;
use aegir_core::server::Command;

use super::Kit;

const PIECE: usize = 64 * 1024;

/// A stream of so many pieces, one after each pause; `last` is what it ends with.
fn stream(pieces: usize, pause: Duration, last: Option<std::io::Error>) -> aegir_core::server::Stream {
    let (sender, stream) = tokio::sync::mpsc::channel(2);
    tokio::spawn(async move {
        for _ in 0..pieces {
            tokio::time::sleep(pause).await;
            if sender.send(Ok(vec![b'x'; PIECE])).await.is_err() {
                return;
            }
        }
        if let Some(error) = last {
            let _ = sender.send(Err(error)).await;
        }
    });
    stream
}

fn sh(script: &str) -> Command {
    Command::new("sh").args(["-c", script])
}

pub(super) async fn all(kit: &Kit) {
    let nothing = Duration::ZERO;
    let output = kit.server.feed(&sh("wc -c; echo said >&2; exit 3"), stream(80, nothing, None)).await.unwrap();
    assert_eq!((output.status, output.text().trim(), output.error_text().trim()), (3, "5242880", "said"));

    // The limit is silence, and not how long it all takes.
    let begun = Instant::now();
    let output =
        kit.server.feed(&sh("wc -c").timeout(Duration::from_millis(1500)), stream(4, Duration::from_millis(600), None)).await.unwrap();
    assert!(output.ok() && begun.elapsed() > Duration::from_secs(2));

    // A command that has heard enough is judged by its status.
    let output = kit.server.feed(&sh("head -c 3; echo enough >&2"), stream(10_000, nothing, None)).await.unwrap();
    assert_eq!((output.status, output.text().as_str(), output.error_text().trim()), (0, "xxx", "enough"));

    // What ends with an error never looks whole.
    let torn = kit.server.feed(&sh("wc -c"), stream(3, nothing, Some(std::io::Error::other("the source is torn")))).await.unwrap_err();
    assert!(torn.chain().join(": ").contains("the source is torn"), "{torn:?}");

    // Neither side may be silent for longer than the limit.
    for (script, pieces) in [("sleep 3; cat >/dev/null", 10_000), ("cat; sleep 3", 1)] {
        let begun = Instant::now();
        let silent = kit.server.feed(&sh(script).timeout(Duration::from_millis(400)), stream(pieces, nothing, None)).await.unwrap_err();
        assert_eq!(silent.kind(), ErrorKind::Timeout, "{silent:?}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
    let missing = kit.server.feed(&Command::new("no-such-program"), stream(1, nothing, None)).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Refused, "{missing:?}");
}
