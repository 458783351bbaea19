//! Reads a witness: little-endian words of 64 bits, given out as they lie in memory.

use super::cast::as_bytes;
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

    /// All words that are left.
    pub fn rest(self) -> &'a mut [u64] {
        self.rest
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
    fn counts_beyond_the_end_are_refused() {
        for count in [3, usize::MAX, usize::MAX / 8, usize::MAX / 24] {
            assert!(Words::new(&mut [0; 2]).take(count).is_err());
            assert!(Words::new(&mut [0; 2]).bytes(count.saturating_mul(8)).is_err());
            assert!(Words::new(&mut [0; 2]).arrays::<18>(count).is_err());
        }
    }
}
