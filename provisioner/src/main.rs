//! `healstack`, the command.

use std::process::ExitCode;

fn main() -> ExitCode {
    healstack::cli::main()
}
