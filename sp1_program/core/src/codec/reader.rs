//! Reads the protocol's integers from untrusted bytes.

use crate::errors::Error;
use crate::types::Address;

const SHORT: Error = Error::Malformed("ends too early");

/// A position in untrusted bytes. Every read fails, and never panics, where the bytes end.
pub struct Reader<'a> {
    rest: &'a [u8],
}

macro_rules! leb128 {
    ($(#[$doc:meta])* $name:ident, $int:ty) => {
        $(#[$doc])*
        pub fn $name(&mut self) -> Result<$int, Error> {
            let mut value: $int = 0;
            let mut shift = 0;
            loop {
                let byte = self.u8()?;
                let bits = <$int>::from(byte & 0x7f);
                if shift >= <$int>::BITS || bits << shift >> shift != bits {
                    return Err(Error::Malformed("varint does not fit"));
                }
                value |= bits << shift;
                if byte < 0x80 {
                    break if byte == 0 && shift > 0 {
                        Err(Error::Malformed("varint is not in its shortest form"))
                    } else {
                        Ok(value)
                    };
                }
                shift += 7;
            }
        }
    };
}

macro_rules! fixed {
    ($name:ident, $int:ty) => {
        pub fn $name(&mut self) -> Result<$int, Error> {
            Ok(<$int>::from_be_bytes(self.array()?))
        }
    };
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    pub fn array_ref<const N: usize>(&mut self) -> Result<&'a [u8; N], Error> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        self.array_ref().copied()
    }

    pub fn address(&mut self) -> Result<Address, Error> {
        self.array().map(Address::new)
    }

    fixed!(u8, u8);
    fixed!(u16, u16);
    fixed!(u32, u32);
    fixed!(u64, u64);
    fixed!(u128, u128);
    leb128!(
        /// Unsigned LEB128 in its shortest form, at most 64 bits.
        varint,
        u64
    );
    leb128!(
        /// Unsigned LEB128 in its shortest form, at most 128 bits.
        varint128,
        u128
    );

    pub fn varint32(&mut self) -> Result<u32, Error> {
        u32::try_from(self.varint()?).map_err(|_| Error::Malformed("varint does not fit"))
    }

    /// A number written as its difference to `previous`, modulo 2^64.
    pub fn zigzag(&mut self, previous: u64) -> Result<u64, Error> {
        let folded = self.varint()?;
        let difference = (folded >> 1) ^ (folded & 1).wrapping_neg();
        Ok(previous.wrapping_add(difference))
    }

    /// Fails unless every byte was read.
    pub fn finish(self) -> Result<(), Error> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Error::Malformed("bytes left over"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn varint(bytes: &[u8]) -> Result<u64, Error> {
        let mut reader = Reader::new(bytes);
        let value = reader.varint()?;
        reader.finish()?;
        Ok(value)
    }

    #[test]
    fn varints_have_one_form() {
        assert_eq!(varint(&[0]), Ok(0));
        assert_eq!(varint(&[0xac, 0x02]), Ok(300));
        assert_eq!(varint(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]), Ok(u64::MAX));
        for wrong in [
            &[][..],
            &[0x80],
            &[0x80, 0x00],
            &[0xac, 0x82, 0x00],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
            &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
        ] {
            assert!(varint(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_widest_varint128_fits_and_one_more_bit_does_not() {
        let mut widest = [0xff; 19];
        widest[18] = 0x03;
        assert_eq!(Reader::new(&widest).varint128(), Ok(u128::MAX));
        widest[18] = 0x04;
        assert!(Reader::new(&widest).varint128().is_err());
    }

    #[test]
    fn zigzag_wraps_around() {
        assert_eq!(Reader::new(&[0x01]).zigzag(0), Ok(u64::MAX));
        assert_eq!(Reader::new(&[0x02]).zigzag(u64::MAX), Ok(0));
        assert_eq!(Reader::new(&[0x03]).zigzag(10), Ok(8));
    }
}
