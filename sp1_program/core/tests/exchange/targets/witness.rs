//! Witnesses of a hostile host. Any of them is refused or proves something that is a function of the state before, the
//! exchange, the data and the inbox: two witnesses that prove different things of the same four break the proof system.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use zkclob_core::execute;

use crate::support::*;
use crate::targets::transition;
use crate::witness::{Node, Witness};

/// Domain separator, previous root, inbox hash and data hash: what the contract fills in from its own storage.
type Asked = [[u8; 32]; 4];

/// How many answers are remembered.
const REMEMBERED: usize = 1 << 16;

static PROVEN: LazyLock<Mutex<HashMap<Asked, [u8; 448]>>> = LazyLock::new(Mutex::default);

/// Honest witnesses to start from.
pub static HONEST: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut witnesses = vec![busy_exchange().prepare().unwrap().witness];
    for seed in 0..4 {
        transition::play(&random_bytes(seed), |prepared| witnesses.push(prepared.witness.clone()));
    }
    assert!(witnesses.iter().all(|witness| run(witness)));
    witnesses
});

fn asked(public_values: &[u8; 448]) -> Asked {
    let (words, _) = public_values.as_chunks();
    [words[0], words[1], words[4], words[6]]
}

/// Says whether the witness proves anything.
pub fn run(bytes: &[u8]) -> bool {
    let Ok(public_values) = execute(bytes) else { return false };
    let mut proven = PROVEN.lock().unwrap();
    let asked = asked(&public_values);
    match proven.get(&asked) {
        Some(before) => assert_eq!(*before, public_values, "two proofs of one question"),
        None if proven.len() < REMEMBERED => drop(proven.insert(asked, public_values)),
        None => {}
    }
    true
}

/// A witness with one to four changes that a host could think of. Bytes that are no witness become an honest one.
pub fn mutate(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let honest = || Witness::decode(&HONEST[0]).unwrap();
    let mut witness = Witness::decode(bytes).unwrap_or_else(|_| honest());
    if random.below(16) == 0 {
        let other = &HONEST[random.below(HONEST.len() as u64) as usize];
        witness = Witness::decode(other).unwrap();
    }
    for _ in 0..1 + random.below(4) {
        change(&mut witness, random);
    }
    witness.encode()
}

fn change(witness: &mut Witness, random: &mut Random) {
    match random.below(16) {
        0 if random.below(3) == 0 => flip(&mut witness.separator, random),
        0 if random.below(2) == 0 => change_carrier(witness, random),
        0 => flip(&mut witness.meta, random),
        1 => flip(&mut witness.data, random),
        2 => rearrange(&mut witness.data, random),
        3 => rearrange(&mut witness.inbox, random),
        4 => flip(pick(&mut witness.inbox, random).map_or(&mut [], Vec::as_mut_slice), random),
        5 => rearrange(&mut witness.removed, random),
        6 => flip(witness.removed.as_flattened_mut(), random),
        7 => rearrange(&mut witness.keys, random),
        8 => move_keys(witness, random),
        9 => rearrange(&mut witness.signatures, random),
        10 => {
            let keys = witness.keys.len() as u64 + 1;
            if let Some(signature) = pick(&mut witness.signatures, random) {
                match random.below(4) {
                    0 => signature.key = random.below(keys),
                    _ => flip(signature.numbers.as_flattened_mut(), random),
                }
            }
        }
        _ => change_trie(witness, random),
    }
}

/// Names blobs that may be too many or others, or none.
fn change_carrier(witness: &mut Witness, random: &mut Random) {
    match random.below(3) {
        0 => witness.versioned_hashes.push([random.below(4) as u8; 32]),
        1 => flip(witness.versioned_hashes.as_flattened_mut(), random),
        _ => rearrange(&mut witness.versioned_hashes, random),
    }
}

/// Changes a bit, or sets a byte to an extreme.
fn flip(bytes: &mut [u8], random: &mut Random) {
    if let Some(byte) = pick(bytes, random) {
        *byte = match random.below(4) {
            0 => 0,
            1 => 0xff,
            _ => *byte ^ 1 << random.below(8),
        };
    }
}

/// One of the items, if there are any.
fn pick<'a, T>(items: &'a mut [T], random: &mut Random) -> Option<&'a mut T> {
    let length = items.len().max(1) as u64;
    items.get_mut(random.below(length) as usize)
}

/// Leaves one out, repeats one or exchanges two.
fn rearrange<T: Clone>(items: &mut Vec<T>, random: &mut Random) {
    let length = items.len() as u64;
    if length == 0 {
        return;
    }
    let [a, b] = [length; 2].map(|bound| random.below(bound) as usize);
    match random.below(3) {
        0 => drop(items.remove(a)),
        1 => items.insert(b, items[a].clone()),
        _ => items.swap(a, b),
    }
}

/// The keys in another order, and the signatures changed with them: nothing is wrong but the order.
fn move_keys(witness: &mut Witness, random: &mut Random) {
    let length = witness.keys.len();
    if length > 0 {
        let by = random.below(length as u64) as usize;
        witness.keys.rotate_left(by);
        for signature in &mut witness.signatures {
            signature.key = ((signature.key as usize + length - by) % length) as u64;
        }
    }
}

fn change_trie(witness: &mut Witness, random: &mut Random) {
    let trie = random.below(4) as usize;
    let root = &mut witness.tries[trie];
    let size = root.size() as u64;
    let other = root.nth(random.below(size) as usize).clone();
    match random.below(4) {
        // Values exchanged between leaves, or keys.
        0 => {
            let mut leaves = root.leaves();
            let length = leaves.len().max(1) as u64;
            let [a, b] = [length; 2].map(|bound| random.below(bound) as usize);
            if let Ok([(key_a, value_a), (key_b, value_b)]) = leaves.get_disjoint_mut([a, b]) {
                match random.below(3) {
                    0 => std::mem::swap(*key_a, *key_b),
                    1 => std::mem::swap(*value_a, *value_b),
                    _ => (*value_a).clone_from(value_b),
                }
            }
        }
        1 => {
            if let Some((key, value)) = pick(&mut root.leaves(), random) {
                flip(if random.below(3) == 0 { key } else { value }, random);
            }
        }
        _ => change_node(root.nth(random.below(size) as usize), trie, other, random),
    }
}

fn change_node(node: &mut Node, trie: usize, other: Node, random: &mut Random) {
    match random.below(6) {
        // The root stays.
        0 => *node = node.hash(trie).map_or(Node::Empty, Node::Opaque),
        1 => *node = other,
        2 => *node = Node::Empty,
        3 => *node = Node::Inner { bit: random.below(288) as u16, children: Box::new([node.clone(), other]) },
        _ => match node {
            Node::Inner { bit, children } => match random.below(3) {
                0 => children.swap(0, 1),
                1 => *bit = random.below(288) as u16,
                _ => *node = children[random.below(2) as usize].clone(),
            },
            Node::Leaf { used, .. } => *used = !*used,
            _ => {}
        },
    }
}
