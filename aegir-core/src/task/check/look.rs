//! Looks at a server once, in one round trip, with the questions of all checks; then judges what was seen.

use std::ops::Range;

use futures::future::try_join_all;
use tokio::sync::Semaphore;

use super::{account, channel, connection, database, helper, machine, names, packages, sudo};
use crate::entity::{Server, Transport};
use crate::name::ServerName;
use crate::server::{Command, Inquiry, Observer, Output, Reply};
use crate::service::helper::PATH;
use crate::service::{Check, Finding, PlanContext, ServiceType};
use crate::{Error, ErrorKind, Result};

/// The checks of every server; services have their own beside them.
const OWN: [&str; 10] = ["name.forward", "name.reverse", "user", "web-group", "root", "probe", "disk", "inodes", "clock", "packages"];

/// What was seen of a server, to be judged.
pub(in crate::task) struct Look {
    first: Vec<Check>,
    seen: Result<Seen>,
}

struct Seen {
    reply: Reply,
    channels: channel::Channels,
    here: names::Here,
    master: Option<Server>,
    asked: Asked,
}

/// Whose the answers are.
struct Asked {
    probe: usize,
    sudo: Option<usize>,
    services: Vec<(&'static str, Box<dyn ServiceType>, Range<usize>)>,
    databases: Vec<(Server, Box<dyn ServiceType>, usize)>,
    /// The helper's verbs, and which question asks it who it is.
    helper: (Vec<String>, usize),
    packages: Vec<String>,
    /// Services whose settings this build cannot use.
    broken: Vec<Check>,
}

/// Looks at a server. Connecting may take its time; `turns` bounds what comes after it.
pub(in crate::task) async fn look(server: &Server, cx: &PlanContext<'_>, turns: Option<&Semaphore>) -> Result<Look> {
    let mut first = match connection::reach(server, cx).await {
        Ok(checks) => checks,
        Err(error) => return Ok(Look { first: connection::failed(&error), seen: Err(error) }),
    };
    let _turn = match turns {
        Some(turns) => turns.acquire().await.ok(),
        None => None,
    };
    let mut questions = Vec::new();
    let asked = ask(server, &mut questions, cx).await?;
    let master = cx.inventory().server(&ServerName::master()).await?.filter(|m| m.name != server.name);
    let (questions, aside) = apart(server, questions);
    let inquiry = Inquiry {
        packages: asked.packages.clone(),
        names: std::iter::once(&server.hostname).chain(master.as_ref().map(|m| &m.hostname)).cloned().collect(),
        addresses: master.iter().filter_map(|m| m.addresses.first().copied()).collect(),
        questions,
        limit: None,
    };
    let observer = cx.observe_server(server).await?;
    // The file channel is opened beside that of commands, as work does; without one of those it says nothing.
    let inquire = async {
        let answers =
            try_join_all(aside.iter().map(async |(index, question)| Ok::<_, Error>((*index, answer(&observer, question).await?))));
        let (mut reply, answers) = tokio::try_join!(observer.inquire(&inquiry), answers)?;
        answers.into_iter().for_each(|(index, answer)| reply.answers.insert(index.min(reply.answers.len()), answer));
        Ok(reply)
    };
    let both = async { tokio::try_join!(inquire, async { Ok::<_, Error>(channel::open(server, &observer).await) }) };
    let (both, here) = tokio::join!(both, names::here(server));
    match both {
        Ok((reply, files)) => {
            let channels = channel::look(files, &reply, &observer).await;
            Ok(Look { first, seen: Ok(Seen { reply, channels, here, master, asked }) })
        }
        Err(error) if error.kind() == ErrorKind::Internal => Err(error),
        Err(error) => {
            let error = connection::with_shell(error, server);
            let failed = connection::failed(&error);
            first.retain(|c| failed.iter().all(|f| f.name != c.name));
            // What the connection itself showed says more than that it answers.
            first.extend(failed);
            first.sort_by_key(|c| c.finding == Finding::Fail);
            Ok(Look { first, seen: Err(error) })
        }
    }
}

/// Takes out the questions that are asked beside the others, with their places: those that wait for somebody, as one for a
/// page does. Over a network there is one session for all.
fn apart(server: &Server, questions: Vec<Command>) -> (Vec<Command>, Vec<(usize, Command)>) {
    let local = server.transport == Transport::Local;
    let (aside, together): (Vec<_>, Vec<_>) = questions.into_iter().enumerate().partition(|(_, question)| local && question.only_reads);
    (together.into_iter().map(|(_, question)| question).collect(), aside)
}

/// What a shell would say of a program that is not there is an answer, too.
async fn answer(observer: &Observer, question: &Command) -> Result<Output> {
    match observer.ask(question).await {
        Err(error) if error.kind() == ErrorKind::Refused => Ok(Output { status: 127, ..Output::default() }),
        answer => answer,
    }
}

async fn ask(server: &Server, questions: &mut Vec<Command>, cx: &PlanContext<'_>) -> Result<Asked> {
    let mut asked = Asked {
        probe: 0,
        sudo: None,
        services: Vec::new(),
        databases: Vec::new(),
        helper: (Vec::new(), 0),
        packages: Vec::new(),
        broken: Vec::new(),
    };
    questions.push(machine::probe_question(server));
    for service in cx.registry().service_order() {
        if !server.services.contains_key(service) {
            continue;
        }
        let prepared = cx.service_type(server, service).and_then(|t| Ok((t.preparation(server, cx)?, t)));
        match prepared {
            Ok((wanted, service_type)) => {
                asked.helper.0.extend(wanted.helper);
                asked.packages.extend(wanted.packages);
                let begin = questions.len();
                questions.extend(service_type.questions(server));
                asked.services.push((service, service_type, begin..questions.len()));
            }
            Err(error) => {
                asked.broken.push(Check::fail(&format!("{service}.settings"), error.chain().join(": "), error.hints().join("; ")))
            }
        }
    }
    asked.packages.sort_unstable();
    asked.packages.dedup();
    if !asked.helper.0.is_empty() {
        asked.sudo = Some(questions.len());
        questions.push(sudo::question());
        asked.helper.1 = questions.len();
        questions.push(helper::question());
    }
    for db in database::used_by(server, cx).await? {
        let Ok(service_type) = cx.service_type(&db, "db") else { continue };
        if let Some(question) = service_type.question_from(&db, server) {
            asked.databases.push((db, service_type, questions.len()));
            questions.push(question);
        }
    }
    Ok(asked)
}

impl Look {
    /// What the server is; the error is the one that kept us from looking.
    pub(in crate::task) fn reply(&self) -> std::result::Result<&Reply, &Error> {
        self.seen.as_ref().map(|s| &s.reply)
    }

