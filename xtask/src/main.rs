//! `cargo xtask …`: everything that is done to this project by command.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to a person")]

mod databases;
mod dist;
mod fuzz;
mod needs;
mod run;
mod schemathesis;
mod sqlx;
mod suite;
mod tidy;
mod up;
mod web;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  up             build the editor and the server in release mode and start it on
                 http://127.0.0.1:8080 with embedded storage; further arguments
                 go to `interflow serve`
  dist [--untrained]
                 build the editor and the server as they are to be installed, optimised
                 as a whole and by a profile of the server at work, which takes half an
                 hour, Postgres, Redis and llvm-profdata; --untrained: as a whole only
  test           install or find what tests need, then run everything
  check          what `test` runs of it that needs neither browser nor our server:
                 format, clippy, tidy, checked SQL, unit tests, the editor's checks
  tidy           the rules of the source tree: dependencies one way, no leftovers
  sqlx           write the checked SQL of the stores anew
  kill-loop N    kill the server N times under load and look for lost edits
  fuzz TARGET [--minutes N | --seconds N]
                 run a fuzz target (frames, updates, awareness, concatenate), for a minute
                 unless told otherwise; needs a nightly toolchain
  schemathesis   hold the API's document against a live server
  simulate N [FROM]
                 run the simulation of clients, nodes and faults with N seeds,
                 from the first or from seed FROM on
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[][..]),
    };
    let done = match (command, rest) {
        ("up", rest) => up::up(rest),
        ("dist", []) => dist::trained(),
        ("dist", [flag]) if flag == "--untrained" => dist::untrained(),
        ("test", []) => suite::test(),
        ("check", []) => suite::check(),
        ("tidy", []) => tidy::tidy(),
        ("sqlx", []) => sqlx::regenerate(),
        ("fuzz", [target, rest @ ..]) => fuzz::fuzz(target, rest),
        ("schemathesis", []) => suite::schemathesis(),
        ("kill-loop", [kills]) => suite::kill_loop(kills),
        ("simulate", [seeds]) => suite::simulate(seeds, "1"),
        ("simulate", [seeds, from]) => suite::simulate(seeds, from),
        ("help" | "--help" | "-h", []) => {
            print!("{USAGE}");
            Ok(())
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
