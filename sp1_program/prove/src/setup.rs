//! The keys of the Groth16 circuit, made on this machine.
//!
//! Whoever makes such keys could forge proofs, so only a chain of one's own may trust them. The production circuit's
//! keys come from a ceremony and are not used here.

use crate::files;
use crate::run::{Estimates, Stage};
use anyhow::{bail, Context, Result};
use serde_json::json;
use sha2::{Digest, Sha256};
use sp1_prover::SP1_CIRCUIT_VERSION;
use sp1_verifier::VK_ROOT_BYTES;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub const SP1_VERSION: &str = "6.10.0";

/// Makes what is missing in `folder`, ending with `Groth16Verifier.sol` and `verifier.json` for the deployment.
pub fn complete(folder: &Path, template: &Path, estimates: &mut Estimates) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let mut measurements = Vec::new();
    for stage in stages(folder, template)? {
        measurements.extend(stage.complete(estimates)?);
    }
    files::write_json(&folder.join("measurements.json"), &measurements)?;
    let key = fs::read(folder.join("verifying_key.bin"))?;
    files::write_json(
        &folder.join("verifier.json"),
        &json!({
            "verifier_hash": format!("0x{}", hex::encode(Sha256::digest(key))),
            "vk_root": format!("0x{}", hex::encode(*VK_ROOT_BYTES)),
            "sp1_version": SP1_VERSION,
            "circuit_version": SP1_CIRCUIT_VERSION.trim(),
        }),
    )
}

/// Whether `prove` has all it needs.
pub fn check(folder: &Path) -> Result<()> {
    for name in ["circuit.bin", "proving_key.bin", "verifying_key.bin", "verifier.json"] {
        if !folder.join(name).exists() {
            bail!(
                "{} is missing: run `zkclob-prove setup` first (about 45 min and 19 GB of memory, once per machine)",
                folder.join(name).display()
            );
        }
    }
    Ok(())
}

fn stages(folder: &Path, template: &Path) -> Result<Vec<Stage>> {
    let mut operations = Command::new(env::current_exe()?);
    operations.args(["operations", "--template"]).arg(template).arg("--circuit").arg(folder);
    let stage = |name, result: &str, usual_seconds, command| Stage {
        name,
        result: folder.join(result),
        usual_seconds,
        command,
    };
    Ok(vec![
        stage("operations", "constraints.json", 2.0, operations),
        stage("compile", "circuit.bin", 256.0, gnark("compile", folder)?),
        stage("setup", "verifying_key.bin", 2330.0, gnark("setup", folder)?),
        stage("export-verifier", "Groth16Verifier.sol", 1.0, gnark("export-verifier", folder)?),
    ])
}

/// A stage of the Go program, which lies beside this one, kept from using all memory before it collects garbage.
pub fn gnark(stage: &str, folder: &Path) -> Result<Command> {
    let mut command = Command::new(gnark_program()?);
    command.arg(stage).arg("--dir").arg(folder).env("GOGC", "25").env("GOMEMLIMIT", "19GiB");
    Ok(command)
}

fn gnark_program() -> Result<PathBuf> {
    let program = env::current_exe()?.with_file_name("zkclob-groth16");
    if !program.exists() {
        bail!("{} is missing: scripts/setup_prover.sh builds it", program.display());
    }
    Ok(program)
}
