//! The trie against its definition: the root of a set of keys, whatever happened before.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::Random;
use crate::witness::Node;
use zkclob_core::codec::cast::as_bytes;
use zkclob_core::codec::Writer;
use zkclob_core::errors::Error;
use zkclob_core::hash::{keccak256_concat, TrieHash};
use zkclob_core::partial::{Nodes, PartialOrders, PartialTable};
use zkclob_core::state::{Accounts, Books, Clients, OrderBook, Table};
use zkclob_core::trie::{Map, Trie, Visited};
use zkclob_core::types::*;

/// The root by its definition, from all pairs in order.
fn defined_root<M: Map>(pairs: &[(M::Key, M::Value)]) -> Option<M::Hash> {
    let (first, last) = (pairs.first()?, pairs.last()?);
    if pairs.len() == 1 {
        let mut buffer = Writer::default();
        let (words, length) = buffer.write(|out| {
            out.bytes(first.0.as_ref());
            M::encode(&first.1, out);
        });
        return Some(M::Hash::of_leaf(M::LEAF, words, length));
    }
    let bit_of = |key: &M::Key, bit: u16| key.as_ref()[usize::from(bit / 8)] >> (7 - bit % 8) & 1;
    let bit = (0..).find(|bit| bit_of(&first.0, *bit) != bit_of(&last.0, *bit))?;
    let (left, right) = pairs.split_at(pairs.partition_point(|(key, _)| bit_of(key, bit) == 0));
    Some(M::Hash::of_inner(M::INNER, bit, &defined_root::<M>(left)?, &defined_root::<M>(right)?))
}

fn assert_is<M: Map>(trie: &mut Trie<M>, model: &BTreeMap<M::Key, M::Value>) {
    let pairs: Vec<_> = model.iter().map(|(key, value)| (*key, value.clone())).collect();
    let root = defined_root::<M>(&pairs).map_or([0; 32], TrieHash::to_bytes);
    assert_eq!(trie.root(), root);
}

/// Keys that share prefixes of many lengths.
fn order_id(random: &mut Random) -> OrderId {
    let mut id = [0; 24];
    (0..1 + random.below(3)).for_each(|_| id[random.below(24) as usize] = 1 << random.below(8));
    id.into()
}

fn order(random: &mut Random) -> RestingOrder {
    RestingOrder {
        owner: Address::new([1; 20]),
        remaining: 1 + random.below(9),
        expiry: 0,
        time_in_force: TimeInForce::Gtc,
        client_order_id: 0,
    }
}

fn account(nonce: u64) -> Account {
    Account { lanes: vec![Lane { lane: 0, top: nonce + 1, window: 1 }], ..Account::default() }
}

/// A trie of random orders, and the model of it.
fn random_books(random: &mut Random, size: usize) -> (Trie<Books>, BTreeMap<OrderId, RestingOrder>) {
    let (mut trie, mut model) = (Trie::default(), BTreeMap::new());
    for _ in 0..size {
        let (id, order) = (order_id(random), order(random));
        trie.insert(id, order.clone());
        model.insert(id, order);
    }
    (trie, model)
}

#[test]
fn any_sequence_of_changes_gives_the_root_of_the_pairs_that_are_left() {
    let mut random = Random::new(1);
    let (mut trie, mut model) = random_books(&mut random, 0);
    for step in 0..2_000 {
        let id = order_id(&mut random);
        if random.below(5) < 3 {
            let order = order(&mut random);
            trie.insert(id, order.clone());
            model.insert(id, order);
        } else {
            trie.remove(&id);
            model.remove(&id);
        }
        assert_eq!(trie.get(&id), model.get(&id));
        if step % 16 == 0 {
            assert_is(&mut trie, &model);
        }
    }
    assert!(trie.items().into_iter().eq(model.iter()));
    for id in model.keys() {
        trie.remove(id);
    }
    assert_eq!(trie.root(), [0; 32]);
}

#[test]
fn sha256_maps_hash_as_the_protocol_says() {
    let mut trie = Trie::<Accounts>::default();
    let mut model = BTreeMap::new();
    for i in 0..50_u8 {
        let key = keccak256_concat(&[&[i]])[..20].try_into().unwrap();
        trie.insert(key, account(u64::from(i)));
        model.insert(key, account(u64::from(i)));
    }
    assert_is(&mut trie, &model);
}

#[test]
fn the_first_key_of_a_prefix_is_that_of_the_ordered_map() {
    let mut random = Random::new(2);
    for size in [0, 1, 2, 5, 40] {
        let (trie, model) = random_books(&mut random, size);
        for _ in 0..200 {
            let prefix = &order_id(&mut random).to_bytes()[..random.below(9) as usize];
            let expected = model.iter().find(|(key, _)| key.as_ref().starts_with(prefix));
            assert_eq!(trie.first(prefix, |_| true), expected);
        }
    }
}

