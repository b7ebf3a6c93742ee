//! The `aegir` command with the service types and applications that ship with it.
fn main() -> std::process::ExitCode {
    aegir_cli::App::new().with(aegir_services::register).run()
}
