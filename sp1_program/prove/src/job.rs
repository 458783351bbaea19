//! A batch on its way to a proof: a folder, named by the program and the witness, that keeps what each stage gave.

use crate::run::{Estimates, Measurement, Stage};
use crate::{circuit, files, inner, outer, progress::Progress, remote, setup};
use anyhow::{bail, Context, Result};
use clap::ValueEnum;
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sp1_hypercube::HashableKey;
use sp1_verifier::VK_ROOT_BYTES;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use tokio::runtime::Runtime;
use zkclob_prover::execute;
use zkclob_prover::queue::Outcome;

const INPUTS: usize = 5;
const ENCODED_BYTES: usize = 352;
const SELECTOR_BYTES: usize = 4;

#[derive(Clone, Copy, ValueEnum)]
pub enum JobStage {
    /// Run the guest without a proof: cheap, and finds a batch that cannot be proven
    Execute,
    /// Core proofs and their compression
    Compress,
    Shrink,
    Wrap,
}

/// The outcome for the queue, with what each stage took. It is kept as `result.json` in the job's folder too.
#[derive(Serialize)]
pub struct Proven {
    #[serde(flatten)]
    outcome: Outcome,
    stages: Vec<Measurement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    core: Option<inner::Times>,
}

/// What the Go program writes.
#[derive(Deserialize)]
struct Groth16Proof {
    public_inputs: [String; INPUTS],
    encoded: String,
}

pub struct Job {
    folder: PathBuf,
}

impl Job {
    /// The job for this program and witness, new or begun.
    pub fn create(jobs: &Path, elf: &[u8], witness: &[u8]) -> Result<Self> {
        let digest = Sha256::new().chain_update(Sha256::digest(elf)).chain_update(witness).finalize();
        let folder = jobs.join(hex::encode(&digest[..16]));
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let job = Self { folder };
        files::write_bytes(&job.file("program"), elf)?;
        files::write_bytes(&job.file("witness"), witness)?;
        Ok(job)
    }