#[test]
fn the_keys_of_a_prefix_come_in_the_order_of_the_map() {
    let mut random = Random::new(5);
    for size in [0, 1, 2, 5, 40, 200] {
        let (trie, model) = random_books(&mut random, size);
        for _ in 0..200 {
            let prefix = &order_id(&mut random).to_bytes()[..random.below(9) as usize];
            let ascend: Vec<_> = trie.ascend(prefix).collect();
            let expected: Vec<_> = model.iter().filter(|(key, _)| key.as_ref().starts_with(prefix)).collect();
            assert_eq!(ascend, expected);
        }
    }
}

#[test]
fn a_copy_does_not_see_later_changes() {
    let (mut trie, model) = random_books(&mut Random::new(3), 20);
    let mut copy = trie.clone();
    copy.get_mut(model.keys().next().unwrap()).unwrap().remaining += 1;
    copy.remove(model.keys().last().unwrap());
    assert_is(&mut trie, &model);
    assert_ne!(copy.root(), trie.root());
}

enum Operation {
    Get(OrderId),
    First(u64),
    /// So many orders of a book.
    Ascend(u64, usize),
    Insert(OrderId, RestingOrder),
    /// To so many lots.
    Change(OrderId, u64),
    Remove(OrderId),
}

/// Ids of which every second is one of a few, so that they meet, in one of a few books.
fn few_ids(random: &mut Random) -> OrderId {
    if random.below(2) == 0 {
        return order_id(random);
    }
    OrderId::new(1 << random.below(3), random.below(6), random.below(3))
}

fn operation(random: &mut Random) -> Operation {
    let id = few_ids(random);
    match random.below(8) {
        0 => Operation::Get(id),
        1 | 2 => Operation::First(id.book()),
        3 => Operation::Ascend(id.book(), random.below(9) as usize),
        4 | 5 => Operation::Insert(id, order(random)),
        6 => Operation::Change(id, 1 + random.below(9)),
        _ => Operation::Remove(id),
    }
}

type Found = Vec<(OrderId, RestingOrder)>;

/// What the operation finds.
fn apply(books: &mut impl OrderBook, operation: &Operation) -> Result<Found, Error> {
    match operation {
        Operation::Get(id) => Ok(books.get(id)?.map(|order| (*id, order)).into_iter().collect()),
        Operation::First(book) => Ok(books.first(*book, |_| true)?.into_iter().collect()),
        Operation::Ascend(book, count) => books.ascend(*book).take(*count).collect(),
        Operation::Insert(id, order) => books.insert(*id, order.clone()).map(|()| Vec::new()),
        Operation::Change(id, lots) => {
            let changed = books.change(id, |order| order.remaining = *lots)?;
            Ok(if changed { vec![(*id, books.get(id)?.unwrap())] } else { Vec::new() })
        }
        Operation::Remove(id) => books.remove(id).map(|()| Vec::new()),
    }
}

/// What a witness holds of a trie.
fn written<M: Map>(trie: &Trie<M>, recorded: &Trie<M, Visited>) -> Vec<u64> {
    let mut words = Vec::new();
    trie.write_partial(recorded, &mut words);
    words
}

fn read_orders(words: &mut [u64]) -> Result<PartialOrders<'_>, Error> {
    let mut nodes = Nodes::new(words);
    let partial = PartialOrders::read(&mut nodes)?;
    nodes.finish()?;
    Ok(partial)
}

#[test]
fn a_partial_trie_serves_exactly_what_was_recorded() {
    let mut left_out = 0;
    for seed in 0..1_000 {
        let mut random = Random::new(seed);
        let mut trie = Trie::<Books>::default();
        let mut ids: Vec<OrderId> = (0..random.below(40)).map(|_| few_ids(&mut random)).collect();
        ids.iter().for_each(|id| trie.insert(*id, order(&mut random)));
        ids.sort();
        let operations: Vec<_> = (0..random.below(24)).map(|_| operation(&mut random)).collect();
        let mut recorded = trie.recorded();
        let found: Vec<_> = operations.iter().map(|operation| apply(&mut recorded, operation)).collect();

        let mut words = written(&trie, &recorded);
        let mut partial = read_orders(&mut words).unwrap();
        assert_eq!(partial.root(), trie.root());
        for (operation, found) in operations.iter().zip(&found) {
            assert_eq!(apply(&mut partial, operation), *found);
        }
        assert_eq!(partial.root(), recorded.root());

        for id in &ids {
            match partial.get(id) {
                Err(error) => {
                    assert_eq!(error, Error::NodeLeftOut("books"));
                    left_out += 1;
                }
                Ok(found) => assert_eq!(found.as_ref(), recorded.get(id)),
            }
        }
    }
    assert!(left_out > 100);
}

