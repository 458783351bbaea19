//! The state as Python holds it: keys and values are bytes.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use zkclob_core::codec::values::{decode_meta, encode_meta};
use zkclob_core::errors::Error;
use zkclob_core::state::State;

use crate::{background, value_error};

type Write = (u8, Vec<u8>, Option<Vec<u8>>);
type Roots = ([u8; 32], [u8; 32], [u8; 32], [u8; 32]);

/// The four tries and the meta record. The lock is held only to take or put the state, which shares its nodes.
#[pyclass(frozen)]
#[derive(Default)]
pub struct StateTree(Mutex<State>);

impl StateTree {
    /// A copy, which shares its nodes.
    pub fn state(&self) -> State {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[pymethods]
impl StateTree {
    #[new]
    fn new() -> Self {
        StateTree::default()
    }

    #[getter]
    fn root(&self, py: Python<'_>) -> [u8; 32] {
        let mut state = self.state();
        py.detach(|| state.root())
    }

    /// Of accounts, books, clients and registry.
    #[getter]
    fn roots(&self, py: Python<'_>) -> Roots {
        let mut state = self.state();
        py.detach(|| (state.accounts.root(), state.books.root(), state.clients.root(), state.registry.root()))
    }

    #[getter]
    fn meta(&self) -> Vec<u8> {
        encode_meta(&self.state().meta).to_vec()
    }

    fn copy(&self) -> Self {
        StateTree(Mutex::new(self.state()))
    }

    /// All writes are made, or none if one of them does not decode.
    fn apply(&self, py: Python<'_>, writes: Vec<Write>, meta: &[u8]) -> PyResult<[u8; 32]> {
        let mut state = self.state();
        let root = py.detach(|| {
            background::run(|| {
                for (map, key, value) in writes {
                    state.map(map)?.set(&key, value.as_deref())?;
                }
                state.meta = decode_meta(meta)?;
                Ok(state.root())
            })
        });
        let root = root.map_err(|error: Error| value_error(error))?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
        Ok(root)
    }

    fn get(&self, map: u8, key: &[u8]) -> PyResult<Option<Vec<u8>>> {
        self.state().map(map).and_then(|map| map.get(key)).map_err(value_error)
    }

    fn items(&self, map: u8) -> PyResult<Vec<(Vec<u8>, Vec<u8>)>> {
        Ok(self.state().map(map).map_err(value_error)?.items())
    }
}
