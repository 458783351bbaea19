//! EIP-712 digests of signed transactions (protocol section 3).

use hex_literal::hex;

use crate::hash::keccak::Hash;
use crate::hash::{keccak256, keccak256_concat, keccak256_pair, keccak256_words};
use crate::types::*;

/// `keccak` of each primary type's string; the tests compute them.
const PLACE_ORDER: Digest = hex!("c84ba107894fa84add12dc7301610180248f6fe075f230e81cc5b0e82a1b185a");
const CANCEL_ORDER: Digest = hex!("29682f734282287ebc4811cc7906a2a3af1016ecbf0bb34f2a84fd9eff3bf475");
const CANCEL_CLIENT_ORDER: Digest = hex!("1ebbd94aef4b73b7807276003d4d8790d6060f9ffa9283ea7ec45277211561f0");
const WITHDRAW: Digest = hex!("14d09df4ab8eda2d78404a3d1a951672f9307bca97285994b6f1270076b4639e");

/// Words of the longest struct: `PlaceOrder`, its type hash included.
const MAX_WORDS: usize = 12;
/// The bytes 0x19, 0x01.
const PREFIX: u64 = 0x0119;

/// What the signer of a transaction signs under this domain.
pub fn digest(domain_separator: &Digest, transaction: &Signed) -> Digest {
    let domain_separator = Hash::from_bytes(domain_separator);
    keccak256_pair::<2>(PREFIX, &domain_separator, &struct_hash(transaction)).to_bytes()
}

fn struct_hash(transaction: &Signed) -> Hash {
    let head = &transaction.head;
    match &transaction.action {
        Action::PlaceOrder(order) => {
            let mut words = Words::new(&PLACE_ORDER, head);
            words.integer(u64::from(order.market));
            words.integer(order.side as u64);
            words.integer(order.time_in_force as u64);
            words.integer(order.self_trade as u64);
            words.integer(order.price);
            words.integer(order.size);
            words.wide_integer(order.client_order_id);
            words.hash()
        }
        Action::CancelOrder(order_id) => {
            let mut words = Words::new(&CANCEL_ORDER, head);
            words.order_id(order_id);
            words.hash()
        }
        Action::CancelClientOrder(client_order_id) => {
            let mut words = Words::new(&CANCEL_CLIENT_ORDER, head);
            words.wide_integer(*client_order_id);
            words.hash()
        }
        Action::Withdraw(withdraw) => {
            let mut words = Words::new(&WITHDRAW, head);
            words.integer(u64::from(withdraw.token));
            words.wide_integer(withdraw.amount);
            words.address(&withdraw.recipient);
            words.wide_integer(withdraw.max_relay_fee);
            words.hash()
        }
    }
}

/// The encoding of a struct: words of 32 bytes, the type hash, then the fields. Kept as the hash function takes it.
struct Words {
    words: [[u64; 4]; MAX_WORDS],
    length: usize,
}

impl Words {
    /// Starts with the fields that every struct has. Inlined, or the guest would copy the whole of it.
    #[inline(always)]
    fn new(type_hash: &Digest, head: &Head) -> Self {
        let mut words = Words { words: [[0; 4]; MAX_WORDS], length: 0 };
        words.push(std::array::from_fn(|i| little_endian(type_hash, 8 * i)));
        words.address(&head.account);
        words.address(&head.signer);
        words.integer(head.nonce);
        words.integer(head.deadline);
        words
    }

    fn push(&mut self, word: [u64; 4]) {
        self.words[self.length] = word;
        self.length += 1;
    }

    /// Numbers and addresses fill their word from the right.
    fn integer(&mut self, value: u64) {
        self.push([0, 0, 0, value.swap_bytes()]);
    }

    fn wide_integer(&mut self, value: u128) {
        self.push([0, 0, ((value >> 64) as u64).swap_bytes(), (value as u64).swap_bytes()]);
    }

    fn address(&mut self, address: &Address) {
        let head = little_endian(address, 0) << 32;
        self.push([0, head, little_endian(address, 4), little_endian(address, 12)]);
    }

    /// Fixed bytes fill it from the left.
    fn order_id(&mut self, id: &OrderId) {
        self.push([little_endian(id, 0), little_endian(id, 8), little_endian(id, 16), 0]);
    }

    fn hash(&self) -> Hash {
        keccak256_words(self.words[..self.length].as_flattened())
    }
}

/// The eight bytes from `at` on.
fn little_endian<const N: usize>(bytes: &[u8; N], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

/// The separator of the exchange's domain on a chain.
pub fn domain_separator(chain_id: u64, verifying_contract: &Address) -> Digest {
    let domain = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
    let mut chain = [0; 32];
    chain[24..].copy_from_slice(&chain_id.to_be_bytes());
    let mut contract = [0; 32];
    contract[12..].copy_from_slice(verifying_contract);
    keccak256_concat(&[
        &keccak256(domain.as_bytes()),
        &keccak256(b"ZKCLOB"),
        &keccak256(b"1"),
        &chain,
        &contract,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_hashes_are_those_of_the_type_strings() {
        let head = "address account,address signer,uint64 nonce,uint64 deadline";
        let order = "uint32 market,uint8 side,uint8 timeInForce,uint8 selfTrade,uint64 price,uint64 size,uint128 clientOrderId";
        let withdraw = "uint32 token,uint128 amount,address recipient,uint128 maxRelayFee";
        for (name, fields, expected) in [
            ("PlaceOrder", order, PLACE_ORDER),
            ("CancelOrder", "bytes24 orderId", CANCEL_ORDER),
            ("CancelClientOrder", "uint128 clientOrderId", CANCEL_CLIENT_ORDER),
            ("Withdraw", withdraw, WITHDRAW),
        ] {
            assert_eq!(keccak256(format!("{name}({head},{fields})").as_bytes()), expected, "{name}");
        }
    }
}
