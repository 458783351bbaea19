//! EIP-712 digests of signed transactions (protocol section 3).

use hex_literal::hex;

use crate::codec::Writer;
use crate::hash::keccak::Hash;
use crate::hash::{keccak256, keccak256_concat, keccak256_words, PairHasher, Scratch, WordSponge};
use crate::types::*;

/// 32 bytes as the hash function takes them.
type Word = [u64; 4];

/// `keccak` of each primary type's string; the tests compute them.
const PLACE_ORDER: Word = word(hex!("c84ba107894fa84add12dc7301610180248f6fe075f230e81cc5b0e82a1b185a"));
const CANCEL_ORDER: Word = word(hex!("29682f734282287ebc4811cc7906a2a3af1016ecbf0bb34f2a84fd9eff3bf475"));
const CANCEL_CLIENT_ORDER: Word =
    word(hex!("1ebbd94aef4b73b7807276003d4d8790d6060f9ffa9283ea7ec45277211561f0"));
const CANCEL_ALL: Word = word(hex!("faf30c823b0ee73de5b1b22fa5bfcbc1970b6177e1ee8241f7dfe4639c825ef5"));
const REPLACE_ORDER: Word = word(hex!("8bca7faa11be3722996b4bf1665dbfb4d8ed952ab7eb9244bb6b49a1970ef596"));
const BATCH: Word = word(hex!("92e5d8869551630746f263728045a13ff4f01d7ec7c3e6d237e0093a7030b47a"));
const WITHDRAW: Word = word(hex!("14d09df4ab8eda2d78404a3d1a951672f9307bca97285994b6f1270076b4639e"));
const TRANSFER: Word = word(hex!("66230256ae654b22142b3488a1478b6273e9b254616428082ae1804e0435d878"));
const APPROVE_AGENT: Word = word(hex!("82df1c8fdafcc6aff75fbef4a9ffad77845bf3598268d1c26a93890bab2988e6"));
const REVOKE_AGENT: Word = word(hex!("24262f0509969910e90dd97598db5ad74186b738292d45d3238b7d1fc578db35"));
const INVALIDATE_NONCES: Word =
    word(hex!("95373cc649e1d138f8d3acf6cc4248bfeeffb0a373ac6957d1c3369c22c9b93c"));

/// The bytes 0x19, 0x01.
const PREFIX: u64 = 0x0119;

/// A domain, under which transactions are signed.
pub struct Domain {
    hasher: PairHasher<2>,
    scratch: Scratch,
    /// For the actions of batches.
    buffer: Writer,
}

impl Domain {
    pub fn new(separator: &Digest) -> Self {
        let hasher = PairHasher::new(PREFIX, &Hash::from_bytes(separator));
        Self { hasher, scratch: Scratch::default(), buffer: Writer::default() }
    }

    /// What the signer of a transaction signs.
    pub fn digest(&mut self, transaction: &Signed) -> Hash {
        let hash = struct_hash(transaction, &mut self.scratch, &mut self.buffer);
        self.hasher.hash(&hash, &mut self.scratch)
    }
}

fn struct_hash(transaction: &Signed, scratch: &mut Scratch, buffer: &mut Writer) -> Hash {
    let mut words = Words(WordSponge::new(scratch));
    words.start(type_hash(&transaction.body), &transaction.head);
    match &transaction.body {
        Body::Action(action) => words.action(action),
        // Bytes of any length stand as their hash.
        Body::Batch(actions) => {
            let (encoded, length) = encode_actions(actions, buffer);
            words.push(&keccak256_words(encoded, length).0);
        }
        Body::Withdraw(withdraw) => {
            words.integer(u64::from(withdraw.token));
            words.wide_integer(withdraw.amount);
            words.address(&withdraw.recipient);
            words.wide_integer(withdraw.max_relay_fee);
        }
        Body::Transfer(transfer) => {
            words.address(&transfer.to);
            words.integer(u64::from(transfer.token));
            words.wide_integer(transfer.amount);
        }
        Body::ApproveAgent(approval) => {
            words.address(&approval.agent);
            words.integer(approval.expiry);
            words.push(&word(approval.markets));
        }
        Body::RevokeAgent(agent) => words.address(agent),
        Body::InvalidateNonces(floor) => words.integer(*floor),
    }
    words.hash()
}

fn type_hash(body: &Body) -> &'static Word {
    match body {
        Body::Action(Action::PlaceOrder(_)) => &PLACE_ORDER,
        Body::Action(Action::CancelOrder(_)) => &CANCEL_ORDER,
        Body::Action(Action::CancelClientOrder(_)) => &CANCEL_CLIENT_ORDER,
        Body::Action(Action::CancelAll(_)) => &CANCEL_ALL,
        Body::Action(Action::ReplaceOrder(_)) => &REPLACE_ORDER,
        Body::Batch(_) => &BATCH,
        Body::Withdraw(_) => &WITHDRAW,
        Body::Transfer(_) => &TRANSFER,
        Body::ApproveAgent(_) => &APPROVE_AGENT,
        Body::RevokeAgent(_) => &REVOKE_AGENT,
        Body::InvalidateNonces(_) => &INVALIDATE_NONCES,
    }
}

/// The actions of a batch as its signer signs them: words, and the number of bytes.
fn encode_actions<'a>(actions: &[Action], buffer: &'a mut Writer) -> (&'a [u64], usize) {
    buffer.write(|out| actions.iter().for_each(|action| encode_action(action, out)))
}

