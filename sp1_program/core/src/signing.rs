//! EIP-712 digests of signed transactions (protocol section 3).

use hex_literal::hex;

use crate::hash::keccak::Hash;
use crate::hash::{keccak256, keccak256_concat, keccak256_pair, keccak256_words};
use crate::types::*;

/// `keccak` of each primary type's string; the tests compute them.
const PLACE_ORDER: Digest = hex!("c84ba107894fa84add12dc7301610180248f6fe075f230e81cc5b0e82a1b185a");
const CANCEL_ORDER: Digest = hex!("29682f734282287ebc4811cc7906a2a3af1016ecbf0bb34f2a84fd9eff3bf475");
const CANCEL_CLIENT_ORDER: Digest = hex!("1ebbd94aef4b73b7807276003d4d8790d6060f9ffa9283ea7ec45277211561f0");
const CANCEL_ALL: Digest = hex!("faf30c823b0ee73de5b1b22fa5bfcbc1970b6177e1ee8241f7dfe4639c825ef5");
const REPLACE_ORDER: Digest = hex!("8bca7faa11be3722996b4bf1665dbfb4d8ed952ab7eb9244bb6b49a1970ef596");
const BATCH: Digest = hex!("92e5d8869551630746f263728045a13ff4f01d7ec7c3e6d237e0093a7030b47a");
const WITHDRAW: Digest = hex!("14d09df4ab8eda2d78404a3d1a951672f9307bca97285994b6f1270076b4639e");
const TRANSFER: Digest = hex!("66230256ae654b22142b3488a1478b6273e9b254616428082ae1804e0435d878");
const APPROVE_AGENT: Digest = hex!("82df1c8fdafcc6aff75fbef4a9ffad77845bf3598268d1c26a93890bab2988e6");
const REVOKE_AGENT: Digest = hex!("24262f0509969910e90dd97598db5ad74186b738292d45d3238b7d1fc578db35");
const INVALIDATE_NONCES: Digest = hex!("95373cc649e1d138f8d3acf6cc4248bfeeffb0a373ac6957d1c3369c22c9b93c");

/// Bytes of the longest action in a batch: `ReplaceOrder`.
const MAX_ACTION: usize = 67;
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
    match &transaction.body {
        Body::Action(action) => action_hash(head, action),
        Body::Batch(actions) => {
            let mut words = Words::new(&BATCH, head);
            words.bytes(&encode_actions(actions));
            words.hash()
        }
        Body::Withdraw(withdraw) => {
            let mut words = Words::new(&WITHDRAW, head);
            words.integer(u64::from(withdraw.token));
            words.wide_integer(withdraw.amount);
            words.address(&withdraw.recipient);
            words.wide_integer(withdraw.max_relay_fee);
            words.hash()
        }
        Body::Transfer(transfer) => {
            let mut words = Words::new(&TRANSFER, head);
            words.address(&transfer.to);
            words.integer(u64::from(transfer.token));
            words.wide_integer(transfer.amount);
            words.hash()
        }
        Body::ApproveAgent(approval) => {
            let mut words = Words::new(&APPROVE_AGENT, head);
            words.address(&approval.agent);
            words.integer(approval.expiry);
            words.word(&approval.markets);
            words.hash()
        }
        Body::RevokeAgent(agent) => {
            let mut words = Words::new(&REVOKE_AGENT, head);
            words.address(agent);
            words.hash()
        }
        Body::InvalidateNonces(floor) => {
            let mut words = Words::new(&INVALIDATE_NONCES, head);
            words.integer(*floor);
            words.hash()
        }
    }
}

fn action_hash(head: &Head, action: &Action) -> Hash {
    match action {
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
        Action::CancelAll(market) => {
            let mut words = Words::new(&CANCEL_ALL, head);
            words.integer(u64::from(*market));
            words.hash()
        }
        Action::ReplaceOrder(replacement) => {
            let mut words = Words::new(&REPLACE_ORDER, head);
            words.order_id(&replacement.order_id);
            words.integer(replacement.time_in_force as u64);
            words.integer(replacement.self_trade as u64);
            words.integer(replacement.price);
            words.integer(replacement.size);
            words.integer(replacement.expected_size);
            words.wide_integer(replacement.client_order_id);
            words.hash()
        }
    }
}

