//! Arithmetic on 256-bit numbers: modular multiplication, which a precompile does, and the little that none does.

#[cfg(target_os = "zkvm")]
use precompile::multiply;
#[cfg(not(target_os = "zkvm"))]
use reference::multiply;

/// Least significant word first.
pub type U256 = [u64; 4];

pub fn from_be_bytes(bytes: &[u8; 32]) -> U256 {
    let (words, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|i| u64::from_be_bytes(words[3 - i]))
}

pub fn to_be_bytes(number: &U256) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (chunk, word) in bytes.as_chunks_mut().0.iter_mut().zip(number.iter().rev()) {
        *chunk = word.to_be_bytes();
    }
    bytes
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

/// `a − b` modulo `modulus`, for numbers below it.
pub fn sub_mod(a: &U256, b: &U256, modulus: &U256) -> U256 {
    let (difference, wrapped) = sub(a, b);
    if wrapped {
        add(&difference, modulus).0
    } else {
        difference
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

/// Multiplication modulo a fixed number.
///
/// The precompile reads one factor and the modulus side by side, so both have their place here and nothing else is moved.
pub struct Multiplier {
    factor_and_modulus: [u64; 8],
}

impl Multiplier {
    pub fn new(modulus: &U256) -> Self {
        let mut factor_and_modulus = [0; 8];
        factor_and_modulus[4..].copy_from_slice(modulus);
        Self { factor_and_modulus }
    }

    /// Sets the factor of the products that follow. It is below the modulus.
    pub fn by(&mut self, factor: &U256) -> &Self {
        self.factor_and_modulus[..4].copy_from_slice(factor);
        self
    }

    /// `x * factor` modulo the modulus, for any `x`.
    pub fn times(&self, mut x: U256) -> U256 {
        self.multiply(&mut x);
        x
    }

    /// [`times`](Self::times), in its place.
    pub fn multiply(&self, x: &mut U256) {
        multiply(x, &self.factor_and_modulus);
    }
}

#[cfg(target_os = "zkvm")]
mod precompile {
    use super::U256;

    pub fn multiply(x: &mut U256, factor_and_modulus: &[u64; 8]) {
        // SAFETY: valid, aligned pointers to memory that is not shared; the modulus follows the factor, as the precompile
        // wants it.
        unsafe { sp1_lib::syscall_uint256_mulmod(x, factor_and_modulus.as_ptr().cast()) }
    }
}

#[cfg(not(target_os = "zkvm"))]
mod reference {
    use super::U256;
    use ruint::aliases::U256 as Element;

    pub fn multiply(x: &mut U256, factor_and_modulus: &[u64; 8]) {
        let (factor, modulus) = factor_and_modulus.split_at(4);
        let (factor, modulus) = (Element::from_limbs_slice(factor), Element::from_limbs_slice(modulus));
        *x = Element::from_limbs(*x).mul_mod(factor, modulus).into_limbs();
    }
}
