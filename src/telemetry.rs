//! Logging: to standard error, filtered, as text or JSON; a panic is logged without what it said.
use std::io::IsTerminal;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

use crate::config::{LogArgs, LogFormat};

/// Starts logging for the process.
///
/// # Errors
/// One line that says what is wrong with the filter.
pub fn start(args: &LogArgs) -> Result<(), String> {
    let wrong = |why: &str| format!("CHANCERY_LOG {:?} is no filter ({why}): write it as info, or chancery=debug,sqlx=warn", args.log);
    if args.log.trim().is_empty() {
        return Err(wrong("it is empty"));
    }
    let filter: Targets = args.log.parse().map_err(|error| wrong(&format!("{error}")))?;
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let lines = match args.log_format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    registry().with(filter).with(lines).init();
    // A panic's message may hold what a request sent: only its place is logged.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a handler panicked");
    }));
    Ok(())
}
