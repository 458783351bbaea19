//! Comparing bytes, and making words of them, where the guest does it often.

use super::cast::halves;

/// Whether two strings of one length are equal, without branches.
///
/// The guest's own comparison goes byte by byte, as it cannot read words that are not aligned. Most keys are.
#[inline(always)]
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    debug_assert_eq!(a.len(), b.len());
    let difference = |a: &[u8], b: &[u8]| a.iter().zip(b).fold(0, |all, (x, y)| all | (x ^ y));
    let (Some((first, last)), Some((other_first, other_last))) = (halves(a), halves(b)) else {
        return difference(a, b) == 0;
    };
    let all = first.iter().zip(other_first).fold(0, |all, (x, y)| all | (x ^ y));
    all == 0 && difference(last, other_last) == 0
}

/// The little-endian words of some bytes, filled up with zeros.
#[inline(always)]
pub fn to_words<const BYTES: usize, const WORDS: usize>(bytes: &[u8; BYTES]) -> [u64; WORDS] {
    const { assert!(WORDS == BYTES.div_ceil(8)) }
    let mut words = [0; WORDS];
    let (whole, last) = halves(bytes).unwrap_or((&[], bytes));
    for (i, half) in whole.iter().enumerate() {
        words[i / 2] |= u64::from(u32::from_le(*half)) << (32 * (i % 2));
    }
    for (i, byte) in last.iter().zip(4 * whole.len()..).map(|(byte, i)| (i, byte)) {
        words[i / 8] |= u64::from(*byte) << (8 * (i % 8));
    }
    words
}

/// Whether words are equal, without branches.
#[inline(always)]
pub fn equal_words(a: &[u64], b: &[u64]) -> bool {
    a.iter().zip(b).fold(0, |all, (x, y)| all | (x ^ y)) == 0
}

/// A number with its bytes turned around, as `swap_bytes` does, which costs the guest twice as much for small ones.
#[inline(always)]
pub fn swap(number: u64) -> u64 {
    if number >> 32 == 0 {
        u64::from((number as u32).swap_bytes()) << 32
    } else {
        number.swap_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bit_at_any_alignment_makes_a_difference() {
        let bytes: Vec<u8> = (0..64).collect();
        for (start, length) in (0..5).flat_map(|start| [0, 1, 5, 20, 24].map(|length| (start, length))) {
            let (a, copy) = (&bytes[start..start + length], bytes.clone());
            assert!(equal(a, &copy[start..start + length]));
            for bit in 0..8 * length {
                let mut other = copy.clone();
                other[start + bit / 8] ^= 1 << (bit % 8);
                assert!(!equal(a, &other[start..start + length]));
            }
        }
    }

    #[test]
    fn words_are_those_of_the_bytes_at_any_alignment() {
        let bytes: Vec<u8> = (1..64).collect();
        for start in 0..9 {
            let address: &[u8; 20] = bytes[start..].first_chunk().unwrap();
            let mut padded = [0; 24];
            padded[..20].copy_from_slice(address);
            let expected: Vec<u64> =
                padded.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
            assert_eq!(to_words::<20, 3>(address), expected[..]);
            assert!(equal_words(&to_words::<20, 3>(address), &expected));
        }
    }

    #[test]
    fn swapping_turns_bytes_around() {
        for number in [0, 1, 0xffff_ffff, 1 << 32, 0x0123_4567_89ab_cdef, u64::MAX] {
            assert_eq!(swap(number), number.swap_bytes());
        }
    }
}
