//! The last two recursion proofs: "shrink" makes the compressed proof small, "wrap" proves it again over the field of
//! the curve BN254.
//!
//! SP1's own node makes both in one task, after it has made the keys of all other recursion programs. Here each is a
//! stage of its own that makes only its own key, so it starts at once, needs less memory and can be resumed.

use crate::circuit::{wrap_key, WrapProof};
use anyhow::{bail, Context, Result};
use serde::{Deserialize, Serialize};
use sp1_core_machine::riscv::RiscvAir;
use sp1_hypercube::prover::{AirProver, CpuShardProver, ProverSemaphore};
use sp1_hypercube::{inner_perm, HashableKey, MachineVerifier, SP1PcsProofInner, SP1RecursionProof};
use sp1_primitives::{SP1ExtensionField, SP1Field, SP1GlobalContext};
use sp1_prover::recursion::{recursive_verifier, shrink_program_from_input, RecursionVks};
use sp1_prover::shapes::{SP1RecursionProofShape, DEFAULT_ARITY};
use sp1_prover::{CpuSP1ProverComponents, RecursionSC, SP1ProverComponents};
use sp1_recursion_circuit::machine::{
    PublicValuesOutputDigest, SP1CompressRootVerifierWithVKey, SP1CompressWithVKeyWitnessValues,
    SP1MerkleProofWitnessValues, SP1ShapedWitnessValues,
};
use sp1_recursion_circuit::witness::Witnessable;
use sp1_recursion_circuit::WrapConfig;
use sp1_recursion_compiler::circuit::AsmCompiler;
use sp1_recursion_compiler::config::InnerConfig;
use sp1_recursion_compiler::ir::{Builder, DslIrProgram};
use sp1_recursion_executor::shape::RecursionShape;
use sp1_recursion_executor::{Block, ExecutionRecord, Executor, RecursionProgram};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub type InnerProof = SP1RecursionProof<SP1GlobalContext, SP1PcsProofInner>;
type Witness = SP1CompressWithVKeyWitnessValues<SP1PcsProofInner>;
type Program = RecursionProgram<SP1Field>;
/// The machine that both compressed and shrunk proofs are of; they differ in parameters.
type InnerContext = RecursionSC;
type ShrinkProver = <CpuSP1ProverComponents as SP1ProverComponents>::RecursionProver;
type WrapProver = <CpuSP1ProverComponents as SP1ProverComponents>::WrapProver;

/// A shrunk proof with the heights of its program's tables, from which the wrap program follows.
#[derive(Serialize, Deserialize)]
pub struct Shrunk {
    pub proof: InnerProof,
    pub heights: BTreeMap<String, usize>,
}

/// The keys that recursion programs may have; their Merkle root is part of every proof.
pub fn recursion_keys() -> RecursionVks {
    RecursionVks::new(None, DEFAULT_ARITY, true)
}

pub async fn shrink(compressed: InnerProof) -> Result<Shrunk> {
    let keys = recursion_keys();
    let verifier = CpuSP1ProverComponents::compress_verifier();
    let shape = SP1RecursionProofShape::retrieve_or_compute_reduce_shape(RiscvAir::machine(), DEFAULT_ARITY);
    let dummy = dummy_witness(&shape, &verifier, &keys);
    let program =
        Arc::new(shrink_program_from_input(&recursive_verifier(verifier.shard_verifier()), true, &dummy));

    let prover: ShrinkProver =
        CpuShardProver::new(CpuSP1ProverComponents::shrink_verifier().shard_verifier().clone());
    let permits = ProverSemaphore::new(1);
    let (key, vk) = prover.setup(program.clone(), permits.clone()).await;
    let heights =
        <ShrinkProver as AirProver<SP1GlobalContext, _>>::preprocessed_table_heights(key.pk.clone()).await;

    let mut input = Vec::new();
    Witnessable::<InnerConfig>::write(&witness(compressed, &keys), &mut input);
    let record = execute(program, input)?;
    let (proof, _) = prover.prove_shard_with_pk(key.pk, record, ProverSemaphore::new(1)).await;

    let mut challenger = CpuSP1ProverComponents::shrink_verifier().challenger();
    vk.observe_into(&mut challenger);
    CpuSP1ProverComponents::shrink_verifier()
        .verify_shard(&vk, &proof, &mut challenger)
        .context("the shrunk proof that was just made is not valid")?;
    let (_, vk_merkle_proof) = keys.open(&vk)?;
    Ok(Shrunk { proof: InnerProof { vk, proof, vk_merkle_proof }, heights })
}

