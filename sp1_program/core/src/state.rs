//! The state: four tries and the meta record.

use crate::codec::bytes::to_words;
use crate::codec::values::*;
use crate::codec::Writer;
use crate::errors::Error;
use crate::hash::{keccak256_concat, poseidon2, sha256};
use crate::trie::{EncodedMap, Map, Recorder, Trie, Visited};
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
    const KEY_LENGTH: usize = Address::LENGTH;
    type KeyWords = [u64; 3];
    type Value = Account;
    type Hash = sha256::Hash;
    const LEAF: u8 = 0x10;
    const INNER: u8 = 0x11;

    fn decode(_key: &Address, value: &[u8]) -> Result<Account, Error> {
        decode_account(value)
    }

    fn encode(value: &Account, out: &mut Writer) {
        encode_account(value, out);
    }

    fn words(key: &Address) -> [u64; 3] {
        *key.words()
    }
}

/// A map hashed with Poseidon2 under its two tags.
macro_rules! poseidon2_map {
    ($map:ident, $name:literal, $key:ty, $words:expr, $value:ty, $leaf:literal, $inner:literal, $decode:expr, $encode:expr) => {
        impl Map for $map {
            const NAME: &'static str = $name;
            type Key = $key;
            const KEY_LENGTH: usize = size_of::<$key>();
            type KeyWords = [u64; Self::KEY_LENGTH.div_ceil(8)];
            type Value = $value;
            type Hash = poseidon2::Digest;
            const LEAF: u8 = $leaf;
            const INNER: u8 = $inner;

            fn decode(key: &$key, value: &[u8]) -> Result<$value, Error> {
                $decode(key, value)
            }

            fn encode(value: &$value, out: &mut Writer) {
                $encode(value, out);
            }

            fn words(key: &$key) -> Self::KeyWords {
                $words(key)
            }
        }
    };
}

poseidon2_map!(
    Books,
    "books",
    OrderId,
    |id: &OrderId| id.0,
    RestingOrder,
    0x20,
    0x21,
    |_, value| decode_order(value),
    encode_order
);
poseidon2_map!(
    Clients,
    "clients",
    ClientKey,
    to_words,
    OrderId,
    0x30,
    0x31,
    decode_order_id,
    encode_order_id
);
poseidon2_map!(
    Registry,
    "registry",
    RegistryKey,
    to_words,
    Listing,
    0x40,
    0x41,
    decode_listing,
    encode_listing
);

fn decode_order_id(_key: &ClientKey, value: &[u8]) -> Result<OrderId, Error> {
    value.try_into().map_err(|_| Error::Malformed("length of an order id"))
}

fn encode_order_id(order_id: &OrderId, out: &mut Writer) {
    out.words(&order_id.0);
}

/// A map as the transition uses it. Every access fails where it needs a node that a witness leaves out.
pub trait Table<M: Map> {
    /// The Merkle root; 32 zero bytes for the empty map. Hashes what changed.
    fn root(&mut self) -> Digest;
    fn get(&self, key: &M::Key) -> Result<Option<&M::Value>, Error>;
    fn get_mut(&mut self, key: &M::Key) -> Result<Option<&mut M::Value>, Error>;
    /// Adds a pair, or replaces the value of a key that is there.
    fn insert(&mut self, key: M::Key, value: M::Value) -> Result<(), Error>;
    /// Takes a key out. Nothing if it is not there.
    fn remove(&mut self, key: &M::Key) -> Result<(), Error>;
}

/// The books, in the same way. Orders are given out as copies.
pub trait OrderBook {
    fn root(&mut self) -> Digest;
    fn get(&mut self, id: &OrderId) -> Result<Option<RestingOrder>, Error>;
    /// The best order of a book, on one side of a market, if there is one and its price key is wanted.
    fn first(
        &mut self,
        book: u64,
        wanted: impl FnOnce(u64) -> bool,
    ) -> Result<Option<(OrderId, RestingOrder)>, Error>;
    /// The orders of a book, best first.
    fn ascend(&self, book: u64) -> impl Iterator<Item = Result<(OrderId, RestingOrder), Error>>;
    fn insert(&mut self, id: OrderId, order: RestingOrder) -> Result<(), Error>;
    /// Changes an order. Says whether it is there.
    fn change(&mut self, id: &OrderId, change: impl FnOnce(&mut RestingOrder)) -> Result<bool, Error>;
    fn remove(&mut self, id: &OrderId) -> Result<(), Error>;
}

/// How a state holds its maps: whole, whole and recorded, or in part.
pub trait Store {
    type Table<M: Map>: Table<M>;
    type Orders: OrderBook;
}

impl<R: Recorder> Store for R {
    type Table<M: Map> = Trie<M, R>;
    type Orders = Trie<Books, R>;
}

impl<M: Map, R: Recorder> Table<M> for Trie<M, R> {
    fn root(&mut self) -> Digest {
        self.root()
    }

    fn get(&self, key: &M::Key) -> Result<Option<&M::Value>, Error> {
        Ok(self.get(key))
    }

    fn get_mut(&mut self, key: &M::Key) -> Result<Option<&mut M::Value>, Error> {
        Ok(self.get_mut(key))
    }

    fn insert(&mut self, key: M::Key, value: M::Value) -> Result<(), Error> {
        self.insert(key, value);
        Ok(())
    }

    fn remove(&mut self, key: &M::Key) -> Result<(), Error> {
        self.remove(key);
        Ok(())
    }
}

impl<R: Recorder> OrderBook for Trie<Books, R> {
    fn root(&mut self) -> Digest {
        self.root()
    }

    fn get(&mut self, id: &OrderId) -> Result<Option<RestingOrder>, Error> {
        Ok(Trie::get(self, id).cloned())
    }

    fn first(
        &mut self,
        book: u64,
        wanted: impl FnOnce(u64) -> bool,
    ) -> Result<Option<(OrderId, RestingOrder)>, Error> {
        let wanted = |id: &OrderId| wanted(id.price_key());
        Ok(Trie::first(self, &book.to_be_bytes(), wanted).map(copied))
    }

    fn ascend(&self, book: u64) -> impl Iterator<Item = Result<(OrderId, RestingOrder), Error>> {
        self.ascend(&book.to_be_bytes()).map(|pair| Ok(copied(pair)))
    }

    fn insert(&mut self, id: OrderId, order: RestingOrder) -> Result<(), Error> {
        self.insert(id, order);
        Ok(())
    }

    fn change(&mut self, id: &OrderId, change: impl FnOnce(&mut RestingOrder)) -> Result<bool, Error> {
        Ok(self.get_mut(id).map(change).is_some())
    }

    fn remove(&mut self, id: &OrderId) -> Result<(), Error> {
        self.remove(id);
        Ok(())
    }
}

fn copied((id, order): (&OrderId, &RestingOrder)) -> (OrderId, RestingOrder) {
    (*id, order.clone())
}

/// The whole state, or the part of it that a witness holds.
pub struct State<S: Store = ()> {
    pub meta: Meta,
    pub accounts: S::Table<Accounts>,
    pub books: S::Orders,
    pub clients: S::Table<Clients>,
    pub registry: S::Table<Registry>,
}

impl Default for State {
    fn default() -> Self {
        State {
            meta: Meta::default(),
            accounts: Trie::default(),
            books: Trie::default(),
            clients: Trie::default(),
            registry: Trie::default(),
        }
    }
}

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

impl<S: Store> State<S> {
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
