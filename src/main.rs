//! The `daemun` program: parse the command line, run it, turn the error into an exit code.

fn main() -> std::process::ExitCode {
    daemun::cli::main()
}
