//! The little arithmetic on 256-bit numbers that no precompile does.

/// Least significant word first.
pub type U256 = [u64; 4];

pub fn from_be_bytes(bytes: &[u8; 32]) -> U256 {
    let (words, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|i| u64::from_be_bytes(words[3 - i]))
}

/// `a + b` modulo 2^256, and whether it wrapped.
pub fn add(a: &U256, b: &U256) -> (U256, bool) {
    let mut carry = false;
    let sum = std::array::from_fn(|i| {
        let (partial, first) = a[i].overflowing_add(b[i]);
        let (word, second) = partial.overflowing_add(u64::from(carry));
        carry = first | second;
        word
    });
    (sum, carry)
}

/// `a − b` modulo 2^256, and whether it wrapped.
pub fn sub(a: &U256, b: &U256) -> (U256, bool) {
    let mut borrow = false;
    let difference = std::array::from_fn(|i| {
        let (partial, first) = a[i].overflowing_sub(b[i]);
        let (word, second) = partial.overflowing_sub(u64::from(borrow));
        borrow = first | second;
        word
    });
    (difference, borrow)
}

/// Whether two numbers are equal. The guest's own comparison goes byte by byte.
pub fn equal(a: &U256, b: &U256) -> bool {
    (0..4).fold(0, |difference, i| difference | (a[i] ^ b[i])) == 0
}

pub fn is_zero(number: &U256) -> bool {
    number.iter().fold(0, |all, word| all | word) == 0
}

/// Whether `a < b`. Numbers that look random are told apart by their highest words.
pub fn less_than(a: &U256, b: &U256) -> bool {
    if a[3] == b[3] {
        sub(a, b).1
    } else {
        a[3] < b[3]
    }
}

/// `a + b` modulo `modulus`, for numbers below it.
pub fn add_mod(a: &U256, b: &U256, modulus: &U256) -> U256 {
    let (sum, wrapped) = add(a, b);
    if wrapped || !less_than(&sum, modulus) {
        sub(&sum, modulus).0
    } else {
        sum
    }
}

/// The full product; numbers of at most four words each.
pub fn mul<const A: usize, const B: usize>(a: &[u64; A], b: &[u64; B]) -> [u64; 8] {
    let mut product = [0; 8];
    for i in 0..A {
        let mut carry = 0;
        for j in 0..B {
            let sum = u128::from(a[i]) * u128::from(b[j]) + u128::from(product[i + j]) + u128::from(carry);
            product[i + j] = sum as u64;
            carry = (sum >> 64) as u64;
        }
        product[i + B] = carry;
    }
    product
}

/// The low half of a product.
pub fn low(product: &[u64; 8]) -> U256 {
    std::array::from_fn(|i| product[i])
}
