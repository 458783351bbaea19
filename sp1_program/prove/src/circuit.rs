//! SP1's outermost circuit: its operations, and the witness with which gnark proves a wrapped proof.

use crate::files;
use anyhow::{anyhow, Context, Result};
use slop_algebra::{AbstractField, PrimeField32};
use slop_bn254::Bn254Fr;
use sp1_hypercube::{koalabears_to_bn254, MachineVerifyingKey, SP1PcsProofOuter, ShardProof};
use sp1_primitives::{SP1Field, SP1OuterGlobalContext};
use sp1_prover::build::build_constraints_and_witness;
use sp1_prover::verify::WRAP_VK_BYTES;
use sp1_recursion_circuit::machine::SP1ShapedWitnessValues;
use sp1_recursion_circuit::utils::{
    koalabear_bytes_to_bn254, koalabears_proof_nonce_to_bn254, words_to_bytes,
};
use sp1_recursion_circuit::witness::{OuterWitness, Witnessable};
use sp1_recursion_compiler::config::OuterConfig;
use sp1_recursion_executor::RecursionPublicValues;
use sp1_recursion_gnark_ffi::GnarkWitness;
use std::borrow::Borrow;
use std::path::Path;

pub type WrapKey = MachineVerifyingKey<SP1OuterGlobalContext>;
pub type WrapProof = ShardProof<SP1OuterGlobalContext, SP1PcsProofOuter>;

/// The verifying key of SP1's wrap program, the same for every guest.
pub fn wrap_key() -> Result<WrapKey> {
    bincode::deserialize(WRAP_VK_BYTES).context("SP1's own wrap key")
}

/// Writes `template.json` and `constraints.json` for gnark to compile. Any wrapped proof serves as the template: only
/// its shape goes in.
pub fn write_operations(template: &Path, folder: &Path) -> Result<()> {
    let proof: WrapProof = files::read(template)?;
    let (constraints, witness) = build_constraints_and_witness(&wrap_key()?, &proof)?;
    files::write_json(&folder.join("template.json"), &GnarkWitness::new(witness))?;
    files::write_json(&folder.join("constraints.json"), &constraints)
}

/// What gnark needs to prove this wrapped proof: the proof itself and the five public inputs.
pub fn witness(proof: WrapProof) -> Result<GnarkWitness> {
    let values: &RecursionPublicValues<SP1Field> = proof.public_values.as_slice().borrow();
    let digest: [SP1Field; 32] = words_to_bytes(&values.committed_value_digest)
        .try_into()
        .map_err(|_| anyhow!("the digest of the public values is not 32 bytes long"))?;
    let vkey = koalabears_to_bn254(&values.sp1_vk_digest);
    let exit_code = Bn254Fr::from_canonical_u32(values.exit_code.as_canonical_u32());
    let vk_root = koalabears_to_bn254(&values.vk_root);
    let nonce = koalabears_proof_nonce_to_bn254(&values.proof_nonce);

    let mut witness = OuterWitness::<OuterConfig>::default();
    let input = SP1ShapedWitnessValues { vks_and_proofs: vec![(wrap_key()?, proof)], is_complete: true };
    input.write(&mut witness);
    witness.write_committed_values_digest(koalabear_bytes_to_bn254(&digest));
    witness.write_vkey_hash(vkey);
    witness.write_exit_code(exit_code);
    witness.write_vk_root(vk_root);
    witness.write_proof_nonce(nonce);
    Ok(GnarkWitness::new(witness))
}
