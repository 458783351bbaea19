//! The command line of the prover.

use clap::{Args, Parser, Subcommand};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::error::Error;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::sync::Arc;
use std::time::Instant;
use std::{env, fs};
use zkclob_prover::execute::execute;
use zkclob_prover::manifest;
use zkclob_prover::queue::{Outcome, Queue};
use zkclob_prover::worker::{Mode, Worker};

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the guest on one witness and print the result, its costs and the peak memory as JSON
    Execute(ExecuteArgs),
    /// Serve a sequencer's queue until SIGTERM
    Worker(WorkerArgs),
    /// Print the verifying key of a guest program
    #[cfg(feature = "vkey")]
    Vkey {
        /// The guest program
        #[arg(long, value_name = "FILE")]
        elf: PathBuf,
    },
}

#[derive(Args)]
struct ExecuteArgs {
    /// The guest program
    #[arg(long, value_name = "FILE")]
    elf: PathBuf,
    /// The witness of a batch; `-` reads it from standard input
    #[arg(long, value_name = "FILE")]
    witness: PathBuf,
}

#[derive(Args)]
struct WorkerArgs {
    /// The sequencer, such as http://127.0.0.1:8080
    #[arg(long)]
    url: String,
    /// The guest program
    #[arg(long, value_name = "FILE")]
    elf: PathBuf,
    /// Its manifest [default: manifest.json beside it]
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// The name that the sequencer shows for this worker
    #[arg(long)]
    name: String,
    /// What to do with a batch
    #[arg(long, value_enum)]
    mode: Mode,
    /// The program that makes proofs, for all modes but `execute` [default: zkclob-prove beside this program]
    #[arg(long, value_name = "FILE")]
    prover: Option<PathBuf>,
    /// A file with the token of the queue [default: the environment variable ZKCLOB_PROVER_TOKEN]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Execute(args) => print_execution(&args),
        Command::Worker(args) => serve(&args),
        #[cfg(feature = "vkey")]
        Command::Vkey { elf } => print_verifying_key(&elf),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn print_execution(args: &ExecuteArgs) -> Result<(), Box<dyn Error>> {
    let (elf, witness) = (fs::read(&args.elf)?, read(&args.witness)?);
    let start = Instant::now();
    let execution = execute(&elf, &witness)?;
    let outcome = Outcome {
        public_values: format!("0x{}", hex::encode(&execution.public_values)),
        cycles: execution.cycles,
        prover_gas: execution.prover_gas,
        execute_ms: start.elapsed().as_millis() as u64,
        peak_rss_mb: peak_rss_mb(),
        proof: None,
    };
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}

fn serve(args: &WorkerArgs) -> Result<(), Box<dyn Error>> {
    let token = match &args.token_file {
        Some(file) => fs::read_to_string(file)?,
        None => {
            env::var("ZKCLOB_PROVER_TOKEN").map_err(|_| "give --token-file or set ZKCLOB_PROVER_TOKEN")?
        }
    };
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, stop.clone())?;
    }
    let prover = prover(args)?;
    let vkey = manifest::verifying_key(&args.elf, args.manifest.as_deref())?;
    let queue = Queue::new(&args.url, token.trim());
    let worker =
        Worker { queue, name: args.name.clone(), mode: args.mode, prover, elf: args.elf.clone(), vkey, stop };
    worker.run()?;
    Ok(())
}

/// The program that makes proofs. It is a program of its own because few who run a worker need it: it is large, takes
/// long to build and brings SP1's whole prover.
fn prover(args: &WorkerArgs) -> Result<PathBuf, Box<dyn Error>> {
    let beside = || Ok::<_, io::Error>(env::current_exe()?.with_file_name("zkclob-prove"));
    let prover = args.prover.clone().map_or_else(beside, Ok)?;
    if args.mode != Mode::Execute && !prover.is_file() {
        return Err(format!("{} is missing: scripts/setup_prover.sh builds it", prover.display()).into());
    }
    Ok(prover)
}

#[cfg(feature = "vkey")]
fn print_verifying_key(elf: &Path) -> Result<(), Box<dyn Error>> {
    println!("{}", zkclob_prover::vkey::verifying_key(&fs::read(elf)?)?);
    Ok(())
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if path != Path::new("-") {
        return fs::read(path);
    }
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn peak_rss_mb() -> u64 {
    // SAFETY: getrusage fills the structure it is given.
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    (usage.ru_maxrss as u64 * unit) >> 20
}
