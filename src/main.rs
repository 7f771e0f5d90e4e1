//! The `likeness` command: reads the arguments, runs, reports errors; nothing else.

use std::process::ExitCode;

use clap::Parser;
use likeness::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
