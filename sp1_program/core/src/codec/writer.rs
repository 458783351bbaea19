//! Writes the protocol's integers, as [`super::Reader`] reads them, into words.

use super::bytes::swap;
use crate::types::Address;

/// Bytes one after the other, held as little-endian words: that is what they are hashed as.
#[derive(Default)]
pub struct Writer {
    words: Vec<u64>,
    /// The bits that do not make a word yet, the first ones lowest.
    last: u64,
    /// How many they are: fewer than 64.
    bits: u32,
}

impl Writer {
    /// Lets `write` write from the start on, and gives the words of what it wrote, filled up with zeros, and the number of
    /// bytes.
    pub fn write(&mut self, write: impl FnOnce(&mut Self)) -> (&[u64], usize) {
        self.words.clear();
        (self.last, self.bits) = (0, 0);
        write(self);
        let length = 8 * self.words.len() + self.bits as usize / 8;
        if self.bits > 0 {
            self.words.push(self.last);
        }
        (&self.words, length)
    }

    /// Appends the low `bits` (8 to 64) of `value`, lowest byte first. The others are zero.
    #[inline(always)]
    fn push(&mut self, value: u64, bits: u32) {
        self.last |= value << self.bits;
        let total = self.bits + bits;
        if total < 64 {
            self.bits = total;
            return;
        }
        self.words.push(self.last);
        // In two steps, as the last word may have been empty.
        self.last = value >> 1 >> (63 - self.bits);
        self.bits = total - 64;
    }

    #[inline(always)]
    pub fn u8(&mut self, value: u8) {
        self.push(value.into(), 8);
    }

    #[inline(always)]
    pub fn u16(&mut self, value: u16) {
        self.push(value.swap_bytes().into(), 16);
    }

    #[inline(always)]
    pub fn u32(&mut self, value: u32) {
        self.push(value.swap_bytes().into(), 32);
    }

    #[inline(always)]
    pub fn u64(&mut self, value: u64) {
        self.push(swap(value), 64);
    }

    #[inline(always)]
    pub fn u128(&mut self, value: u128) {
        if value == 0 {
            return self.words(&[0; 2]);
        }
        self.u64((value >> 64) as u64);
        self.u64(value as u64);
    }

    /// Words of eight bytes each, as they are.
    #[inline(always)]
    pub fn words(&mut self, words: &[u64]) {
        words.iter().for_each(|word| self.push(*word, 64));
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        words.iter().for_each(|word| self.push(u64::from_le_bytes(*word), 64));
        rest.iter().for_each(|byte| self.u8(*byte));
    }

    #[inline(always)]
    pub fn address(&mut self, address: &Address) {
        let [first, second, third] = *address.words();
        self.push(first, 64);
        self.push(second, 64);
        self.push(third, 32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::cast::as_bytes;

    /// After every number of bytes that a word can begin with.
    #[test]
    fn what_is_written_is_big_endian_and_without_gaps() {
        let mut writer = Writer::default();
        for before in 0..17_u8 {
            let prefix: Vec<u8> = (1..=before).collect();
            let (words, length) = writer.write(|out| {
                out.bytes(&prefix);
                out.u8(0xaa);
                out.u16(0x0102);
                out.u32(0x0304_0506);
                out.u64(0x0708_090a_0b0c_0d0e);
                out.u128(0xff << 120 | 7);
                out.address(&Address::new([0x55; 20]));
                out.words(&[u64::from_le_bytes(*b"abcdefgh")]);
                out.bytes(b"the end of it");
            });
            let mut expected = prefix.clone();
            expected.extend([0xaa, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
            expected.extend((0xff_u128 << 120 | 7).to_be_bytes());
            expected.extend([0x55; 20]);
            expected.extend(b"abcdefghthe end of it");
            assert_eq!(as_bytes(words, length), expected);
            assert_eq!(words.len(), length.div_ceil(8));
            assert!(as_bytes(words, 8 * words.len())[length..].iter().all(|byte| *byte == 0));
        }
        assert_eq!(writer.write(|_| ()), (&[][..], 0));
    }
}
