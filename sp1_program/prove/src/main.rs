//! Proves one batch: the witness comes on standard input, the outcome with the proof goes to standard output as JSON.

mod circuit;
mod files;
mod inner;
mod job;
mod outer;
mod progress;
mod remote;
mod run;
mod setup;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use job::{Job, JobStage};
use run::Estimates;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prove the batch whose witness comes on standard input; goes on where an earlier run for it stopped
    Prove(ProveArgs),
    /// Make the keys of the Groth16 circuit, once per machine; goes on where an earlier run stopped
    Setup(SetupArgs),
    /// Run one stage of `prove` in this process
    #[command(hide = true)]
    Stage {
        #[arg(value_enum)]
        stage: JobStage,
        /// The folder of the job
        #[arg(long, value_name = "DIR")]
        job: PathBuf,
    },
    /// Write the operations of the circuit that gnark compiles
    #[command(hide = true)]
    Operations {
        #[arg(long, value_name = "FILE")]
        template: PathBuf,
        #[arg(long, value_name = "DIR")]
        circuit: PathBuf,
    },
}

#[derive(Args)]
struct ProveArgs {
    /// Who makes the proof
    #[arg(long, value_enum)]
    mode: Mode,
    /// The guest program
    #[arg(long, value_name = "FILE")]
    elf: PathBuf,
    /// Where the circuit's keys and unfinished proofs are kept [default: $ZKCLOB_CACHE, or ~/.cache/zkclob]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// A file with the private key of the account that pays the network [default: NETWORK_PRIVATE_KEY]
    #[arg(long, value_name = "FILE")]
    network_key_file: Option<PathBuf>,
}

#[derive(Args)]
struct SetupArgs {
    /// Where the circuit's keys are kept [default: $ZKCLOB_CACHE, or ~/.cache/zkclob]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Any proof of SP1's wrap program [default: groth16/template_proof.bin in the cache]
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    /// This machine, with the Groth16 circuit that `setup` made here
    Cpu,
    /// This machine's NVIDIA GPU, with SP1's production circuit
    Cuda,
    /// Succinct's prover network, with SP1's production circuit; NETWORK_PRIVATE_KEY or --network-key-file pays
    Network,
}

fn main() -> ExitCode {
    match dispatch(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("zkclob-prove: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> Result<()> {
    match command {
        Command::Prove(args) => prove(&args),
        Command::Setup(args) => {
            let cache = cache_folder(args.cache)?;
            let folder = cache.join("groth16");
            let template = args.template.unwrap_or_else(|| folder.join("template_proof.bin"));
            setup::complete(&folder, &template, &mut Estimates::read(&cache))
        }
        Command::Stage { stage, job } => Job::open(job).run(stage),
        Command::Operations { template, circuit } => circuit::write_operations(&template, &circuit),
    }
}

fn prove(args: &ProveArgs) -> Result<()> {
    let elf = fs::read(&args.elf).with_context(|| args.elf.display().to_string())?;
    let mut witness = Vec::new();
    io::stdin().read_to_end(&mut witness)?;
    let cache = cache_folder(args.cache.clone())?;
    let job = Job::create(&cache.join("proofs"), &elf, &witness)?;
    let estimates = &mut Estimates::read(&cache);
    let proven = match args.mode {
        Mode::Cpu => job.prove(&cache.join("groth16"), estimates)?,
        Mode::Cuda => job.prove_elsewhere(estimates, remote::cuda)?,
        Mode::Network => {
            let key = network_key(args.network_key_file.as_deref())?;
            job.prove_elsewhere(estimates, |inputs| remote::network(inputs, &key))?
        }
    };
    println!("{}", serde_json::to_string(&proven)?);
    Ok(())
}

/// The key is never an argument, which every user of the machine could read.
fn network_key(file: Option<&Path>) -> Result<String> {
    let key = match file {
        Some(file) => fs::read_to_string(file).with_context(|| file.display().to_string())?,
        None => {
            env::var("NETWORK_PRIVATE_KEY").context("give --network-key-file or set NETWORK_PRIVATE_KEY")?
        }
    };
    Ok(key.trim().to_owned())
}

fn cache_folder(given: Option<PathBuf>) -> Result<PathBuf> {
    if let Some(folder) = given.or_else(|| env::var_os("ZKCLOB_CACHE").map(PathBuf::from)) {
        return Ok(folder);
    }
    let home = env::var_os("HOME").context("give --cache or set ZKCLOB_CACHE")?;
    Ok(PathBuf::from(home).join(".cache").join("zkclob"))
}
