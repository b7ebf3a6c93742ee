//! An SFTP session: many requests in flight, answered in order, none waited for without end.
//!
//! Our own and not `openssh-sftp-client` (0.15.11): that one renames over what exists wherever the server can, has
//! one request at a time under way per file, and cannot ask for the names of groups.
//!
//! OpenSSH's server works through the requests of a session one after the other. So requests that
//! depend on each other only by their order are sent together, and cost one round trip.

mod file;
mod tree;
mod way;
mod wire;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

pub(super) use file::{read, stream, write};
pub(super) use tree::{group_name, link, list, look, make_dir, remove_one, rename, sets_itself};
pub(super) use way::{Way, Ways, go};
use wire::{Attributes, Body, Reader, Reply};

/// The longest packet: OpenSSH's own limit.
const LONGEST_PACKET: usize = 256 * 1024 + 1024;
const NO_SUCH_FILE: u32 = 2;
const PERMISSION_DENIED: u32 = 3;

/// Why a request failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// The session is gone; whether the request was carried out is unknown.
    Lost(String),
    /// No answer in time; the session is given up.
    Silent(Duration),
    /// The server refused it.
    Status(u32, String),
    /// There is text where SFTP should begin.
    Talk(Vec<u8>),
    /// What we found forbids it.
    Because(String),
}

impl Fault {
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Status(NO_SUCH_FILE, _))
    }

    pub(super) fn is_denied(&self) -> bool {
        matches!(self, Self::Status(PERMISSION_DENIED, _))
    }
}

/// Who waits for which answer; `None` when the session is gone.
type Waiting = Arc<Mutex<Option<HashMap<u32, oneshot::Sender<Reply>>>>>;