    /// The error that kept us from looking.
    pub(in crate::task) fn into_error(self) -> Option<Error> {
        self.seen.err()
    }

    /// All checks of the server; `server` has the facts that were just seen.
    pub(in crate::task) async fn judge(&self, server: &Server, cx: &PlanContext<'_>) -> Result<Vec<Check>> {
        let mut checks = self.first.clone();
        let Ok(Seen { reply, channels, here, master, asked }) = &self.seen else {
            let why = checks.iter().find(|c| c.finding == Finding::Fail).map(|c| c.name.clone()).unwrap_or_default();
            let skipped = |name: &str| Check::skipped(name, format!("not looked at: {why} failed"));
            let layers: Vec<Check> = connection::later(server, &why).map(skipped).collect();
            checks.extend(layers);
            checks.extend(channel::names(server).map(skipped));
            checks.extend(OWN.map(skipped));
            checks.extend(server.services.keys().map(|s| skipped(s)));
            return Ok(checks);
        };
        let facts = &reply.facts;
        let nothing = Output::default();
        let answer = |index: usize| reply.answers.get(index).unwrap_or(&nothing);
        checks.extend(account::login(server, facts));
        checks.extend(channel::judge(server, reply, channels));
        checks.extend(names::judge(server, reply, here, master.as_ref()));
        checks.extend([account::user(server, facts), account::web_group(server, facts)]);
        checks.extend(machine::root_and_probe(server, facts, answer(asked.probe)));
        checks.extend([machine::disk(server, facts), machine::inodes(server, facts), machine::clock(server, reply)]);
        checks.push(packages::judge(server, facts, &asked.packages));
        if let Some(index) = asked.sudo {
            checks.push(sudo::judge(server, facts, &[PATH.to_owned()], answer(index)));
            checks.push(helper::judge(server, &asked.helper.0, answer(asked.helper.1)));
        }
        checks.extend(asked.broken.iter().cloned());
        for (_, service_type, range) in &asked.services {
            checks.extend(service_type.check(server, reply.answers.get(range.clone()).unwrap_or_default(), cx).await?);
        }
        let mut afar = Vec::new();
        for (db, service_type, index) in &asked.databases {
            afar.push(service_type.check_from(db, server, answer(*index), cx).await?);
        }
        checks.extend(database::together(&afar));
        Ok(checks)
    }
}
