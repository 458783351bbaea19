//! EIP-712 digests of signed transactions (protocol section 3).

use hex_literal::hex;

use crate::hash::{keccak256, keccak256_concat};
use crate::types::*;

/// `keccak` of each primary type's string; the tests compute them.
const PLACE_ORDER: Digest = hex!("c84ba107894fa84add12dc7301610180248f6fe075f230e81cc5b0e82a1b185a");
const CANCEL_ORDER: Digest = hex!("29682f734282287ebc4811cc7906a2a3af1016ecbf0bb34f2a84fd9eff3bf475");
const CANCEL_CLIENT_ORDER: Digest = hex!("1ebbd94aef4b73b7807276003d4d8790d6060f9ffa9283ea7ec45277211561f0");
const WITHDRAW: Digest = hex!("14d09df4ab8eda2d78404a3d1a951672f9307bca97285994b6f1270076b4639e");

const WORD: usize = 32;
/// Words of the longest struct: `PlaceOrder`, its type hash included.
const MAX_WORDS: usize = 12;

/// What the signer of a transaction signs under this domain.
pub fn digest(domain_separator: &Digest, transaction: &Signed) -> Digest {
    let mut message = [0; 2 + 2 * WORD];
    message[..2].copy_from_slice(b"\x19\x01");
    message[2..2 + WORD].copy_from_slice(domain_separator);
    message[2 + WORD..].copy_from_slice(&struct_hash(transaction));
    keccak256(&message)
}

fn struct_hash(transaction: &Signed) -> Digest {
    let mut words = Words::new(&transaction.head);
    match &transaction.action {
        Action::PlaceOrder(order) => {
            words.integer(u128::from(order.market));
            words.integer(order.side as u128);
            words.integer(order.time_in_force as u128);
            words.integer(order.self_trade as u128);
            words.integer(u128::from(order.price));
            words.integer(u128::from(order.size));
            words.integer(order.client_order_id);
            words.hash(&PLACE_ORDER)
        }
        Action::CancelOrder(order_id) => {
            words.left(order_id);
            words.hash(&CANCEL_ORDER)
        }
        Action::CancelClientOrder(client_order_id) => {
            words.integer(*client_order_id);
            words.hash(&CANCEL_CLIENT_ORDER)
        }
        Action::Withdraw(withdraw) => {
            words.integer(u128::from(withdraw.token));
            words.integer(withdraw.amount);
            words.right(&withdraw.recipient);
            words.integer(withdraw.max_relay_fee);
            words.hash(&WITHDRAW)
        }
    }
}

/// The encoding of a struct: the type hash, then a word for each field.
struct Words {
    bytes: [u8; MAX_WORDS * WORD],
    length: usize,
}

impl Words {
    /// Starts with the fields that every struct has.
    fn new(head: &Head) -> Self {
        let mut words = Words { bytes: [0; MAX_WORDS * WORD], length: WORD };
        words.right(&head.account);
        words.right(&head.signer);
        words.integer(u128::from(head.nonce));
        words.integer(u128::from(head.deadline));
        words
    }

    fn integer(&mut self, value: u128) {
        self.right(&value.to_be_bytes());
    }

    /// Numbers and addresses fill their word from the right.
    fn right(&mut self, bytes: &[u8]) {
        self.length += WORD;
        self.bytes[self.length - bytes.len()..self.length].copy_from_slice(bytes);
    }

    /// Fixed bytes fill it from the left.
    fn left(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += WORD;
    }

    fn hash(mut self, type_hash: &Digest) -> Digest {
        self.bytes[..WORD].copy_from_slice(type_hash);
        keccak256(&self.bytes[..self.length])
    }
}

/// The separator of the exchange's domain on a chain.
pub fn domain_separator(chain_id: u64, verifying_contract: &Address) -> Digest {
    let domain = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
    let mut chain = [0; WORD];
    chain[24..].copy_from_slice(&chain_id.to_be_bytes());
    let mut contract = [0; WORD];
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