fn encode_action(action: &Action, out: &mut Writer) {
    match action {
        Action::PlaceOrder(order) => {
            // Kind, market and what is one byte each, as one word.
            let market = u64::from(order.market.swap_bytes());
            let options = [order.side as u64, order.time_in_force as u64, order.self_trade as u64];
            out.words(&[1 | market << 8 | options[0] << 40 | options[1] << 48 | options[2] << 56]);
            out.u64(order.price);
            out.u64(order.size);
            out.u128(order.client_order_id);
        }
        Action::CancelOrder(order_id) => {
            out.u8(2);
            out.words(&order_id.0);
        }
        Action::CancelClientOrder(client_order_id) => {
            out.u8(3);
            out.u128(*client_order_id);
        }
        Action::CancelAll(market) => {
            out.u8(4);
            out.u32(*market);
        }
        Action::ReplaceOrder(replacement) => {
            out.u8(5);
            out.words(&replacement.order_id.0);
            out.u8(replacement.time_in_force as u8);
            out.u8(replacement.self_trade as u8);
            out.u64(replacement.price);
            out.u64(replacement.size);
            out.u64(replacement.expected_size);
            out.u128(replacement.client_order_id);
        }
    }
}

/// The hash of a struct: it absorbs words of 32 bytes, the type hash, then the fields. All is inlined, so that the place
/// of each word in the sponge is a constant; the guest hashes at half the cost.
struct Words<'a>(WordSponge<'a>);

impl Words<'_> {
    /// Absorbs what every struct starts with.
    #[inline(always)]
    fn start(&mut self, type_hash: &Word, head: &Head) {
        self.push(type_hash);
        self.address(&head.account);
        self.address(&head.signer);
        self.integer(head.nonce);
        self.integer(head.deadline);
    }

    #[inline(always)]
    fn push(&mut self, word: &Word) {
        self.0.absorb(word);
    }

    /// Numbers and addresses fill their word from the right.
    #[inline(always)]
    fn integer(&mut self, value: u64) {
        self.push(&[0, 0, 0, value.swap_bytes()]);
    }

    /// Without turning eight bytes around, which costs the guest more than the rest.
    #[inline(always)]
    fn byte(&mut self, value: u8) {
        self.push(&[0, 0, 0, u64::from(value) << 56]);
    }

    #[inline(always)]
    fn wide_integer(&mut self, value: u128) {
        if value == 0 {
            return self.push(&[0; 4]);
        }
        self.push(&[0, 0, ((value >> 64) as u64).swap_bytes(), (value as u64).swap_bytes()]);
    }

    #[inline(always)]
    fn address(&mut self, address: &Address) {
        let [first, second, third] = *address.words();
        self.push(&[0, first << 32, first >> 32 | second << 32, second >> 32 | third << 32]);
    }

    /// Fixed bytes fill it from the left.
    #[inline(always)]
    fn order_id(&mut self, id: &OrderId) {
        let [book, price_key, place] = id.0;
        self.push(&[book, price_key, place, 0]);
    }

    #[inline(always)]
    fn action(&mut self, action: &Action) {
        match action {
            Action::PlaceOrder(order) => {
                self.integer(u64::from(order.market));
                self.byte(order.side as u8);
                self.byte(order.time_in_force as u8);
                self.byte(order.self_trade as u8);
                self.integer(order.price);
                self.integer(order.size);
                self.wide_integer(order.client_order_id);
            }
            Action::CancelOrder(order_id) => self.order_id(order_id),
            Action::CancelClientOrder(client_order_id) => self.wide_integer(*client_order_id),
            Action::CancelAll(market) => self.integer(u64::from(*market)),
            Action::ReplaceOrder(replacement) => {
                self.order_id(&replacement.order_id);
                self.byte(replacement.time_in_force as u8);
                self.byte(replacement.self_trade as u8);
                self.integer(replacement.price);
                self.integer(replacement.size);
                self.integer(replacement.expected_size);
                self.wide_integer(replacement.client_order_id);
            }
        }
    }

    fn hash(self) -> Hash {
        self.0.finish()
    }
}

const fn word(bytes: Digest) -> Word {
    let (words, _) = bytes.as_chunks::<8>();
    [
        u64::from_le_bytes(words[0]),
        u64::from_le_bytes(words[1]),
        u64::from_le_bytes(words[2]),
        u64::from_le_bytes(words[3]),
    ]
}

/// The separator of the exchange's domain on a chain.
pub fn domain_separator(chain_id: u64, verifying_contract: &Address) -> Digest {
    let domain = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
    let mut chain = [0; 32];
    chain[24..].copy_from_slice(&chain_id.to_be_bytes());
    let mut contract = [0; 32];
    contract[12..].copy_from_slice(verifying_contract.as_ref());
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
    use crate::codec::cast::as_bytes;

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
            assert_eq!(word(keccak256(format!("{name}({head},{fields})").as_bytes())), expected, "{name}");
        }
    }

    /// Fixed widths: the bytes are those of the fields, one after the other.
    #[test]
    fn actions_are_encoded_as_the_protocol_says() {
        let id: [u8; 24] = std::array::from_fn(|i| i as u8);
        let (order_id, self_trade) = (OrderId::from(id), SelfTrade::Decrement);
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
            &id,
            &[3],
            &[0xff; 16],
            &[4, 0, 0, 0, 7, 5],
            &id,
            &[2, 3],
            &numbers,
            &number(8, 0x33),
            &number(16, 0x44),
        ];
        let mut buffer = Writer::default();
        let (words, length) = encode_actions(&actions, &mut buffer);
        assert_eq!(as_bytes(words, length), expected.concat());
    }
}