pub async fn wrap(shrunk: Shrunk) -> Result<WrapProof> {
    let keys = recursion_keys();
    let verifier = CpuSP1ProverComponents::shrink_verifier();
    let shape = SP1RecursionProofShape { shape: RecursionShape::new(shrunk.heights) };
    let dummy = dummy_witness(&shape, &verifier, &keys);
    let program = Arc::new(wrap_program(&verifier, &dummy));

    let mut input = Vec::new();
    Witnessable::<WrapConfig>::write(&witness(shrunk.proof, &keys), &mut input);
    let record = execute(program.clone(), input)?;
    let verifier = CpuSP1ProverComponents::wrap_verifier();
    let prover: WrapProver = CpuShardProver::new(verifier.shard_verifier().clone());
    let expected = wrap_key()?;
    let (vk, proof, _) =
        prover.setup_and_prove_shard(program, record, Some(expected.clone()), ProverSemaphore::new(1)).await;
    if vk != expected {
        bail!("the wrap program has another key than SP1's: versions of SP1's crates are mixed");
    }
    let mut challenger = verifier.challenger();
    vk.observe_into(&mut challenger);
    verifier
        .verify_shard(&vk, &proof, &mut challenger)
        .context("the wrapped proof that was just made is not valid")?;
    Ok(proof)
}

/// Anything of the right shape makes the same program.
fn dummy_witness(
    shape: &SP1RecursionProofShape,
    verifier: &MachineVerifier<SP1GlobalContext, InnerContext>,
    keys: &RecursionVks,
) -> Witness {
    shape.dummy_input(
        1,
        keys.height(),
        verifier.shard_verifier().machine().chips().iter().cloned().collect::<BTreeSet<_>>(),
        verifier.max_log_row_count(),
        *verifier.fri_config(),
        verifier.log_stacking_height() as usize,
    )
}

/// The proof with what shows that its program is one of SP1's.
fn witness(proof: InnerProof, keys: &RecursionVks) -> Witness {
    let InnerProof { vk, proof, vk_merkle_proof } = proof;
    let merkle_val = SP1MerkleProofWitnessValues {
        root: keys.root(),
        values: vec![vk.hash_koalabear()],
        vk_merkle_proofs: vec![vk_merkle_proof],
    };
    let compress_val = SP1ShapedWitnessValues { vks_and_proofs: vec![(vk, proof)], is_complete: true };
    SP1CompressWithVKeyWitnessValues { compress_val, merkle_val }
}

/// SP1 keeps the function that makes this program to itself, but not what it is made of.
fn wrap_program(verifier: &MachineVerifier<SP1GlobalContext, InnerContext>, dummy: &Witness) -> Program {
    let mut builder = Builder::<WrapConfig>::default();
    let input = dummy.read(&mut builder);
    SP1CompressRootVerifierWithVKey::<WrapConfig, _>::verify(
        &mut builder,
        &recursive_verifier(verifier.shard_verifier()),
        input,
        true,
        PublicValuesOutputDigest::Root,
    );
    // SAFETY: the block is what SP1's own verifier circuit put into the builder, nothing else.
    let operations = unsafe { DslIrProgram::new_unchecked(builder.into_root_block()) };
    AsmCompiler::default().compile(operations)
}

fn execute(program: Arc<Program>, input: Vec<Block<SP1Field>>) -> Result<ExecutionRecord<SP1Field>> {
    let mut executor = Executor::<SP1Field, SP1ExtensionField, _>::new(program, inner_perm());
    executor.witness_stream = input.into();
    executor.run().context("the recursion program does not run")?;
    Ok(executor.record)
}
