//! The builder, and the way of every command: parse, may this user, run, exit code.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use aegir_core::service::Registry;
use aegir_core::settings::Settings;
use aegir_core::{Builder, Error, ErrorKind, Result};
use clap::{CommandFactory as _, Parser as _};

use crate::args::{ChangeArgs, Cli, Command, Global};
use crate::session::Session;
use crate::ui::{self, ColorChoice, Ui};
use crate::{change, command, detach, door, exit, init};

type Register = Box<dyn Fn(&mut Registry)>;
type Adjust = Box<dyn Fn(Builder) -> Builder>;

/// The `aegir` command with the service types and applications that are registered with it.
#[derive(Default)]
pub struct App {
    registrations: Vec<Register>,
    adjustments: Vec<Adjust>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "App({} registrations)", self.registrations.len())
    }
}

impl App {
    /// With nothing registered.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers service types and applications.
    #[must_use]
    pub fn with(mut self, register: impl Fn(&mut Registry) + 'static) -> Self {
        self.registrations.push(Box::new(register));
        self
    }

    /// Changes the front door before it opens: a transport of your own, a fault that a test orders.
    #[must_use]
    pub fn adjust(mut self, adjust: impl Fn(Builder) -> Builder + 'static) -> Self {
        self.adjustments.push(Box::new(adjust));
        self
    }

    /// Runs the command line of this process.
    pub fn run(&self) -> ExitCode {
        clap_complete::CompleteEnv::with_factory(Cli::command).complete();
        self.run_with(std::env::args_os())
    }

    /// Runs a command line; the first argument is the program's name.
    pub fn run_with(&self, args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> ExitCode {
        let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
        let cli = match Cli::try_parse_from(&args) {
            Ok(cli) => cli,
            Err(error) => return usage(&error, args.iter().any(|a| a == "--json")),
        };
        let global = cli.global;
        let ui = Ui::new(global.json, global.quiet, global.verbose, global.color);
        // This thread shows, another one works: a terminal that is stopped stops nothing else. More are not worth their start,
        // for children and the kernel do the work.
        let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                ui.error(&Error::internal("the process could not start its event loop").because(error));
                return exit::code(exit::FAILED);
            }
        };
        let result = runtime.block_on(self.dispatch(cli.command, &global, &ui));
        // A step that the operator gave up on may still hold a thread; recovery ends it, not we.
        runtime.shutdown_background();
        let code = result.unwrap_or_else(|error| {
            ui.error(&error);
            exit::of_kind(error.kind())
        });
        match ui.unwritten() {
            Some(error) => {
                ui.error(&error);
                exit::code(if code == exit::DONE { exit::FAILED } else { code })
            }
            None => exit::code(code),
        }
    }

    fn registry(&self) -> Registry {
        let mut registry = Registry::new();
        self.registrations.iter().for_each(|register| register(&mut registry));
        registry
    }

    async fn dispatch(&self, command: Command, global: &Global, ui: &Ui) -> Result<u8> {
        if let Command::Completion { shell } = &command {
            return command::completion(shell, ui);
        }
        let settings = door::settings(global)?;
        if let Command::Init(args) = &command {
            return init::run(args, settings, self.registry(), global, ui).await;
        }
        refuse_root(&settings)?;
        let open = async || {
            let builder = door::open(settings.clone(), self.registry()).await?.by(door::who());
            let aegir = self.adjustments.iter().fold(builder, |builder, adjust| adjust(builder)).build();
            Ok::<_, Error>(Session { aegir, ui: ui.clone(), global: global.clone() })
        };
        match command {
            Command::Settings => command::settings(&settings, ui),
            Command::Service(verb) => command::service(verb, &self.registry(), ui),
            Command::Enrol { show } => init::enrol(show, settings.clone(), self.registry(), global, ui).await,
            Command::Doctor { server } => command::doctor(server.as_deref(), &open().await?).await,
            Command::Server(verb) => command::server(verb, &open().await?).await,
            Command::Platform(verb) => command::platform(verb, &open().await?).await,
            Command::Site(verb) => command::site(verb, &open().await?).await,
            Command::Task(verb) => command::task(verb, &open().await?).await,
            Command::Template(verb) => command::template(verb, &open().await?),
            Command::Apply { file, confirm, no_wait } => {
                let args = ChangeArgs { confirm, no_wait, ..ChangeArgs::default() };
                change::apply(&file, &args, &open().await?).await
            }
            Command::RunDetached => detach::serve(&open().await?).await,
            Command::Init(_) | Command::Completion { .. } => Err(Error::internal("this command was handled before")),
        }
    }
}

/// Files that root makes below Aegir's directory would be in Aegir's way.
fn refuse_root(settings: &Settings) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let denied = Error::new(ErrorKind::Denied, "aegir does not run as root, except `aegir init`");
    if !door::database(&settings.root()).exists() {
        return Err(denied.hint("this machine is not prepared yet: `sudo aegir init`"));
    }
    Err(denied.hint(format!("run it as {}: `sudo -u {} aegir …`", settings.user(), settings.user())))
}

/// clap's own exit code for usage errors, 2, means something else elsewhere; help and version are no errors.
fn usage(error: &clap::Error, as_json: bool) -> ExitCode {
    if !error.use_stderr() {
        let written = error.print().and_then(|()| std::io::stdout().flush());
        let Some(why) = ui::lost(written) else { return exit::code(exit::DONE) };
        Ui::new(as_json, false, false, ColorChoice::Auto).error(&ui::unwritten(&why));
        return exit::code(exit::FAILED);
    }
    if as_json {
        let text = error.render().to_string();
        // What is missing is listed on lines of their own; the usage behind an empty line is for people.
        let said: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
        let message = said.join(" ");
        let message = message.strip_prefix("error: ").unwrap_or(&message).to_owned();
        Ui::new(true, false, false, ColorChoice::Never).error(&Error::invalid(message).hint("`aegir --help`"));
    } else {
        let text = error.render();
        let plain = text.to_string();
        // What was typed stands in it, and a script may have read that somewhere.
        if plain.contains(aegir_core::text::steers) {
            Ui::new(false, false, false, ColorChoice::Never).prompt(&plain);
        } else {
            let _ = error.print();
        }
    }
    exit::code(exit::USAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples() {
        fn look(command: &clap::Command, path: &str) {
            for sub in command.get_subcommands().filter(|s| !s.is_hide_set() && s.get_name() != "help") {
                let path = format!("{path} {}", sub.get_name());
                let help = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(sub.has_subcommands() || help.contains(&format!("aegir{path}")), "`aegir{path} --help` has no example of itself");
                look(sub, &path);
            }
        }
        look(&Cli::command(), "");
    }

    #[test]
    fn a_wrong_command_line_is_usage_and_help_is_not() {
        let code = |args: &[&str]| format!("{:?}", App::new().run_with(args.iter().copied()));
        assert_eq!(code(&["aegir", "site", "instal"]), format!("{:?}", exit::code(64)));
        assert_eq!(code(&["aegir", "site", "install", "--json"]), format!("{:?}", exit::code(64)));
        assert_eq!(code(&["aegir", "--version"]), format!("{:?}", exit::code(0)));
        assert_eq!(code(&["aegir", "site", "install", "--help"]), format!("{:?}", exit::code(0)));
    }
}
