//! The vectors that Python and Solidity run too, see `tests/vectors/README.md`.

use serde_json::Value;
use zkclob_core::batch::{Batch, PublicValues};
use zkclob_core::blob::data_hash;
use zkclob_core::codec::data::decode;
use zkclob_core::codec::values::*;
use zkclob_core::inbox;
use zkclob_core::outbox::{merkle_proof, merkle_root, Outbox};
use zkclob_core::prepare::{prepare, Signature};
use zkclob_core::secp256k1::{address_of, recover};
use zkclob_core::signing;
use zkclob_core::state::State;
use zkclob_core::types::*;

fn vectors(name: &str) -> Value {
    let path = format!("{}/../../tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(&value.as_str().unwrap()[2..]).unwrap()
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().unwrap()
}

/// An integer; they are written as strings.
fn int<T: std::str::FromStr<Err: std::fmt::Debug>>(value: &Value) -> T {
    value.as_str().unwrap().parse().unwrap()
}

/// A decimal number of up to 256 bits.
fn uint256(value: &Value) -> [u8; 32] {
    value.as_str().unwrap().parse::<ruint::aliases::U256>().unwrap().to_be_bytes()
}

/// The fields of a transaction. Names are those of `types.rs`; EIP-712 messages have them in camel case.
struct Fields<'a> {
    fields: &'a Value,
    camel_case: bool,
}

impl Fields<'_> {
    fn get(&self, name: &str) -> &Value {
        let mut words = name.split('_');
        let mut own = words.next().unwrap().to_owned();
        for word in words {
            let (first, rest) = word.split_at(1);
            match self.camel_case {
                true => own.extend([&first.to_uppercase(), rest]),
                false => own.extend(["_", word]),
            }
        }
        &self.fields[own]
    }

    fn int<T: std::str::FromStr<Err: std::fmt::Debug>>(&self, name: &str) -> T {
        int(self.get(name))
    }

    fn array<const N: usize>(&self, name: &str) -> [u8; N] {
        array(self.get(name))
    }

    /// The value of this number, if it has one.
    fn choice<T: Copy>(&self, name: &str, values: &[T]) -> Option<T> {
        values.get(self.int::<usize>(name)).copied()
    }

    fn time_in_force(&self) -> Option<TimeInForce> {
        use TimeInForce::*;
        self.choice("time_in_force", &[Gtc, Gtt, Ioc, Fok, PostOnly, PostOnlyGtt])
    }

    fn self_trade(&self) -> Option<SelfTrade> {
        use SelfTrade::*;
        self.choice("self_trade", &[CancelTaker, CancelMaker, CancelBoth, Decrement])
    }

    /// `None` if a number of it means nothing.
    fn action(&self, kind: &str) -> Option<Action> {
        Some(match kind {
            "PlaceOrder" => Action::PlaceOrder(PlaceOrder {
                market: self.int("market"),
                side: self.choice("side", &[Side::Bid, Side::Ask])?,
                time_in_force: self.time_in_force()?,
                self_trade: self.self_trade()?,
                price: self.int("price"),
                size: self.int("size"),
                client_order_id: self.int("client_order_id"),
            }),
            "CancelOrder" => Action::CancelOrder(self.array::<24>("order_id").into()),
            "CancelClientOrder" => Action::CancelClientOrder(self.int("client_order_id")),
            "CancelAll" => Action::CancelAll(self.int("market")),
            "ReplaceOrder" => Action::ReplaceOrder(ReplaceOrder {
                order_id: self.array::<24>("order_id").into(),
                time_in_force: self.time_in_force()?,
                self_trade: self.self_trade()?,
                price: self.int("price"),
                size: self.int("size"),
                expected_size: self.int("expected_size"),
                client_order_id: self.int("client_order_id"),
            }),
            other => panic!("{other} is no action"),
        })
    }

    /// `None` if a number of it means nothing.
    fn body(&self, kind: &str) -> Option<Body> {
        Some(match kind {
            "Batch" => {
                let actions = self.get("actions").as_array()?;
                Body::Batch(actions.iter().map(|action| action_of(action).unwrap()).collect())
            }
            "Withdraw" => Body::Withdraw(Withdraw {
                token: self.int("token"),
                amount: self.int("amount"),
                recipient: self.array::<20>("recipient").into(),
                max_relay_fee: self.int("max_relay_fee"),
            }),
            "Transfer" => Body::Transfer(Transfer {
                to: self.array::<20>("to").into(),
                token: self.int("token"),
                amount: self.int("amount"),
            }),
            "ApproveAgent" => Body::ApproveAgent(ApproveAgent {
                agent: self.array::<20>("agent").into(),
                expiry: self.int("expiry"),
                markets: uint256(self.get("markets")),
            }),
            "RevokeAgent" => Body::RevokeAgent(self.array::<20>("agent").into()),
            "InvalidateNonces" => Body::InvalidateNonces(self.int("floor")),
            _ => Body::Action(self.action(kind)?),
        })
    }

    /// `None` if a number of it means nothing.
    fn signed(&self, kind: &str) -> Option<Signed> {
        let head = Head {
            account: self.array::<20>("account").into(),
            signer: self.array::<20>("signer").into(),
            nonce: self.int("nonce"),
            deadline: self.int("deadline"),
        };
        Some(Signed { head, body: self.body(kind)? })
    }
}