/// The actions of a batch as its signer signs them.
fn encode_actions(actions: &[Action]) -> Vec<u8> {
    let mut out = Vec::with_capacity(actions.len() * MAX_ACTION);
    for action in actions {
        match action {
            Action::PlaceOrder(order) => {
                out.push(1);
                out.extend_from_slice(&order.market.to_be_bytes());
                out.extend([order.side as u8, order.time_in_force as u8, order.self_trade as u8]);
                out.extend_from_slice(&order.price.to_be_bytes());
                out.extend_from_slice(&order.size.to_be_bytes());
                out.extend_from_slice(&order.client_order_id.to_be_bytes());
            }
            Action::CancelOrder(order_id) => {
                out.push(2);
                out.extend_from_slice(order_id);
            }
            Action::CancelClientOrder(client_order_id) => {
                out.push(3);
                out.extend_from_slice(&client_order_id.to_be_bytes());
            }
            Action::CancelAll(market) => {
                out.push(4);
                out.extend_from_slice(&market.to_be_bytes());
            }
            Action::ReplaceOrder(replacement) => {
                out.push(5);
                out.extend_from_slice(&replacement.order_id);
                out.extend([replacement.time_in_force as u8, replacement.self_trade as u8]);
                out.extend_from_slice(&replacement.price.to_be_bytes());
                out.extend_from_slice(&replacement.size.to_be_bytes());
                out.extend_from_slice(&replacement.expected_size.to_be_bytes());
                out.extend_from_slice(&replacement.client_order_id.to_be_bytes());
            }
        }
    }
    out
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
        words.word(type_hash);
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

    /// All 32 bytes of a word.
    fn word(&mut self, word: &[u8; 32]) {
        self.push(std::array::from_fn(|i| little_endian(word, 8 * i)));
    }

    /// Bytes of any length stand as their hash.
    fn bytes(&mut self, bytes: &[u8]) {
        self.word(&keccak256(bytes));
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
        let place = "uint32 market,uint8 side,uint8 timeInForce,uint8 selfTrade,uint64 price,uint64 size,uint128 clientOrderId";
        let replace = "bytes24 orderId,uint8 timeInForce,uint8 selfTrade,uint64 price,uint64 size,uint64 expectedSize,uint128 clientOrderId";
        for (name, fields, expected) in [
            ("PlaceOrder", place, PLACE_ORDER),
            ("CancelOrder", "bytes24 orderId", CANCEL_ORDER),
            ("CancelClientOrder", "uint128 clientOrderId", CANCEL_CLIENT_ORDER),
            ("CancelAll", "uint32 market", CANCEL_ALL),
            ("ReplaceOrder", replace, REPLACE_ORDER),
            ("Batch", "bytes actions", BATCH),
            ("Withdraw", "uint32 token,uint128 amount,address recipient,uint128 maxRelayFee", WITHDRAW),
            ("Transfer", "address to,uint32 token,uint128 amount", TRANSFER),
            ("ApproveAgent", "address agent,uint64 expiry,uint256 markets", APPROVE_AGENT),
            ("RevokeAgent", "address agent", REVOKE_AGENT),
            ("InvalidateNonces", "uint64 floor", INVALIDATE_NONCES),
        ] {
            assert_eq!(keccak256(format!("{name}({head},{fields})").as_bytes()), expected, "{name}");
        }
    }

    /// Fixed widths: the bytes are those of the fields, one after the other.
    #[test]
    fn actions_are_encoded_as_the_protocol_says() {
        let (order_id, self_trade) = (std::array::from_fn(|i| i as u8), SelfTrade::Decrement);
        let (price, size, expected_size, client_order_id) = (0x11, 0x22, 0x33, 0x44);
        let actions = [
            Action::PlaceOrder(PlaceOrder {
                market: 9,
                side: Side::Ask,
                time_in_force: TimeInForce::PostOnlyGtt,
                self_trade,
                price,
                size,
                client_order_id,
            }),
            Action::CancelOrder(order_id),
            Action::CancelClientOrder(u128::MAX),
            Action::CancelAll(7),
            Action::ReplaceOrder(ReplaceOrder {
                order_id,
                time_in_force: TimeInForce::Ioc,
                self_trade,
                price,
                size,
                expected_size,
                client_order_id,
            }),
        ];
        let number = |bytes: usize, last: u8| [vec![0; bytes - 1], vec![last]].concat();
        let numbers = [number(8, 0x11), number(8, 0x22)].concat();
        let expected = [
            &[1, 0, 0, 0, 9, 1, 5, 3][..],
            &numbers,
            &number(16, 0x44),
            &[2],
            &order_id,
            &[3],
            &[0xff; 16],
            &[4, 0, 0, 0, 7, 5],
            &order_id,
            &[2, 3],
            &numbers,
            &number(8, 0x33),
            &number(16, 0x44),
        ];
        assert_eq!(encode_actions(&actions), expected.concat());
        assert_eq!(encode_actions(&actions[4..]).len(), MAX_ACTION);
    }
}
