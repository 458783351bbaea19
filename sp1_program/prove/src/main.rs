//! Proves one batch: the witness comes on standard input, the outcome with the proof goes to standard output as JSON.

mod circuit;
mod files;
mod inner;
mod job;
mod outer;
mod progress;
mod run;
mod setup;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use job::{Job, JobStage};
use run::Estimates;
use std::io::{self, Read};
use std::path::PathBuf;
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
}

fn main() -> Result<()> {
    match Cli::parse().command {
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
    let Mode::Cpu = args.mode;
    let elf = fs::read(&args.elf).with_context(|| args.elf.display().to_string())?;
    let mut witness = Vec::new();
    io::stdin().read_to_end(&mut witness)?;
    let cache = cache_folder(args.cache.clone())?;
    let job = Job::create(&cache.join("proofs"), &elf, &witness)?;
    let outcome = job.prove(&cache.join("groth16"), &mut Estimates::read(&cache))?;
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}

fn cache_folder(given: Option<PathBuf>) -> Result<PathBuf> {
    if let Some(folder) = given.or_else(|| env::var_os("ZKCLOB_CACHE").map(PathBuf::from)) {
        return Ok(folder);
    }
    let home = env::var_os("HOME").context("give --cache or set ZKCLOB_CACHE")?;
    Ok(PathBuf::from(home).join(".cache").join("zkclob"))
}
