//! The verifying key of a guest program, which the contract holds.

use crate::execute::ExecuteError;
use sp1_core_executor::Program;
use sp1_core_machine::riscv::RiscvAir;
use sp1_hypercube::prover::simple_prover;
use sp1_hypercube::{HashableKey, SP1VerifyingKey, ShardVerifier};
use sp1_primitives::fri_params::core_fri_config;
use std::sync::Arc;

/// Parameters of SP1 6's core proofs (`sp1-prover`, `components.rs`); the key depends on them.
const LOG_STACKING_HEIGHT: u32 = 21;
const MAX_LOG_ROW_COUNT: usize = 22;

/// The hash of the verifying key, 32 bytes in hexadecimal after `0x`.
///
/// # Errors
/// When the ELF cannot be loaded.
pub fn verifying_key(elf: &[u8]) -> Result<String, ExecuteError> {
    let program = Program::from(elf).map_err(|error| ExecuteError::Program(error.to_string()))?;
    let verifier = ShardVerifier::from_basefold_parameters(
        core_fri_config(),
        LOG_STACKING_HEIGHT,
        MAX_LOG_ROW_COUNT,
        RiscvAir::machine(),
    );
    let prover = simple_prover(verifier);
    let runtime = tokio::runtime::Runtime::new().expect("the system lets a process start threads");
    let (_, vk) = runtime.block_on(prover.setup(Arc::new(program)));
    Ok(SP1VerifyingKey { vk }.bytes32())
}
