//! The state: four tries and the meta record.

use crate::codec::values::*;
use crate::errors::Error;
use crate::hash::{keccak256_concat, poseidon2, sha256};
#[cfg(not(target_os = "zkvm"))]
use crate::trie::Visited;
use crate::trie::{EncodedMap, Map, Recorder, Trie};
use crate::types::*;

#[derive(Clone, Debug)]
pub struct Accounts;
#[derive(Clone, Debug)]
pub struct Books;
#[derive(Clone, Debug)]
pub struct Clients;
#[derive(Clone, Debug)]
pub struct Registry;

impl Map for Accounts {
    const NAME: &'static str = "accounts";
    type Key = Address;
    type Value = Account;
    type Hash = sha256::Hash;

    fn decode(_key: &Address, value: &[u8]) -> Result<Account, Error> {
        decode_account(value)
    }

    fn encode(value: &Account, out: &mut Vec<u8>) {
        encode_account(value, out);
    }

    fn leaf_hash(pair: &[u64], length: usize) -> sha256::Hash {
        sha256::hash_words(0x10, pair, length)
    }

    fn inner_hash(bit: u16, left: &sha256::Hash, right: &sha256::Hash) -> sha256::Hash {
        sha256::hash_node(0x11, bit, left, right)
    }

    fn hash_to_bytes(hash: &sha256::Hash) -> Digest {
        hash.to_bytes()
    }

    fn hash_from_words(words: &[u64; 4]) -> Option<sha256::Hash> {
        Some(sha256::Hash::from_words(words))
    }

    fn hash_to_words(hash: &sha256::Hash) -> [u64; 4] {
        hash.to_words()
    }
}

/// A map hashed with Poseidon2 under its two tags.
macro_rules! poseidon2_map {
    ($map:ident, $name:literal, $key:ty, $value:ty, $leaf:literal, $inner:literal, $decode:expr, $encode:expr) => {
        impl Map for $map {
            const NAME: &'static str = $name;
            type Key = $key;
            type Value = $value;
            type Hash = poseidon2::Digest;

            fn decode(key: &$key, value: &[u8]) -> Result<$value, Error> {
                $decode(key, value)
            }

            fn encode(value: &$value, out: &mut Vec<u8>) {
                $encode(value, out);
            }

            fn leaf_hash(pair: &[u64], length: usize) -> poseidon2::Digest {
                poseidon2::hash_words($leaf, pair, length)
            }

            fn inner_hash(
                bit: u16,
                left: &poseidon2::Digest,
                right: &poseidon2::Digest,
            ) -> poseidon2::Digest {
                poseidon2::hash_node($inner, bit, left, right)
            }

            fn hash_to_bytes(hash: &poseidon2::Digest) -> Digest {
                hash.to_bytes()
            }

            fn hash_from_words(words: &[u64; 4]) -> Option<poseidon2::Digest> {
                poseidon2::Digest::from_words(words)
            }

            fn hash_to_words(hash: &poseidon2::Digest) -> [u64; 4] {
                hash.to_words()
            }
        }
    };
}

poseidon2_map!(
    Books,
    "books",
    OrderId,
    RestingOrder,
    0x20,
    0x21,
    |_, value| decode_order(value),
    encode_order
);
poseidon2_map!(Clients, "clients", ClientKey, OrderId, 0x30, 0x31, decode_order_id, encode_order_id);
poseidon2_map!(Registry, "registry", RegistryKey, Listing, 0x40, 0x41, decode_listing, encode_listing);

fn decode_order_id(_key: &ClientKey, value: &[u8]) -> Result<OrderId, Error> {
    value.try_into().map_err(|_| Error::Malformed("length of an order id"))
}

fn encode_order_id(order_id: &OrderId, out: &mut Vec<u8>) {
    out.extend_from_slice(order_id);
}

