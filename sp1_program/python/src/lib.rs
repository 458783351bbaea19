//! Python module `zkclob_native`; `zkclob_native.pyi` describes it.

mod background;
mod state_tree;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use zkclob_core::batch::Batch;
use zkclob_core::outbox;
use zkclob_core::prepare::{self, Signature};
use zkclob_core::types::OrderId;
use zkclob_core::{hash, secp256k1, state};

use state_tree::StateTree;

/// An address and its public key.
type Signer = ([u8; 20], [u8; 64]);

/// A `ValueError` that says what is wrong.
fn value_error(reason: impl ToString) -> PyErr {
    PyValueError::new_err(reason.to_string())
}

/// The bytes as an array, or a `ValueError` that names them.
fn array<const N: usize>(name: &str, bytes: &[u8]) -> PyResult<[u8; N]> {
    bytes.try_into().map_err(|_| value_error(format!("{name} has {} bytes instead of {N}", bytes.len())))
}

#[pyfunction]
fn keccak256(data: &[u8]) -> [u8; 32] {
    hash::keccak256(data)
}

#[pyfunction]
fn recover(digest: &[u8], signature: &[u8]) -> PyResult<Signer> {
    let (digest, signature) = (array("digest", digest)?, array("signature", signature)?);
    let public_key = secp256k1::recover(&digest, &signature).map_err(value_error)?;
    Ok((secp256k1::address_of(&public_key), public_key))
}

#[pyfunction]
fn recover_many(py: Python<'_>, items: Vec<(PyBackedBytes, PyBackedBytes)>) -> PyResult<Vec<Option<Signer>>> {
    py.detach(|| items.iter().map(|(digest, signature)| recover_one(digest, signature)).collect())
}

/// `None` for what is not a valid signature.
fn recover_one(digest: &[u8], signature: &[u8]) -> PyResult<Option<Signer>> {
    let digest = array("digest", digest)?;
    let public_key = signature.try_into().ok().and_then(|bytes| secp256k1::recover(&digest, bytes).ok());
    Ok(public_key.map(|public_key| (secp256k1::address_of(&public_key), public_key)))
}

#[pyfunction]
fn merkle_root(leaves: Vec<Vec<u8>>) -> PyResult<[u8; 32]> {
    Ok(outbox::merkle_root(digests("leaf", &leaves)?))
}

#[pyfunction]
fn merkle_proof(leaves: Vec<Vec<u8>>, index: usize) -> PyResult<Vec<[u8; 32]>> {
    outbox::merkle_proof(digests("leaf", &leaves)?, index)
        .ok_or_else(|| value_error(format!("there is no leaf {index}")))
}

fn digests(name: &str, digests: &[Vec<u8>]) -> PyResult<Vec<[u8; 32]>> {
    digests.iter().map(|digest| array(name, digest)).collect()
}

/// A batch re-executed in Rust over the whole state, with what a prover needs.
#[pyclass(frozen, get_all)]
struct Prepared {
    public_values: Vec<u8>,
    witness: Vec<u8>,
    block_roots: Vec<[u8; 32]>,
    results: Vec<u16>,
    outbox: Vec<[u8; 61]>,
}

#[pyfunction]
#[pyo3(
    name = "prepare",
    signature = (tree, domain_separator, data, inbox, signatures, removed, versioned_hashes = vec![])
)]
#[expect(clippy::too_many_arguments, reason = "Python names them")]
fn prepare_batch(
    py: Python<'_>,
    tree: &StateTree,
    domain_separator: &[u8],
    data: &[u8],
    inbox: Vec<Vec<u8>>,
    signatures: Vec<(Vec<u8>, Vec<u8>)>,
    removed: Vec<Vec<u8>>,
    versioned_hashes: Vec<Vec<u8>>,
) -> PyResult<Prepared> {
    let domain_separator = array("domain separator", domain_separator)?;
    let signatures = signatures
        .iter()
        .map(|(key, bytes)| {
            Ok(Signature { public_key: array("public key", key)?, bytes: array("signature", bytes)? })
        })
        .collect::<PyResult<Vec<_>>>()?;
    let removed = removed
        .iter()
        .map(|id| array::<24>("order id", id).map(OrderId::from))
        .collect::<PyResult<Vec<_>>>()?;
    let versioned_hashes = digests("versioned hash", &versioned_hashes)?;
    let batch = Batch {
        domain_separator: &domain_separator,
        data,
        versioned_hashes: &versioned_hashes,
        inbox: inbox.iter().map(Vec::as_slice).collect(),
        removed: &removed,
    };
    let state = tree.state();
    let prepared = py
        .detach(|| background::run(|| prepare::prepare(&state, &batch, &signatures)))
        .map_err(value_error)?;
    Ok(Prepared {
        public_values: prepared.public_values.encode().to_vec(),
        witness: prepared.witness,
        block_roots: prepared.block_roots,
        results: prepared.results.into_iter().map(|code| code as u16).collect(),
        outbox: prepared.outbox,
    })
}

#[pyfunction]
fn execute(py: Python<'_>, witness: &[u8]) -> PyResult<Vec<u8>> {
    let public_values = py.detach(|| zkclob_core::execute(witness)).map_err(value_error)?;
    Ok(public_values.to_vec())
}

#[pymodule]
fn zkclob_native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("ACCOUNTS", state::ACCOUNTS)?;
    module.add("BOOKS", state::BOOKS)?;
    module.add("CLIENTS", state::CLIENTS)?;
    module.add("REGISTRY", state::REGISTRY)?;
    module.add_function(wrap_pyfunction!(keccak256, module)?)?;
    module.add_function(wrap_pyfunction!(recover, module)?)?;
    module.add_function(wrap_pyfunction!(recover_many, module)?)?;
    module.add_function(wrap_pyfunction!(merkle_root, module)?)?;
    module.add_function(wrap_pyfunction!(merkle_proof, module)?)?;
    module.add_function(wrap_pyfunction!(prepare_batch, module)?)?;
    module.add_function(wrap_pyfunction!(execute, module)?)?;
    module.add_class::<StateTree>()?;
    module.add_class::<Prepared>()
}
