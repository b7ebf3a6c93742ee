//! What a bare machine needs before Aegir can work there, as data: `aegir init` and the bootstrap script both do this.
//!
//! A service type returns one [`Preparation`]; it looks at nothing and changes nothing. `init` turns it into actions that
//! can be taken back, `aegir server bootstrap` into a shell script for a machine that Aegir cannot reach yet. Both do it in
//! the order of the fields, so the two ways cannot drift apart.

use camino::Utf8PathBuf;

use crate::action::Answers;
use crate::template::Content;

/// What a machine needs. Everything is done as root, and doing it again changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Preparation {
    /// Debian packages, installed where they are missing, without what they only recommend. Of several in one word, as in
    /// `mariadb-server|mysql-server-*`, one is enough; the first is the one to install. A `*` stands for anything.
    pub packages: Vec<String>,
    /// Files that belong to root.
    pub files: Vec<RootFile>,
    /// Parts of programs to turn on and off.
    pub switches: Vec<Switches>,
    /// System services that must run. Files and switches name the one that reads them.
    pub services: Vec<SystemService>,
    /// What a program is told on its standard input.
    pub fed: Vec<Fed>,
    /// Accounts that Aegir's account may become without a password, to run what is theirs with their rights alone.
    pub run_as: Vec<String>,
    /// Verbs for the helper, in Perl: what Aegir's account has root do there, and how each is checked first.
    pub helper: Vec<String>,
}

/// A file of root's; it holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RootFile {
    /// Where.
    pub path: Utf8PathBuf,
    /// Where else: on a machine that has this one's directory, and not that of `path`.
    pub or: Option<Utf8PathBuf>,
    /// What.
    pub content: Content,
    /// Its mode.
    pub mode: u32,
    /// A program that must accept it first; the candidate's path comes behind the words. Empty: none.
    pub test: Vec<String>,
    /// The service, by its name in [`Preparation::services`], that must read it again after a change.
    pub service: Option<String>,
}

/// Named parts of a program, as `a2enmod` and `a2enconf` turn them on. What is on shows as files `NAME SUFFIX`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Switches {
    /// In words: `Apache modules`.
    pub what: String,
    /// The parts that must be on.
    pub names: Vec<String>,
    /// The parts that must be off; they are turned off first.
    pub without: Vec<String>,
    /// A part that must be off, and the one the program needs in its place. Only a restart exchanges them.
    pub exchange: Vec<(String, String)>,
    /// Where what is on shows.
    pub directory: Utf8PathBuf,
    /// The ending of the files there: `.load`.
    pub suffix: String,
    /// Turns on the names behind it: `a2enmod -q`.
    pub on: Vec<String>,
    /// Turns off the names behind it: `a2dismod -q -f`.
    pub off: Vec<String>,
    /// The service, by its name in [`Preparation::services`], that must read it again after a change.
    pub service: String,
}

/// A system service that must run.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SystemService {
    /// Its name for `service NAME start`; one `*` stands for anything, as in `php*-fpm`. Several, as in `mariadb|mysql`:
    /// those that the machine has.
    pub name: String,
    /// How to tell that it runs.
    pub answers: Answers,
    /// Tests its configuration before it is brought into use. Empty: nothing does.
    pub test: Vec<String>,
    /// Brings changes into use without disturbing anybody. Empty: only a restart does.
    pub reload: Vec<String>,
    /// Starts it anew. Empty, as `reload`: `service NAME restart` does.
    pub restart: Vec<String>,
    /// Ports that it needs: where it does not start, whoever holds one of them is named.
    pub ports: Vec<u16>,
}

/// Text for a program's standard input, as statements for a database server. It holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fed {
    /// In words: `the database administrator aegir`.
    pub what: String,
    /// The program and its arguments.
    pub program: Vec<String>,
    /// What to ask it.
    pub ask: String,
    /// What it answers when all is set up, blanks around it aside.
    pub answer: String,
    /// What to feed it else; feeding it twice does no harm.
    pub make: String,
    /// What takes that back; feeding it twice does no harm.
    pub unmake: String,
    /// What the program says when it lets nobody in; seen before anything is changed for it.
    #[serde(default)]
    pub locked: String,
    /// The command that lets root in then.
    #[serde(default)]
    pub unlock: String,
}
