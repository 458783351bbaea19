//! Comparing bytes where the guest does it often.

/// Whether two strings of one length are equal, without branches.
///
/// The guest's own comparison goes byte by byte, as it cannot read words that are not aligned. Most keys are.
#[inline(always)]
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    debug_assert_eq!(a.len(), b.len());
    let difference = |a: &[u8], b: &[u8]| a.iter().zip(b).fold(0, |all, (x, y)| all | (x ^ y));
    if !(a.as_ptr() as usize | b.as_ptr() as usize).is_multiple_of(align_of::<u32>()) {
        return difference(a, b) == 0;
    }
    let ((a, last_a), (b, last_b)) = (words(a), words(b));
    let all = a.iter().zip(b).fold(0, |all, (x, y)| all | (x ^ y));
    all == 0 && difference(last_a, last_b) == 0
}

/// The whole words of aligned bytes, and the rest.
#[inline(always)]
fn words(bytes: &[u8]) -> (&[u32], &[u8]) {
    let (whole, rest) = bytes.split_at(bytes.len() / 4 * 4);
    // SAFETY: the pointer is aligned, as the caller has made sure, and any bytes are words.
    (unsafe { std::slice::from_raw_parts(whole.as_ptr().cast(), whole.len() / 4) }, rest)
}

#[cfg(test)]
mod tests {
    use super::equal;

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
}
