//! The trie against its definition: the root of a set of keys, whatever happened before.

use std::collections::BTreeMap;

use crate::support::Random;
use crate::witness::Node;
use zkclob_core::codec::words::push_bytes;
use zkclob_core::codec::Words;
use zkclob_core::errors::Error;
use zkclob_core::hash::keccak256_concat;
use zkclob_core::state::{Accounts, Books};
use zkclob_core::trie::{Map, Trie};
use zkclob_core::types::*;

/// The root by its definition, from all pairs in order.
fn defined_root<M: Map>(pairs: &[(M::Key, M::Value)]) -> Option<M::Hash> {
    let (first, last) = (pairs.first()?, pairs.last()?);
    if pairs.len() == 1 {
        let mut pair = first.0.as_ref().to_vec();
        M::encode(&first.1, &mut pair);
        let mut words = Vec::new();
        push_bytes(&pair, &mut words);
        return Some(M::leaf_hash(&words, pair.len()));
    }
    let bit_of = |key: &M::Key, bit: u16| key.as_ref()[usize::from(bit / 8)] >> (7 - bit % 8) & 1;
    let bit = (0..).find(|bit| bit_of(&first.0, *bit) != bit_of(&last.0, *bit))?;
    let (left, right) = pairs.split_at(pairs.partition_point(|(key, _)| bit_of(key, bit) == 0));
    Some(M::inner_hash(bit, &defined_root::<M>(left)?, &defined_root::<M>(right)?))
}

fn assert_is<M: Map>(trie: &mut Trie<M>, model: &BTreeMap<M::Key, M::Value>) {
    let pairs: Vec<_> = model.iter().map(|(key, value)| (*key, value.clone())).collect();
    let root = defined_root::<M>(&pairs).map_or([0; 32], |hash| M::hash_to_bytes(&hash));
    assert_eq!(trie.root(), root);
}

/// Keys that share prefixes of many lengths.
fn order_id(random: &mut Random) -> OrderId {
    let mut id = [0; 24];
    (0..1 + random.below(3)).for_each(|_| id[random.below(24) as usize] = 1 << random.below(8));
    id
}

fn order(random: &mut Random) -> RestingOrder {
    RestingOrder {
        owner: [1; 20],
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
        trie.insert(id, order.clone()).unwrap();
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
            trie.insert(id, order.clone()).unwrap();
            model.insert(id, order);
        } else {
            trie.remove(&id).unwrap();
            model.remove(&id);
        }
        assert_eq!(trie.get(&id).unwrap(), model.get(&id));
        if step % 16 == 0 {
            assert_is(&mut trie, &model);
        }
    }
    assert!(trie.items().into_iter().eq(model.iter()));
    for id in model.keys() {
        trie.remove(id).unwrap();
    }
    assert_eq!(trie.root(), [0; 32]);
}

#[test]
fn keccak_maps_hash_as_the_protocol_says() {
    let mut trie = Trie::<Accounts>::default();
    let mut model = BTreeMap::new();
    for i in 0..50_u8 {
        let key = keccak256_concat(&[&[i]])[..20].try_into().unwrap();
        trie.insert(key, account(u64::from(i))).unwrap();
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
            let prefix = &order_id(&mut random)[..random.below(9) as usize];
            let expected = model.iter().find(|(key, _)| key.starts_with(prefix));
            assert_eq!(trie.first(prefix).unwrap(), expected);
        }
    }
}

#[test]
fn the_keys_of_a_prefix_come_in_the_order_of_the_map() {
    let mut random = Random::new(5);
    for size in [0, 1, 2, 5, 40, 200] {
        let (trie, model) = random_books(&mut random, size);
        for _ in 0..200 {
            let prefix = &order_id(&mut random)[..random.below(9) as usize];
            let ascend: Result<Vec<_>, _> = trie.ascend(prefix).collect();
            let expected: Vec<_> = model.iter().filter(|(key, _)| key.starts_with(prefix)).collect();
            assert_eq!(ascend, Ok(expected));
        }
    }
}

#[test]
fn a_copy_does_not_see_later_changes() {
    let (mut trie, model) = random_books(&mut Random::new(3), 20);
    let mut copy = trie.clone();
    copy.get_mut(model.keys().next().unwrap()).unwrap().unwrap().remaining += 1;
    copy.remove(model.keys().last().unwrap()).unwrap();
    assert_is(&mut trie, &model);
    assert_ne!(copy.root(), trie.root());
}

