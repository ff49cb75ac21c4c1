//! The `chancery` program.
use std::process::ExitCode;

/// A token makes some hundred small allocations, and a million applications some millions that stay.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    chancery::cli::run()
}
