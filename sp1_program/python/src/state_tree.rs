//! The state as Python holds it: keys and values are bytes.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use zkclob_core::codec::values::{decode_meta, encode_meta};
use zkclob_core::errors::Error;
use zkclob_core::state::State;
use zkclob_core::trie::{Map, Trie};

use crate::value_error;

pub const ACCOUNTS: u8 = 0;
pub const BOOKS: u8 = 1;
pub const CLIENTS: u8 = 2;
pub const REGISTRY: u8 = 3;

type Write = (u8, Vec<u8>, Option<Vec<u8>>);
type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// The four tries and the meta record. The lock is held only to take or put the state, which shares its nodes.
#[pyclass(frozen)]
#[derive(Default)]
pub struct StateTree(Mutex<State>);

/// Calls a function that is generic over maps with the trie of map `$map`.
macro_rules! with_trie {
    ($state:expr, $map:expr, $function:ident ( $($argument:expr),* )) => {
        match $map {
            ACCOUNTS => $function(&mut $state.accounts, $($argument),*),
            BOOKS => $function(&mut $state.books, $($argument),*),
            CLIENTS => $function(&mut $state.clients, $($argument),*),
            REGISTRY => $function(&mut $state.registry, $($argument),*),
            _ => Err(Error::Malformed("number of a map")),
        }
    };
}

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
        let state = self.state();
        py.detach(|| state.root())
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
            for (map, key, value) in writes {
                with_trie!(state, map, write(&key, value.as_deref()))?;
            }
            state.meta = decode_meta(meta)?;
            Ok(state.root())
        });
        let root = root.map_err(|error: Error| value_error(error))?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
        Ok(root)
    }

    fn get(&self, map: u8, key: &[u8]) -> PyResult<Option<Vec<u8>>> {
        let mut state = self.state();
        with_trie!(state, map, read(key)).map_err(value_error)
    }

    fn items(&self, map: u8) -> PyResult<Pairs> {
        let mut state = self.state();
        with_trie!(state, map, pairs()).map_err(value_error)
    }
}

fn decode_key<M: Map>(key: &[u8]) -> Result<M::Key, Error> {
    M::Key::try_from(key).map_err(|_| Error::Malformed("length of a key"))
}

fn write<M: Map>(trie: &mut Trie<M>, key: &[u8], value: Option<&[u8]>) -> Result<(), Error> {
    let key = decode_key::<M>(key)?;
    match value {
        Some(value) => trie.insert(key, M::decode(&key, value)?),
        None => trie.remove(&key),
    }
}

fn read<M: Map>(trie: &mut Trie<M>, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    Ok(trie.get(&decode_key::<M>(key)?)?.map(encode::<M>))
}

fn pairs<M: Map>(trie: &mut Trie<M>) -> Result<Pairs, Error> {
    Ok(trie.items().into_iter().map(|(key, value)| (key.as_ref().to_vec(), encode::<M>(value))).collect())
}

fn encode<M: Map>(value: &M::Value) -> Vec<u8> {
    let mut encoded = Vec::new();
    M::encode(value, &mut encoded);
    encoded
}
