//! Proofs for SP1's production circuit, made by SP1's own clients: a GPU server on this machine, or Succinct's network.
//!
//! Each is a feature of this crate, since it brings many crates that nothing else needs. What is not built in is refused,
//! never replaced by something else.

use anyhow::Result;
use std::path::PathBuf;

/// What is proven. `request` is a file for what a resumed run must know.
#[cfg_attr(not(any(feature = "cuda", feature = "network")), allow(dead_code))]
pub struct Inputs {
    pub elf: Vec<u8>,
    pub witness: Vec<u8>,
    pub request: PathBuf,
}

pub struct Proof {
    pub public_values: Vec<u8>,
    /// As SP1's verifier contract takes it.
    pub encoded: Vec<u8>,
}

#[cfg(not(feature = "cuda"))]
pub fn cuda(_inputs: &Inputs) -> Result<Proof> {
    anyhow::bail!("proofs on a GPU are not built in: run scripts/setup_prover.sh --features cuda")
}

#[cfg(feature = "cuda")]
pub fn cuda(inputs: &Inputs) -> Result<Proof> {
    use sp1_sdk::ProverClient;
    runtime()?.block_on(async {
        let prover = ProverClient::builder().cuda().build().await;
        sdk::prove(&prover, inputs).await
    })
}

#[cfg(not(feature = "network"))]
pub fn network(_inputs: &Inputs, _key: &str) -> Result<Proof> {
    anyhow::bail!("the prover network is not built in: run scripts/setup_prover.sh --features network")
}

/// The number of the request is kept, so that a run that was interrupted waits for the proof that is paid for.
#[cfg(feature = "network")]
pub fn network(inputs: &Inputs, key: &str) -> Result<Proof> {
    use sp1_sdk::{ProveRequest, Prover, ProverClient, ProvingKey, SP1Stdin};
    use std::fs;
    runtime()?.block_on(async {
        let prover = ProverClient::builder().network().private_key(key).build().await;
        let pk = prover.setup(inputs.elf.as_slice().into()).await?;
        let request = match fs::read_to_string(&inputs.request) {
            Ok(number) => number.trim().parse()?,
            Err(_) => {
                let request = prover.prove(&pk, SP1Stdin::from(&inputs.witness)).groth16().request().await?;
                crate::files::write_bytes(&inputs.request, request.to_string().as_bytes())?;
                request
            }
        };
        eprintln!("zkclob-prove: waiting for request {request} of the prover network");
        let proof = prover.wait_proof(request, None, None).await?;
        sdk::verified(&prover, proof, pk.verifying_key())
    })
}

#[cfg(any(feature = "cuda", feature = "network"))]
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

#[cfg(any(feature = "cuda", feature = "network"))]
mod sdk {
    use super::Proof;
    use anyhow::{Context, Result};
    use sp1_sdk::{Prover, SP1ProofWithPublicValues, SP1VerifyingKey};

    #[cfg(feature = "cuda")]
    pub async fn prove<P: Prover>(prover: &P, inputs: &super::Inputs) -> Result<Proof> {
        use sp1_sdk::{ProveRequest, ProvingKey, SP1Stdin};
        let failed = |error: P::Error| anyhow::anyhow!("{error}");
        let pk = prover.setup(inputs.elf.as_slice().into()).await.map_err(failed)?;
        let proof = prover.prove(&pk, SP1Stdin::from(&inputs.witness)).groth16().await.map_err(failed)?;
        verified(prover, proof, pk.verifying_key())
    }

    /// Nothing that does not verify leaves this program.
    pub fn verified<P: Prover>(
        prover: &P,
        proof: SP1ProofWithPublicValues,
        vk: &SP1VerifyingKey,
    ) -> Result<Proof> {
        prover.verify(&proof, vk, None).context("the proof is not valid")?;
        Ok(Proof { encoded: proof.bytes(), public_values: proof.public_values.to_vec() })
    }
}
