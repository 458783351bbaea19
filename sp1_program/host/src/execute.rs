//! Executes a guest program in SP1's executor and meters it. No proof is made.

use sp1_core_executor::{
    with_output_consumers, ExecutionError, ExecutionReport, GasEstimatingVMEnum, MinimalExecutorEnum,
    OutputConsumers, Program, SP1CoreOpts,
};
use std::sync::Arc;
use tokio::sync::watch;

/// What a run of the guest gave and what it would cost to prove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    pub public_values: Vec<u8>,
    /// RISC-V instructions.
    pub cycles: u64,
    /// SP1's unit of proving cost; the same on every machine.
    pub prover_gas: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    #[error("not a program for SP1: {0}")]
    Program(String),
    #[error("the guest ended with exit code {exit_code}: {message}")]
    Guest { exit_code: u32, message: String },
    #[error("the executor failed: {0}")]
    Executor(#[from] ExecutionError),
}

/// Runs `elf` with `stdin` as its only input.
///
/// The executor translates the program to machine code in this process and does not confine it: give it only programs
/// that you know.
///
/// # Errors
/// When the ELF cannot be loaded, the guest panics (with its message), or the executor gives up.
pub fn execute(elf: &[u8], stdin: &[u8]) -> Result<Execution, ExecuteError> {
    let program = Program::from(elf).map_err(|error| ExecuteError::Program(error.to_string()))?;
    let (stderr, messages) = watch::channel(String::new());
    let consumers = OutputConsumers { stdout: None, stderr: Some(stderr) };
    with_output_consumers(&consumers, || run(Arc::new(program), stdin, &messages))
}

fn run(
    program: Arc<Program>,
    stdin: &[u8],
    messages: &watch::Receiver<String>,
) -> Result<Execution, ExecuteError> {
    let options = SP1CoreOpts::default();
    let mut executor =
        MinimalExecutorEnum::new(program.clone(), false, Some(options.gas_trace_chunk_threshold));
    executor.with_input(stdin);
    let mut report = ExecutionReport::default();
    while let Some(chunk) = executor.try_execute_chunk()? {
        let nonce = Default::default();
        report += GasEstimatingVMEnum::new(&chunk, program.clone(), nonce, options.clone()).execute()?;
    }
    match executor.exit_code() {
        0 => Ok(Execution {
            cycles: report.total_instruction_count(),
            prover_gas: report.gas().unwrap_or_default(),
            public_values: executor.into_public_values_stream(),
        }),
        exit_code => Err(ExecuteError::Guest { exit_code, message: messages.borrow().trim().to_owned() }),
    }
}
