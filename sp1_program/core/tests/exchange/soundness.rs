//! What of `docs/soundness.md` needs no guest: see `tests/guest/test_soundness.py` for the rest.

use std::collections::HashSet;

use zkclob_core::hash::poseidon2::Transcript;

/// A transcript's shape and what it absorbs.
#[derive(Clone)]
struct Absorbed {
    tag: u8,
    counts: [u32; 2],
    parts: Vec<([u64; 8], bool)>,
}

impl Absorbed {
    fn coefficient(&self) -> u128 {
        let mut transcript = Transcript::new(self.tag, self.counts);
        for (words, bit) in &self.parts {
            transcript.absorb(words, *bit);
        }
        transcript.squeeze()
    }
}

/// Each bit, their order and the shape: a host that changes anything gets other coefficients.
#[test]
fn s23_everything_in_a_transcript_changes_the_coefficients() {
    let first = ([1, 2, 3, 4, 5, 6, 7, 8], false);
    let second = ([u64::MAX; 8], true);
    let right = Absorbed { tag: 0x80, counts: [1, 1], parts: vec![first, second] };
    let mut all = vec![right.clone()];
    for part in 0..2 {
        for bit in 0..512 {
            let mut changed = right.clone();
            changed.parts[part].0[bit / 64] ^= 1 << (bit % 64);
            all.push(changed);
        }
        let mut changed = right.clone();
        changed.parts[part].1 ^= true;
        all.push(changed);
    }
    all.push(Absorbed { tag: 0x81, ..right.clone() });
    all.push(Absorbed { counts: [2, 1], ..right.clone() });
    all.push(Absorbed { counts: [1, 2], ..right.clone() });
    all.push(Absorbed { parts: vec![second, first], ..right.clone() });
    all.push(Absorbed { parts: vec![first], ..right.clone() });
    let coefficients: HashSet<u128> = all.iter().map(Absorbed::coefficient).collect();
    assert_eq!(coefficients.len(), all.len());
}

/// One after the other is squeezed from the same transcript, and none is another one's.
#[test]
fn s23_coefficients_differ() {
    let mut transcript = Transcript::new(0x80, [0, 1_000]);
    let coefficients: HashSet<u128> = (0..1_000).map(|_| transcript.squeeze()).collect();
    assert_eq!(coefficients.len(), 1_000);
}
