//! The same memory as bytes and as words, where copying would cost the guest more than what it does with them.

/// The first `count` bytes of little-endian words.
pub fn as_bytes(words: &[u64], count: usize) -> &[u8] {
    // SAFETY: the words are initialised, and bytes may lie anywhere.
    let bytes: &[u8] = unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), size_of_val(words)) };
    &bytes[..count]
}

/// The whole 32-bit words of bytes, and the rest; `None` if the bytes do not start where a word may.
#[inline(always)]
pub fn halves(bytes: &[u8]) -> Option<(&[u32], &[u8])> {
    if !(bytes.as_ptr() as usize).is_multiple_of(align_of::<u32>()) {
        return None;
    }
    let (whole, rest) = bytes.split_at(bytes.len() / 4 * 4);
    // SAFETY: the pointer is aligned, and any bytes are words.
    Some((unsafe { std::slice::from_raw_parts(whole.as_ptr().cast(), whole.len() / 4) }, rest))
}
