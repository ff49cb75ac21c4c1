//! The command line: `serve`, the three commands that open the store themselves, and thin clients of the HTTP API.
mod audit;
mod client;
mod commands;
mod migrate;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{DatabaseArgs, MigrateArgs, ServeArgs};

const EXAMPLES: &str = "\
Examples:
  chancery                                          start an authority on data/chancery.db
  chancery organizations create --name Acme         register a customer
  chancery applications create --organization org_… --name backend --scope threads:read
  chancery token --client-id client_… --client-secret chs_…
  chancery secrets rotate client_… --overlap-seconds 3600 --overlap-from first_use
  chancery audit verify                             check the event chain

Commands other than serve, migrate, restored and audit call a running authority: CHANCERY_ISSUER says where it is,
CHANCERY_MANAGEMENT_KEY who is calling.";

#[derive(Parser)]
#[command(name = "chancery", version, about = "An OAuth 2.0 authority for machines", after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the authority (what the bare command does)
    Serve(Box<ServeArgs>),
    /// Bring the store's schema up to date and stop; with --to, move everything to another database
    Migrate(MigrateArgs),
    /// After a restore from a backup: let verifiers see at the next start that the store is not the one they knew
    Restored(DatabaseArgs),
    /// The audit log
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Organizations: customers of the product
    Organizations(commands::OrganizationsArgs),
    /// M2M applications: OAuth clients
    Applications(commands::ApplicationsArgs),
    /// Client secrets: list, create, rotate, cancel a rotation, delete
    Secrets(commands::SecretsArgs),
    /// Signing keys: list, rotate, withdraw
    Keys(commands::KeysArgs),
    /// Exchange a client secret for an access token
    Token(commands::TokenArgs),
}

#[derive(Subcommand)]
enum AuditCommand {
    /// Check the hash chain of all events; names the first bad row
    Verify(DatabaseArgs),
}

/// How many connections are woken together. A worker does about twice as many things before it looks again, so that nothing waits in its own
/// queues, where what comes later is done first: connections wait in the kernel's, each for its turn (F21).
const WOKEN_TOGETHER: usize = 32;

/// Runs the command line.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let command = cli.command.unwrap_or(Command::Serve(Box::new(cli.serve)));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().max_io_events_per_tick(WOKEN_TOGETHER).build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("no runtime: {error}")),
    };
    let result = runtime.block_on(async {
        match command {
            Command::Serve(args) => serve::serve(*args).await,
            Command::Migrate(args) => migrate::migrate(&args).await,
            Command::Restored(args) => migrate::restored(&args).await,
            Command::Audit(AuditCommand::Verify(args)) => audit::verify(&args).await,
            Command::Organizations(args) => args.run().await,
            Command::Applications(args) => args.run().await,
            Command::Secrets(args) => args.run().await,
            Command::Keys(args) => args.run().await,
            Command::Token(args) => args.run().await,
        }
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => fail(&message),
    }
}

fn fail(message: &str) -> ExitCode {
    tell_error(message);
    ExitCode::FAILURE
}

#[expect(clippy::print_stderr, reason = "a command's error goes to standard error")]
fn tell_error(message: &str) {
    eprintln!("chancery: {}", message.replace('\n', " "));
}

#[expect(clippy::print_stdout, reason = "a command's result goes to standard output")]
fn tell(message: &str) {
    println!("{message}");
}
