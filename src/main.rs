//! The thin binary: hands the process' arguments, variables and streams to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    dockpulse::cli::main().into()
}
