//! Core proofs of the guest's execution, shard by shard, and their compression into one proof.
//!
//! SP1's node does both at once: a shard's proof goes into the recursion as soon as it is there.

use crate::outer::InnerProof;
use crate::progress::{Progress, Step};
use anyhow::{anyhow, bail, Context, Result};
use serde::{Deserialize, Serialize};
use sp1_core_executor::SP1Context;
use sp1_core_machine::io::SP1Stdin;
use sp1_core_machine::riscv::RiscvAir;
use sp1_hypercube::prover::{CpuShardProver, ProverSemaphore};
use sp1_hypercube::{HashableKey, SP1VerifyingKey};
use sp1_prover::worker::{cpu_worker_builder, SP1LocalNodeBuilder, SP1WorkerBuilder};
use sp1_prover::{CpuSP1ProverComponents, SP1ProverComponents};
use sp1_prover_types::network_base_types::ProofMode;
use sp1_verifier::SP1Proof;
use std::sync::Arc;
use std::time::Instant;

/// What the compression gives.
#[derive(Serialize, Deserialize)]
pub struct Compressed {
    pub proof: InnerProof,
    pub vk: SP1VerifyingKey,
    pub public_values: Vec<u8>,
}

/// Times within the stage, in seconds: core proofs and compression overlap, so they are told apart by the last core
/// proof.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Times {
    pub keys: f64,
    pub core: f64,
    pub compress: f64,
    pub shards: usize,
}

pub async fn compress(elf: &[u8], witness: &[u8], progress: &Progress) -> Result<(Compressed, Times)> {
    let start = Instant::now();
    progress.say("making the keys of the recursion programs");
    let node = SP1LocalNodeBuilder::from_worker_client_builder(one_proof_at_a_time()).build().await?;
    let vk = node.setup(elf).await.context("the guest's keys")?;
    let ready = Instant::now();
    progress.say(&format!("proving the guest {}", vk.bytes32()));
    let result = node
        .prove_with_mode(elf, SP1Stdin::from(witness), SP1Context::default(), ProofMode::Compressed)
        .await
        .context("SP1's node")?;
    let end = Instant::now();
    let last = progress.last(Step::Core).ok_or_else(|| anyhow!("no shard was proven"))?;
    let times = Times {
        keys: (ready - start).as_secs_f64(),
        core: (last - ready).as_secs_f64(),
        compress: (end - last).as_secs_f64(),
        shards: progress.count(Step::Core),
    };
    node.verify(&vk, &result.proof).context("the compressed proof that was just made is not valid")?;
    let SP1Proof::Compressed(proof) = result.proof else { bail!("SP1's node gives another kind of proof") };
    Ok((Compressed { proof: *proof, vk, public_values: result.public_values.to_vec() }, times))
}

/// SP1's workers on the processor, who by default prove four shards at once. Each proof uses all cores by itself, so
/// four are hardly faster than one, and need far more memory.
fn one_proof_at_a_time() -> SP1WorkerBuilder<CpuSP1ProverComponents> {
    let permits = ProverSemaphore::new(1);
    let core = CpuSP1ProverComponents::core_verifier(RiscvAir::machine());
    let recursion = CpuSP1ProverComponents::compress_verifier();
    cpu_worker_builder()
        .with_core_air_prover(Arc::new(CpuShardProver::new(core.shard_verifier().clone())), permits.clone())
        .with_compress_air_prover(Arc::new(CpuShardProver::new(recursion.shard_verifier().clone())), permits)
}