/// A best order is remembered: whatever comes before it, goes or changes, it is that of the map.
#[test]
fn the_first_order_of_a_book_is_that_of_the_ordered_map() {
    let mut random = Random::new(8);
    let mut words = [0];
    let mut partial = read_orders(&mut words).unwrap();
    let mut model = BTreeMap::<OrderId, RestingOrder>::new();
    for _ in 0..20_000 {
        let id = OrderId::new(random.below(20), random.below(4), random.below(2));
        match random.below(4) {
            0 | 1 => {
                let order = order(&mut random);
                partial.insert(id, order.clone()).unwrap();
                model.insert(id, order);
            }
            2 => {
                partial.remove(&id).unwrap();
                model.remove(&id);
            }
            _ => {
                let changed = partial.change(&id, |order| order.remaining += 1).unwrap();
                model.entry(id).and_modify(|order| order.remaining += 1);
                assert_eq!(changed, model.contains_key(&id));
            }
        }
        let first = model.iter().find(|(first, _)| first.book() == id.book());
        let expected = first.map(|(id, order)| (*id, order.clone()));
        assert_eq!(partial.first(id.book(), |_| true), Ok(expected));
        let price_key = first.map(|(id, _)| id.price_key());
        assert_eq!(partial.first(id.book(), |key| Some(key) != price_key), Ok(None));
    }
}

/// Entries of a table are remembered too.
#[test]
fn a_partial_table_is_the_map() {
    let mut random = Random::new(9);
    let mut words = [0];
    let mut partial = PartialTable::<Clients>::read(&mut Nodes::new(&mut words)).unwrap();
    let mut model = BTreeMap::new();
    for _ in 0..20_000 {
        let mut key = [0; 36];
        (0..2).for_each(|_| key[random.below(36) as usize] = random.below(3) as u8);
        let id = order_id(&mut random);
        match random.below(4) {
            0 => {
                partial.insert(key, id).unwrap();
                model.insert(key, id);
            }
            1 => {
                partial.remove(&key).unwrap();
                model.remove(&key);
            }
            2 => {
                if let Some(value) = partial.get_mut(&key).unwrap() {
                    *value = id;
                    model.insert(key, id);
                }
            }
            _ => {}
        }
        assert_eq!(partial.get(&key), Ok(model.get(&key)));
    }
    let pairs: Vec<_> = model.into_iter().collect();
    assert_eq!(partial.root(), defined_root::<Clients>(&pairs).unwrap().to_bytes());
}

/// A walk stops where it is left, and fails once where a node is missing.
#[test]
fn a_walk_in_a_partial_trie_reaches_as_far_as_it_was_recorded() {
    let mut random = Random::new(6);
    let mut trie = Trie::<Books>::default();
    let ids: BTreeSet<OrderId> =
        (0..60).map(|_| OrderId::new(3, random.below(9), random.below(1 << 40))).collect();
    ids.iter().for_each(|id| trie.insert(*id, order(&mut random)));
    for count in 0..ids.len() {
        let recorded = trie.recorded();
        assert_eq!(recorded.ascend(&[]).take(count).count(), count);
        let mut words = written(&trie, &recorded);
        let partial = read_orders(&mut words).unwrap();
        let walked: Vec<_> = partial.ascend(3).collect();
        let (last, found) = walked.split_last().unwrap();
        assert_eq!(last, &Err(Error::NodeLeftOut("books")));
        assert!(found.iter().map(|pair| pair.as_ref().unwrap().0).eq(ids.iter().take(count).copied()));
    }
}

#[test]
fn malformed_partial_tries_are_refused() {
    let leaf = |key: u8| {
        let mut buffer = Writer::default();
        let (words, length) = buffer.write(|out| Books::encode(&order(&mut Random::new(1)), out));
        let value = as_bytes(words, length).to_vec();
        Node::Leaf { used: true, key: vec![key; 24], value }
    };
    let inner = |bit: u16, left: Node, right: Node| Node::Inner { bit, children: Box::new([left, right]) };
    let opaque = |byte: u8| Node::Opaque([byte; 32]);
    let read = |mut words: Vec<u64>| PartialOrders::read(&mut Nodes::new(&mut words)).map(drop);
    let written = |node: Node| {
        let mut words = Vec::new();
        node.write(&mut words);
        words
    };

    assert_eq!(read(written(inner(7, inner(9, leaf(0), opaque(1)), leaf(1)))), Ok(()));
    for wrong in [
        inner(7, inner(7, leaf(0), opaque(1)), leaf(1)),
        inner(7, leaf(0), inner(3, leaf(1), opaque(1))),
        inner(192, leaf(0), leaf(1)),
        inner(u16::MAX, leaf(0), leaf(1)),
        inner(7, leaf(0), Node::Empty),
        inner(7, leaf(0), opaque(0xff)),
        Node::Leaf { used: true, key: vec![0; 23], value: vec![] },
        Node::Leaf { used: true, key: vec![0; 24], value: vec![0; 54] },
    ] {
        assert!(read(written(wrong)).is_err());
    }
    let right = written(inner(7, leaf(0), leaf(1)));
    assert_eq!(read(right.clone()), Ok(()));
    for length in 0..right.len() {
        assert!(read(right[..length].to_vec()).is_err(), "{length} words");
    }
    // A bit of the header that means nothing, a tag that is none, a length that no memory has.
    for (header, other) in [(right[0], right[0] | 1 << 26), (right[0], 5), (right[1], u64::MAX << 8 | 2)] {
        let changed = right.iter().map(|word| if *word == header { other } else { *word }).collect();
        assert!(read(changed).is_err(), "{other:x}");
    }
}