/// An open session.
#[derive(Debug)]
pub(super) struct Sftp {
    queue: mpsc::UnboundedSender<Vec<u8>>,
    waiting: Waiting,
    next: AtomicU32,
    limit: Duration,
    extensions: BTreeSet<String>,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Sftp {
    fn drop(&mut self) {
        // Both hold an end of the session, and closing it ends the server's side.
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Sftp {
    /// Greets the server; `keep` is held for as long as the session lives.
    pub(super) async fn open<K: Send + 'static>(
        mut input: impl AsyncWrite + Unpin + Send + 'static,
        mut output: impl AsyncRead + Unpin + Send + 'static,
        keep: K,
        limit: Duration,
    ) -> Result<Self, Fault> {
        let lost = |e: std::io::Error| Fault::Lost(e.to_string());
        let greeting = async {
            // Here the number of the request is the version.
            input.write_all(&Body::new(wire::INIT).finish(3)).await.map_err(lost)?;
            greeting_packet(&mut output).await
        };
        let answer = tokio::time::timeout(limit, greeting).await.map_err(|_| Fault::Silent(limit))??;
        let mut reader = Reader(&answer);
        if reader.byte()? != wire::VERSION || reader.number()? < 3 {
            return Err(Fault::Because("the server's SFTP is older than version 3".into()));
        }
        let mut extensions = BTreeSet::new();
        while !reader.0.is_empty() {
            extensions.insert(String::from_utf8_lossy(reader.text()?).into_owned());
            reader.text()?;
        }
        if !extensions.contains("posix-rename@openssh.com") {
            return Err(Fault::Because("the server's SFTP cannot replace a file at once (posix-rename@openssh.com)".into()));
        }
        let waiting: Waiting = Arc::new(Mutex::new(Some(HashMap::new())));
        let (queue, requests) = mpsc::unbounded_channel();
        let tasks = [tokio::spawn(send(input, requests, waiting.clone())), tokio::spawn(receive(output, waiting.clone(), keep))];
        Ok(Self { queue, waiting, next: AtomicU32::new(1), limit, extensions, tasks })
    }

    /// Whether it can still be used.
    pub(super) fn is_alive(&self) -> bool {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn knows(&self, extension: &str) -> bool {
        self.extensions.contains(extension)
    }

    /// Sends a request now; its answer is waited for later, or never.
    fn ask(self: &Arc<Self>, body: Body) -> Ask {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (answer, receiver) = oneshot::channel();
        if let Some(waiting) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            waiting.insert(id, answer);
        }
        // A closed queue shows when the answer is waited for.
        let _ = self.queue.send(body.finish(id));
        Ask { sftp: self.clone(), receiver }
    }
}

/// A request that was sent.
#[derive(Debug)]
struct Ask {
    sftp: Arc<Sftp>,
    receiver: oneshot::Receiver<Reply>,
}

impl Ask {
    async fn reply(self) -> Result<Reply, Fault> {
        match tokio::time::timeout(self.sftp.limit, self.receiver).await {
            Ok(Ok(Reply::Status(code, message))) if code != 0 => Err(Fault::Status(code, message)),
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(_)) => Err(Fault::Lost("the connection broke".into())),
            Err(_) => {
                give_up(&self.sftp.waiting);
                Err(Fault::Silent(self.sftp.limit))
            }
        }
    }

    async fn done(self) -> Result<(), Fault> {
        match self.reply().await? {
            Reply::Status(..) => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    async fn attributes(self) -> Result<Attributes, Fault> {
        match self.reply().await? {
            Reply::Attributes(found) => Ok(found),
            other => Err(unexpected(&other)),
        }
    }

    async fn names(self) -> Result<Vec<Vec<u8>>, Fault> {
        match self.reply().await? {
            Reply::Names(names) => Ok(names),
            other => Err(unexpected(&other)),
        }
    }

    async fn handle(self) -> Result<Handle, Fault> {
        let sftp = self.sftp.clone();
        match self.reply().await? {
            Reply::Handle(bytes) => Ok(Handle { sftp, bytes }),
            other => Err(unexpected(&other)),
        }
    }
}

/// An open file or directory; closed when dropped, also when whoever worked with it was cancelled.
#[derive(Debug)]
struct Handle {
    sftp: Arc<Sftp>,
    bytes: Vec<u8>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        drop(self.sftp.ask(Body::new(wire::CLOSE).text(&self.bytes)));
    }
}

/// Says the kind and nothing of the content, which may be a secret.
fn unexpected(reply: &Reply) -> Fault {
    let kind = match reply {
        Reply::Status(..) => "a status",
        Reply::Handle(_) => "a handle",
        Reply::Data(_) => "data",
        Reply::Names(_) => "names",
        Reply::Attributes(_) => "attributes",
        Reply::Extended(_) => "an extended reply",
    };
    Fault::Lost(format!("it answered with {kind}, which was not asked for"))
}

fn give_up(waiting: &Waiting) {
    *waiting.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

async fn send(mut input: impl AsyncWrite + Unpin, mut requests: mpsc::UnboundedReceiver<Vec<u8>>, waiting: Waiting) {
    while let Some(mut bytes) = requests.recv().await {
        // What is queued goes out in one piece.
        while bytes.len() < 64 * 1024
            && let Ok(more) = requests.try_recv()
        {
            bytes.extend(more);
        }
        if input.write_all(&bytes).await.is_err() {
            break;
        }
    }
    give_up(&waiting);
}

async fn receive<K>(output: impl AsyncRead + Unpin, waiting: Waiting, _keep: K) {
    let mut output = tokio::io::BufReader::with_capacity(64 * 1024, output);
    while let Ok(bytes) = packet(&mut output).await {
        let Ok((id, reply)) = wire::reply(&bytes) else { break };
        let asked = match waiting.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(waiting) => waiting.remove(&id),
            None => break,
        };
        // Nobody need be waiting any more.
        if let Some(asked) = asked {
            let _ = asked.send(reply);
        }
    }
    give_up(&waiting);
}

/// The first packet, or the text that somebody prints in its place.
async fn greeting_packet(output: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, Fault> {
    let mut first = [0; 4];
    output.read_exact(&mut first).await.map_err(|e| Fault::Lost(e.to_string()))?;
    if u32::from_be_bytes(first) as usize <= LONGEST_PACKET {
        return packet(&mut tokio::io::AsyncReadExt::chain(&first[..], output)).await;
    }
    let mut said = first.to_vec();
    let more = async {
        let mut piece = [0; 256];
        while said.len() < 1024
            && let Ok(length @ 1..) = output.read(&mut piece).await
        {
            said.extend_from_slice(&piece[..length]);
        }
    };
    // Who prints in its place may wait for us now.
    let _ = tokio::time::timeout(Duration::from_millis(300), more).await;
    // Behind it the answer itself may come, which is no text.
    said.truncate(said.iter().position(|byte| *byte == 0).unwrap_or(said.len()));
    Err(Fault::Talk(said))
}

async fn packet(output: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, Fault> {
    let lost = |e: std::io::Error| Fault::Lost(e.to_string());
    let length = output.read_u32().await.map_err(lost)? as usize;
    if length > LONGEST_PACKET {
        return Err(Fault::Lost(format!("it sent a packet of {length} bytes, or something that is no SFTP")));
    }
    let mut bytes = vec![0; length];
    output.read_exact(&mut bytes).await.map_err(lost)?;
    Ok(bytes)
}
