//! Reads a witness: little-endian words of 64 bits, given out as they lie in memory.

use crate::errors::Error;

const SHORT: Error = Error::Malformed("ends too early");

/// A position in untrusted words. Every read fails, and never panics, where the words end.
pub struct Words<'a> {
    rest: &'a mut [u64],
}

impl<'a> Words<'a> {
    pub fn new(words: &'a mut [u64]) -> Self {
        Words { rest: words }
    }

    pub fn take(&mut self, count: usize) -> Result<&'a mut [u64], Error> {
        if count > self.rest.len() {
            return Err(SHORT);
        }
        let (taken, rest) = std::mem::take(&mut self.rest).split_at_mut(count);
        self.rest = rest;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Result<&'a mut [u64; N], Error> {
        let (taken, _) = self.take(N)?.split_first_chunk_mut().ok_or(SHORT)?;
        Ok(taken)
    }

    pub fn word(&mut self) -> Result<u64, Error> {
        let [word] = *self.array()?;
        Ok(word)
    }

    /// A number of things that follow. It is not trusted: what follows may end earlier.
    pub fn count(&mut self) -> Result<usize, Error> {
        usize::try_from(self.word()?).map_err(|_| SHORT)
    }

    /// So many arrays, one after the other.
    pub fn arrays<const N: usize>(&mut self, count: usize) -> Result<&'a mut [[u64; N]], Error> {
        let words = self.take(count.checked_mul(N).ok_or(SHORT)?)?;
        Ok(words.as_chunks_mut().0)
    }

    /// So many bytes, which are filled up with zeros to whole words.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], Error> {
        Ok(as_bytes(self.padded(count)?, count))
    }

    /// The words of so many bytes, which are filled up with zeros.
    pub fn padded(&mut self, count: usize) -> Result<&'a [u64], Error> {
        let words = self.take(count.div_ceil(8))?;
        let used = count % 8;
        if used > 0 && words[words.len() - 1] >> (8 * used) != 0 {
            return Err(Error::Malformed("bytes are not filled up with zeros"));
        }
        Ok(words)
    }

    /// Fails unless every word was read.
    pub fn finish(self) -> Result<(), Error> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Error::Malformed("words left over"))
        }
    }
}

/// The first `count` bytes of little-endian words.
pub fn as_bytes(words: &[u64], count: usize) -> &[u8] {
    // SAFETY: the words are initialised, and bytes may lie anywhere.
    let bytes: &[u8] = unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), size_of_val(words)) };
    &bytes[..count]
}

/// Bytes that are to be read as words: they begin at an aligned address, which the guest needs to read words at once.
#[derive(Default)]
pub struct AlignedBytes {
    bytes: Vec<u8>,
    start: usize,
}

impl AlignedBytes {
    /// Lets `write` append to the bytes, which are empty at first, and gives the words of what it wrote, filled up with
    /// zeros, and the number of bytes.
    pub fn words(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> (&[u64], usize) {
        self.begin();
        write(&mut self.bytes);
        let length = self.bytes.len() - self.start;
        self.bytes.resize(self.start + length.next_multiple_of(8), 0);
        if self.bytes[self.start..].as_ptr().align_offset(8) != 0 {
            // The bytes have moved as they grew.
            let written = self.bytes.split_off(self.start);
            self.begin();
            self.bytes.extend_from_slice(&written);
        }
        let bytes = &self.bytes[self.start..];
        // SAFETY: any bytes are words.
        let (before, words, after) = unsafe { bytes.align_to() };
        debug_assert!(before.is_empty() && after.is_empty());
        (words, length)
    }

    /// Empties the bytes but for what comes before their first aligned one.
    fn begin(&mut self) {
        self.bytes.clear();
        self.bytes.reserve(512);
        self.start = self.bytes.as_ptr().align_offset(8);
        self.bytes.resize(self.start, 0);
    }
}

/// Writes what [`Words::bytes`] reads.
pub fn push_bytes(bytes: &[u8], out: &mut Vec<u64>) {
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        out.push(u64::from_le_bytes(word));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_must_be_filled_up_with_zeros() {
        for length in 0..20 {
            let bytes: Vec<u8> = (1..=length).collect();
            let mut words = Vec::new();
            push_bytes(&bytes, &mut words);
            assert_eq!(Words::new(&mut words.clone()).bytes(bytes.len()), Ok(&bytes[..]));
            if length % 8 > 0 {
                *words.last_mut().unwrap() |= 1 << 63;
                assert!(Words::new(&mut words).bytes(bytes.len()).is_err());
            }
        }
    }

    #[test]
    fn aligned_bytes_are_the_words_of_what_was_written() {
        let mut aligned = AlignedBytes::default();
        for length in [0, 1, 7, 8, 9, 100, 511, 512, 5_000, 3] {
            let bytes: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let mut expected = Vec::new();
            push_bytes(&bytes, &mut expected);
            let written = aligned.words(|out| out.extend_from_slice(&bytes));
            assert_eq!(written, (&expected[..], length));
        }
    }

    #[test]
    fn counts_beyond_the_end_are_refused() {
        for count in [3, usize::MAX, usize::MAX / 8, usize::MAX / 24] {
            assert!(Words::new(&mut [0; 2]).take(count).is_err());
            assert!(Words::new(&mut [0; 2]).bytes(count.saturating_mul(8)).is_err());
            assert!(Words::new(&mut [0; 2]).arrays::<18>(count).is_err());
        }
    }
}