/// The whole state, or the part of it that a witness holds.
#[derive(Default)]
pub struct State<R = ()> {
    pub meta: Meta,
    pub accounts: Trie<Accounts, R>,
    pub books: Trie<Books, R>,
    pub clients: Trie<Clients, R>,
    pub registry: Trie<Registry, R>,
}

#[cfg(not(target_os = "zkvm"))]
impl Clone for State {
    fn clone(&self) -> Self {
        State {
            meta: self.meta.clone(),
            accounts: self.accounts.clone(),
            books: self.books.clone(),
            clients: self.clients.clone(),
            registry: self.registry.clone(),
        }
    }
}

/// Numbers of the maps, as they are outside of this crate.
pub const ACCOUNTS: u8 = 0;
pub const BOOKS: u8 = 1;
pub const CLIENTS: u8 = 2;
pub const REGISTRY: u8 = 3;

impl State {
    /// The map of this number.
    pub fn map(&mut self, number: u8) -> Result<&mut dyn EncodedMap, Error> {
        match number {
            ACCOUNTS => Ok(&mut self.accounts),
            BOOKS => Ok(&mut self.books),
            CLIENTS => Ok(&mut self.clients),
            REGISTRY => Ok(&mut self.registry),
            _ => Err(Error::Malformed("number of a map")),
        }
    }

    /// The same state, with every access to its tries recorded from here on; see [`Trie::recorded`].
    #[cfg(not(target_os = "zkvm"))]
    pub fn recorded(&mut self) -> State<Visited> {
        State {
            meta: self.meta.clone(),
            accounts: self.accounts.recorded(),
            books: self.books.recorded(),
            clients: self.clients.recorded(),
            registry: self.registry.recorded(),
        }
    }
}

impl<R: Recorder> State<R> {
    /// The state root. Hashes what changed.
    pub fn root(&mut self) -> Digest {
        let meta_hash = keccak256_concat(&[&[0x50], &encode_meta(&self.meta)]);
        keccak256_concat(&[
            &[0x60],
            &self.accounts.root(),
            &self.books.root(),
            &self.clients.root(),
            &self.registry.root(),
            &meta_hash,
        ])
    }

    pub fn token(&self, token: u32) -> Result<Option<&Token>, Error> {
        match self.registry.get(&registry_key(TOKEN_KIND, token))? {
            Some(Listing::Token(token)) => Ok(Some(token)),
            Some(Listing::Market(_)) => Err(Error::Inconsistent("a market under a token's key")),
            None => Ok(None),
        }
    }

    pub fn market(&self, market: u32) -> Result<Option<&Market>, Error> {
        match self.registry.get(&registry_key(MARKET_KIND, market))? {
            Some(Listing::Market(market)) => Ok(Some(market)),
            Some(Listing::Token(_)) => Err(Error::Inconsistent("a token under a market's key")),
            None => Ok(None),
        }
    }

    /// A market that something in the state names.
    pub fn listed_market(&self, market: u32) -> Result<&Market, Error> {
        self.market(market)?.ok_or(Error::Inconsistent(NO_MARKET))
    }

    pub fn market_mut(&mut self, market: u32) -> Result<&mut Market, Error> {
        match self.registry.get_mut(&registry_key(MARKET_KIND, market))? {
            Some(Listing::Market(market)) => Ok(market),
            _ => Err(Error::Inconsistent(NO_MARKET)),
        }
    }

    pub fn account(&self, address: &Address) -> Result<&Account, Error> {
        self.accounts.get(address)?.ok_or(Error::Inconsistent(NO_ACCOUNT))
    }

    pub fn account_mut(&mut self, address: &Address) -> Result<&mut Account, Error> {
        self.accounts.get_mut(address)?.ok_or(Error::Inconsistent(NO_ACCOUNT))
    }
}

const NO_ACCOUNT: &str = "an account that holds something does not exist";
const NO_MARKET: &str = "a market that orders name is not listed";