    pub fn open(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Runs all stages that are not done and puts the proof together.
    pub fn prove(&self, circuit: &Path, estimates: &mut Estimates) -> Result<Proven> {
        setup::check(circuit)?;
        let _lock = self.lock()?;
        eprintln!("zkclob-prove: the stages' results are kept in {}", self.folder.display());
        let mut stages = Vec::new();
        for stage in self.stages(circuit)? {
            stages.extend(stage.complete(estimates)?);
        }
        let mut outcome: Outcome = files::read_json(&self.file("outcome.json"))?;
        outcome.proof = Some(format!("0x{}", hex::encode(self.encoded_proof(circuit, &outcome)?)));
        outcome.peak_rss_mb = stages.iter().map(|stage| stage.peak_mb).max().unwrap_or_default();
        let proven = Proven { outcome, stages, core: Some(files::read_json(&self.file("core.json"))?) };
        files::write_json(&self.file("result.json"), &proven)?;
        Ok(proven)
    }

    /// Runs the guest here, which is cheap and finds a batch that cannot be proven, and has it proven by something else.
    pub fn prove_elsewhere(
        &self,
        estimates: &mut Estimates,
        prove: impl FnOnce(&remote::Inputs) -> Result<remote::Proof>,
    ) -> Result<Proven> {
        let mut stages = Vec::new();
        stages.extend(self.stage("execute", "outcome.json", 1.0)?.complete(estimates)?);
        let (elf, witness) = self.inputs()?;
        let start = Instant::now();
        let proof = prove(&remote::Inputs { elf, witness, request: self.file("request") })?;
        let mut outcome: Outcome = files::read_json(&self.file("outcome.json"))?;
        if outcome.public_values != format!("0x{}", hex::encode(&proof.public_values)) {
            bail!("the proof and the execution give different public values");
        }
        outcome.proof = Some(format!("0x{}", hex::encode(&proof.encoded)));
        let seconds = start.elapsed().as_secs_f64();
        stages.push(Measurement { stage: "prove".to_owned(), seconds, cpu_seconds: 0.0, peak_mb: 0 });
        Ok(Proven { outcome, stages, core: None })
    }

    /// Waits until no other proof is made here: two at once do not fit into the memory. The lock ends with the process.
    fn lock(&self) -> Result<File> {
        let file = File::create(self.folder.with_file_name("lock"))?;
        if file.try_lock().is_err() {
            eprintln!("zkclob-prove: another proof is being made on this machine; waiting for it");
            file.lock()?;
        }
        Ok(file)
    }

    fn stages(&self, circuit: &Path) -> Result<Vec<Stage>> {
        let mut groth16 = setup::gnark("prove", circuit)?;
        groth16.arg("--witness").arg(self.file("gnark.json")).arg("--output").arg(self.file("groth16.json"));
        Ok(vec![
            self.stage("execute", "outcome.json", 1.0)?,
            self.stage("compress", "compressed.bin", 970.0)?,
            self.stage("shrink", "shrunk.bin", 40.0)?,
            self.stage("wrap", "gnark.json", 1150.0)?,
            Stage {
                name: "groth16",
                result: self.file("groth16.json"),
                usual_seconds: 170.0,
                command: groth16,
            },
        ])
    }

    fn stage(&self, name: &'static str, result: &str, usual_seconds: f64) -> Result<Stage> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["stage", name, "--job"]).arg(&self.folder);
        Ok(Stage { name, result: self.file(result), usual_seconds, command })
    }

    /// Does one stage here.
    pub fn run(&self, stage: JobStage) -> Result<()> {
        match stage {
            JobStage::Execute => self.execute(),
            JobStage::Compress => self.compress(),
            JobStage::Shrink => {
                let compressed: inner::Compressed = files::read(&self.file("compressed.bin"))?;
                let shrunk = Runtime::new()?.block_on(outer::shrink(compressed.proof))?;
                files::write(&self.file("shrunk.bin"), &shrunk)
            }
            JobStage::Wrap => {
                let wrapped =
                    Runtime::new()?.block_on(outer::wrap(files::read(&self.file("shrunk.bin"))?))?;
                files::write(&self.file("wrapped.bin"), &wrapped)?;
                files::write_json(&self.file("gnark.json"), &circuit::witness(wrapped)?)
            }
        }
    }

    fn execute(&self) -> Result<()> {
        let (elf, witness) = self.inputs()?;
        let start = Instant::now();
        let execution = execute::execute(&elf, &witness)?;
        let outcome = Outcome {
            public_values: format!("0x{}", hex::encode(&execution.public_values)),
            cycles: execution.cycles,
            prover_gas: execution.prover_gas,
            execute_ms: start.elapsed().as_millis() as u64,
            peak_rss_mb: 0,
            proof: None,
        };
        files::write_json(&self.file("outcome.json"), &outcome)
    }

    fn compress(&self) -> Result<()> {
        let (elf, witness) = self.inputs()?;
        let progress = Progress::listen();
        let (compressed, times) = Runtime::new()?.block_on(inner::compress(&elf, &witness, &progress))?;
        files::write_json(&self.file("core.json"), &times)?;
        files::write(&self.file("compressed.bin"), &compressed)
    }

    fn inputs(&self) -> Result<(Vec<u8>, Vec<u8>)> {
        let read = |name| fs::read(self.file(name)).with_context(|| self.file(name).display().to_string());
        Ok((read("program")?, read("witness")?))
    }

    /// The proof as the verifier contract takes it: selector, exit code, root of the keys, nonce, eight field elements.
    fn encoded_proof(&self, circuit: &Path, outcome: &Outcome) -> Result<Vec<u8>> {
        let proof: Groth16Proof = files::read_json(&self.file("groth16.json"))?;
        let compressed: inner::Compressed = files::read(&self.file("compressed.bin"))?;
        if outcome.public_values != format!("0x{}", hex::encode(&compressed.public_values)) {
            bail!("the proof and the execution give different public values");
        }
        check_inputs(&proof.public_inputs, &compressed)?;
        let encoded = hex::decode(&proof.encoded).context("groth16.json")?;
        if encoded.len() != ENCODED_BYTES {
            bail!("groth16.json: the proof is {} bytes long, not {ENCODED_BYTES}", encoded.len());
        }
        let key = fs::read(circuit.join("verifying_key.bin"))?;
        Ok([&Sha256::digest(key)[..SELECTOR_BYTES], &encoded].concat())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// The public inputs must be those that the contract computes: vkey, digest of the public values, exit code 0, root of
/// SP1's keys; the nonce is free.
fn check_inputs(inputs: &[String; INPUTS], compressed: &inner::Compressed) -> Result<()> {
    let mut digest = Sha256::digest(&compressed.public_values);
    digest[0] &= 0x1f;
    let vkey = hex::decode(compressed.vk.bytes32().trim_start_matches("0x"))?;
    let expected = [
        ("verifying key", BigUint::from_bytes_be(&vkey)),
        ("digest of the public values", BigUint::from_bytes_be(&digest)),
        ("exit code", BigUint::default()),
        ("root of SP1's keys", BigUint::from_bytes_be(&*VK_ROOT_BYTES)),
    ];
    for ((name, value), input) in expected.iter().zip(inputs) {
        if value.to_string() != *input {
            bail!("the proof's {name} is {input}, expected {value}");
        }
    }
    Ok(())
}