fn action_of(fields: &Value) -> Option<Action> {
    let kind = fields["type"].as_str().unwrap();
    Fields { fields, camel_case: false }.action(kind)
}

fn transaction(fields: &Value) -> Transaction {
    match fields["type"].as_str().unwrap() {
        "InboxEntry" => Transaction::Inbox,
        "ExpireOrder" => Transaction::ExpireOrder(array::<24>(&fields["order_id"]).into()),
        kind => Transaction::Signed(Fields { fields, camel_case: false }.signed(kind).unwrap()),
    }
}

fn block(fields: &Value) -> Block {
    let transactions = list(&fields["transactions"]).iter().map(transaction).collect();
    Block { timestamp: int(&fields["timestamp"]), transactions }
}

#[test]
fn data() {
    let vectors = vectors("data");
    for case in list(&vectors["valid"]) {
        let decoded = decode(&bytes(&case["data"])).unwrap();
        let blocks = list(&case["blocks"]);
        assert_eq!(decoded.first_seq, int::<u64>(&case["first_seq"]));
        assert_eq!(decoded.first_block, int::<u64>(&blocks[0]["number"]));
        assert_eq!(decoded.blocks, blocks.iter().map(block).collect::<Vec<_>>(), "{}", case["name"]);
    }
    for case in list(&vectors["malformed"]) {
        assert!(decode(&bytes(&case["data"])).is_err(), "{}", case["name"]);
    }
}

/// Left out are a few whose enumerations or actions mean nothing. The batches have real ones.
#[test]
fn eip712() {
    let vectors = vectors("eip712");
    let separator = array(&vectors["domain_separator"]);
    assert_eq!(
        signing::domain_separator(int(&vectors["chain_id"]), &array::<20>(&vectors["contract"]).into()),
        separator
    );
    let mut signed_here = 0;
    for case in list(&vectors["cases"]) {
        let key = recover(&array(&case["digest"]), &array(&case["signature"])).unwrap();
        assert_eq!(key, array(&vectors["public_key"]));
        assert_eq!(address_of(&key), array(&vectors["address"]));
        let fields = Fields { fields: &case["message"], camel_case: true };
        if let Some(signed) = fields.signed(case["primary_type"].as_str().unwrap()) {
            assert_eq!(signing::Domain::new(&separator).digest(&signed).to_bytes(), array(&case["digest"]));
            signed_here += 1;
        }
    }
    assert!(signed_here > 0);
}

#[test]
fn inbox_hashes() {
    let mut hash = [0; 32];
    for case in list(&vectors("inbox")["entries"]) {
        let entry = bytes(&case["entry"]);
        hash = inbox::extend(&hash, &entry);
        assert_eq!(hash, array(&case["inbox_hash"]));
        if let Some(time) = case["parsed"].get("time") {
            assert_eq!(inbox::time(&entry), int::<u64>(time));
        }
    }
}

#[test]
fn outbox() {
    for tree in list(&vectors("outbox")["trees"]) {
        let mut outbox = Outbox::default();
        let leaves = list(&tree["leaves"]);
        for leaf in leaves {
            let fields = &leaf["withdrawal"];
            let (token, amount) = (int(&fields["token"]), int(&fields["amount"]));
            outbox.append(
                &array::<20>(&fields["recipient"]).into(),
                token,
                amount,
                int(&fields["max_relay_fee"]),
            );
            assert_eq!(outbox.leaves.last().unwrap(), &array(&leaf["encoded"]));
        }
        assert_eq!(outbox.root(), array(&tree["root"]));
        let hashes: Vec<Digest> = leaves.iter().map(|leaf| array(&leaf["leaf"])).collect();
        assert_eq!(merkle_root(hashes.clone()), array(&tree["root"]));
        for (index, leaf) in leaves.iter().enumerate() {
            let proof: Vec<Digest> = list(&leaf["proof"]).iter().map(array).collect();
            assert_eq!(merkle_proof(hashes.clone(), index), Some(proof));
        }
    }
}