enum Operation {
    Get(OrderId),
    First(OrderId, usize),
    /// So many of those with a prefix of this length.
    Ascend(OrderId, usize, usize),
    Insert(OrderId, RestingOrder),
    Remove(OrderId),
}

fn operation(random: &mut Random) -> Operation {
    let id = order_id(random);
    match random.below(5) {
        0 => Operation::Get(id),
        1 => Operation::First(id, random.below(9) as usize),
        2 => Operation::Ascend(id, random.below(9) as usize, random.below(9) as usize),
        3 => Operation::Insert(id, order(random)),
        _ => Operation::Remove(id),
    }
}

fn apply<R: zkclob_core::trie::Recorder>(
    trie: &mut Trie<Books, R>,
    operation: &Operation,
) -> Result<(), Error> {
    match operation {
        Operation::Get(id) => trie.get(id).map(drop),
        Operation::First(id, length) => trie.first(&id[..*length]).map(drop),
        Operation::Ascend(id, length, count) => {
            trie.ascend(&id[..*length]).take(*count).try_for_each(|pair| pair.map(drop))
        }
        Operation::Insert(id, order) => trie.insert(*id, order.clone()),
        Operation::Remove(id) => trie.remove(id),
    }
}

#[test]
fn a_partial_trie_serves_exactly_what_was_recorded() {
    let mut left_out = 0;
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let size = random.below(40) as usize;
        let (mut trie, model) = random_books(&mut random, size);
        let operations: Vec<_> = (0..random.below(12)).map(|_| operation(&mut random)).collect();
        let mut recorded = trie.recorded();
        operations.iter().for_each(|operation| apply(&mut recorded, operation).unwrap());

        let mut written = Vec::new();
        trie.write_partial(&recorded, &mut written);
        let mut words = Words::new(&mut written);
        let mut partial = Trie::<Books>::read_partial(&mut words).unwrap();
        words.finish().unwrap();
        assert_eq!(partial.root(), trie.root());
        operations.iter().for_each(|operation| apply(&mut partial, operation).unwrap());
        assert_eq!(partial.root(), recorded.root());

        for id in model.keys() {
            match partial.get(id) {
                Err(error) => {
                    assert_eq!(error, Error::NodeLeftOut("books"));
                    left_out += 1;
                }
                Ok(found) => assert_eq!(found, recorded.get(id).unwrap()),
            }
        }
    }
    assert!(left_out > 100);
}

/// A walk stops where it is left, and fails once where a node is missing.
#[test]
fn a_walk_in_a_partial_trie_reaches_as_far_as_it_was_recorded() {
    let (mut trie, model) = random_books(&mut Random::new(6), 60);
    for count in 0..model.len() {
        let recorded = trie.recorded();
        assert_eq!(recorded.ascend(&[]).take(count).count(), count);
        let mut written = Vec::new();
        trie.write_partial(&recorded, &mut written);
        let partial = Trie::<Books>::read_partial(&mut Words::new(&mut written)).unwrap();
        let walked: Vec<_> = partial.ascend(&[]).collect();
        let (last, found) = walked.split_last().unwrap();
        assert_eq!(last, &Err(Error::NodeLeftOut("books")));
        assert!(found.iter().cloned().map(Result::unwrap).eq(model.iter().take(count)));
    }
}

#[test]
fn malformed_partial_tries_are_refused() {
    let leaf = |key: u8| {
        let mut value = Vec::new();
        Books::encode(&order(&mut Random::new(1)), &mut value);
        Node::Leaf { key: vec![key; 24], value }
    };
    let inner = |bit: u16, left: Node, right: Node| Node::Inner { bit, children: Box::new([left, right]) };
    let opaque = |byte: u8| Node::Opaque([byte; 32]);
    let read = |mut words: Vec<u64>| Trie::<Books>::read_partial(&mut Words::new(&mut words)).map(drop);
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
        Node::Leaf { key: vec![0; 23], value: vec![] },
    ] {
        assert!(read(written(wrong)).is_err());
    }
    let right = written(inner(7, leaf(0), leaf(1)));
    assert_eq!(read(right.clone()), Ok(()));
    for length in 0..right.len() {
        assert!(read(right[..length].to_vec()).is_err(), "{length} words");
    }
    // A bit of the header that means nothing, a tag that is none, a length that no memory has.
    for (header, other) in [(right[0], right[0] | 1 << 26), (right[0], 4), (right[1], u64::MAX << 8 | 2)] {
        let changed = right.iter().map(|word| if *word == header { other } else { *word }).collect();
        assert!(read(changed).is_err(), "{other:x}");
    }
}