#[test]
fn public_values() {
    for case in list(&vectors("public_values")["cases"]) {
        let values = &case["values"];
        let values = PublicValues {
            domain_separator: array(&values["domain_separator"]),
            prev_state_root: array(&values["prev_state_root"]),
            new_state_root: array(&values["new_state_root"]),
            inbox_cursor: int(&values["inbox_cursor"]),
            inbox_hash: array(&values["inbox_hash"]),
            data_carrier: int(&values["data_carrier"]),
            data_hash: array(&values["data_hash"]),
            outbox_root: array(&values["outbox_root"]),
            outbox_count: int(&values["outbox_count"]),
            block_number: int(&values["block_number"]),
            timestamp: int(&values["timestamp"]),
            first_seq: int(&values["first_seq"]),
            end_seq: int(&values["end_seq"]),
            digests_hash: array(&values["digests_hash"]),
        };
        assert_eq!(values.encode(), array(&case["encoded"]));
    }
}

#[test]
fn data_in_blobs() {
    for case in list(&vectors("blobs")["cases"]) {
        let data: Vec<u8> = (0..int(&case["length"])).map(|i: usize| (i % 251) as u8).collect();
        let hashes: Vec<Digest> =
            list(&case["blobs"]).iter().map(|blob| array(&blob["versioned_hash"])).collect();
        assert_eq!(data_hash(&data, &hashes), Ok(array(&case["data_hash"])), "{}", case["name"]);
        assert_eq!(data_hash(&data, &[]), Ok(array(&case["content_hash"])));
    }
}

/// Makes the writes of a step and checks the root after it.
fn write(state: &mut State, step: &Value) {
    for write in list(&step["writes"]) {
        let value = (!write[2].is_null()).then(|| bytes(&write[2]));
        state.map(int(&write[0])).unwrap().set(&bytes(&write[1]), value.as_deref()).unwrap();
    }
    state.meta = decode_meta(&bytes(&step["meta"])).unwrap();
    assert_eq!(state.root(), array(&step["root"]));
}

#[test]
fn state_roots() {
    let mut state = State::default();
    list(&vectors("state")["steps"]).iter().for_each(|step| write(&mut state, step));
}

#[test]
fn records() {
    for record in list(&vectors("state")["records"]) {
        let (key, value) = (bytes(&record["key"]), bytes(&record["value"]));
        let map = match record["fields"]["type"].as_str().unwrap() {
            "Meta" => {
                let meta = decode_meta(&value).unwrap();
                assert_eq!(encode_meta(&meta)[..], value);
                assert_eq!(meta.next_seq, int::<u64>(&record["fields"]["next_seq"]));
                continue;
            }
            "Account" => 0,
            "Order" => 1,
            "Token" | "Market" => 3,
            other => panic!("{other} is not in the state"),
        };
        let mut state = State::default();
        let map = state.map(map).unwrap();
        map.set(&key, Some(&value)).unwrap();
        assert_eq!(map.items(), [(key, value)]);
    }
}

fn signature(value: &Value) -> Signature {
    Signature { public_key: array(&value["public_key"]), bytes: array(&value["signature"]) }
}

#[test]
fn batches() {
    let vectors = vectors("batches");
    let domain_separator = &array(&vectors["domain_separator"]);
    for case in list(&vectors["cases"]) {
        let mut state = State::default();
        write(&mut state, &case["pre"]);
        let (data, inbox) =
            (bytes(&case["data"]), list(&case["inbox"]).iter().map(bytes).collect::<Vec<_>>());
        let removed: Vec<OrderId> = list(&case["removed"]).iter().map(|id| array::<24>(id).into()).collect();
        let inbox = inbox.iter().map(Vec::as_slice).collect();
        let batch = Batch { domain_separator, data: &data, versioned_hashes: &[], inbox, removed: &removed };
        let signatures: Vec<_> = list(&case["signatures"]).iter().map(signature).collect();
        let (name, post) = (&case["name"], &case["post"]);
        match prepare(&state, &batch, &signatures) {
            Err(error) => assert!(post.is_null(), "{name}: {error}"),
            Ok(_) if post.is_null() => panic!("{name}: was not refused"),
            Ok(prepared) => {
                let results: Vec<u8> = list(&post["results"]).iter().map(int).collect();
                let roots: Vec<Digest> = list(&post["block_roots"]).iter().map(array).collect();
                let outbox: Vec<[u8; 61]> = list(&post["outbox"]).iter().map(array).collect();
                assert!(prepared.results.iter().map(|code| *code as u8).eq(results), "{name}");
                assert_eq!(prepared.block_roots, roots, "{name}");
                assert_eq!(prepared.outbox, outbox, "{name}");
                assert_eq!(prepared.public_values.encode()[..], bytes(&post["public_values"]), "{name}");
            }
        }
    }
}
