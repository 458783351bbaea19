//! Poisoned input: it fails with an error, or what was changed shows in the public values.

use zkclob_core::codec::data::decode;
use zkclob_core::errors::{Code, Error};
use zkclob_core::execute;
use zkclob_core::types::*;

use crate::support::*;

#[test]
fn a_changed_bit_of_a_witness_fails_or_shows() {
    let prepared = busy_exchange().prepare().unwrap();
    let honest = prepared.public_values.encode();
    assert_eq!(execute(&prepared.witness), Ok(honest));
    let mut random = Random::new(1);
    for at in 0..prepared.witness.len() {
        let mut witness = prepared.witness.clone();
        witness[at] ^= 1 << random.below(8);
        assert_ne!(execute(&witness), Ok(honest), "byte {at}");
    }
}

/// What the tests here start from does what it is meant to do.
#[test]
fn the_busy_batch_succeeds() {
    let mut exchange = busy_exchange();
    let results = exchange.seal().unwrap().results;
    let failed: Vec<_> = results.iter().filter(|code| **code != Code::Ok).collect();
    assert_eq!((results.len(), failed), (15, vec![&Code::UnknownOrder]));
    assert_eq!(orders(&exchange, Side::Bid), [(89, 2), (88, 3), (86, 2), (85, 2)]);
}

#[test]
fn a_cut_or_longer_witness_fails() {
    let witness = busy_exchange().prepare().unwrap().witness;
    for length in 0..witness.len() {
        assert!(execute(&witness[..length]).is_err(), "{length} bytes");
    }
    assert_eq!(execute(&[&witness[..], &[0]].concat()), Err(Error::Malformed("not a whole number of words")));
}

#[test]
fn s29_witnesses_with_many_changes_never_panic() {
    let witness = busy_exchange().prepare().unwrap().witness;
    for seed in 0..3_000 {
        let mut random = Random::new(seed);
        let mut changed = witness.clone();
        for _ in 0..1 + random.below(12) {
            let at = random.below(changed.len() as u64) as usize;
            match random.below(4) {
                0 => changed[at] = random.below(256) as u8,
                1 => changed[at] = 0xff,
                2 => drop(changed.remove(at)),
                _ => changed.insert(at, random.below(5) as u8),
            }
        }
        let _ = execute(&changed);
    }
}

/// Large numbers everywhere in the state, which is not one that the transition makes.
#[test]
fn a_state_that_cannot_be_is_an_error() {
    let mut exchange = busy_exchange();
    let market = exchange.state.market_mut(MARKET).unwrap();
    (market.lot_size, market.tick_size) = (u128::MAX, u128::MAX);
    assert!(matches!(exchange.prepare().err(), Some(Error::Inconsistent(_))));

    let mut exchange = busy_exchange();
    exchange.state.meta.next_seq = u64::MAX;
    assert!(exchange.prepare().is_err());

    let mut exchange = busy_exchange();
    exchange.state.meta.block_number = u64::MAX - 1;
    assert!(exchange.prepare().is_ok());
    let taker = Trader::new(7).address;
    exchange.state.account_mut(&taker).unwrap().balances[0].total = u128::MAX;
    assert!(matches!(exchange.prepare().err(), Some(Error::Inconsistent(_))));
}

/// Whatever decodes is the one encoding of what it decodes to.
#[test]
fn data_that_decodes_has_one_encoding() {
    let honest = busy_exchange().data();
    let mut decoded = 0;
    for seed in 0..20_000 {
        let mut random = Random::new(seed);
        let mut data = honest.clone();
        for _ in 0..1 + random.below(3) {
            let at = random.below(data.len() as u64) as usize;
            data[at] = if random.below(2) == 0 { random.below(256) as u8 } else { data[at] ^ 1 };
        }
        if let Ok(list) = decode(&data) {
            assert_eq!(encode(list.first_block, list.first_seq, &list.blocks), data, "seed {seed}");
            decoded += 1;
        }
    }
    assert!(decoded > 1_000);
}

#[test]
fn data_in_another_form_does_not_decode() {
    let address = Address::new([1; 20]);
    let batch = |dictionary: &[Address], transactions: &[&[u8]]| {
        let head = [
            &[1, dictionary.len() as u8][..],
            &dictionary.iter().flat_map(|address| address.to_vec()).collect::<Vec<_>>(),
            &[1, 1, 1, 5],
        ]
        .concat();
        [head, vec![transactions.len() as u8], transactions.concat()].concat()
    };
    let one = |bytes: &[u8]| batch(&[address], &[bytes]);
    // Head and body; the body of each of these ends with a client order id of 0 or 1.
    let named = |bytes: &[u8], id: u8| [bytes, &[0; 15], &[id]].concat();
    let cancel = named(&[3, 0, 0, 0, 0], 0);
    for right in [
        &cancel[..],
        &[6, 0, 0, 0, 0, 1, 4, 1],
        &[5, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0],
        &named(&[5, 0, 0, 0, 0, 2, 0, 0, 64, 0, 1, 0], 1),
        &named(&[1, 0, 0, 0, 0, 64, 1, 0, 1], 1),
        &[8, 0, 0, 0, 0, 0, 1, 1],
        &[4, 0, 0, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x08],
        &[0x0a, 0, 0, 0, 0, 0],
        &[0x0b, 0, 0, 0, 0, 0],
    ] {
        assert!(decode(&one(right)).is_ok(), "{right:?}");
    }
    assert!(
        decode(&batch(&[address, Address::new([2; 20])], &[&cancel, &named(&[3, 1, 0, 0, 0], 0)])).is_ok()
    );
    for (what, data) in [
        ("no blocks", vec![1, 0, 1, 1, 0]),
        ("a block without transactions", batch(&[], &[])),
        ("an address that is not used", batch(&[address, Address::new([2; 20])], &[&cancel])),
        ("an address that is twice there", batch(&[address; 2], &[&cancel, &named(&[3, 1, 0, 0, 0], 0)])),
        ("the account as the signer by reference", one(&named(&[3, 0, 1, 0, 0], 0))),
        (
            "a reference beyond the next address",
            batch(&[address, Address::new([2; 20])], &[&named(&[3, 1, 0, 0, 0], 0)]),
        ),
        ("an unknown kind", one(&named(&[0x0d, 0, 0, 0, 0], 0))),
        ("a batch of no actions", one(&[6, 0, 0, 0, 0, 0])),
        ("a batch of 65 actions", one(&[&[6, 0, 0, 0, 0, 65][..], &[4, 1].repeat(65)].concat())),
        ("a batch in a batch", one(&[6, 0, 0, 0, 0, 1, 6, 1, 4, 1])),
        ("an expiry in a batch", one(&[6, 0, 0, 0, 0, 1, 0x0c, 0, 0, 0])),
        ("a withdrawal in a batch", one(&[6, 0, 0, 0, 0, 1, 7, 1, 1, 0, 0])),
        ("a replacement with a side", one(&[5, 0, 0, 0, 0, 2, 0, 0, 1, 0, 1, 0])),
        ("a replacement with a name of 0", one(&named(&[5, 0, 0, 0, 0, 2, 0, 0, 64, 0, 1, 0], 0))),
        ("an order with a name of 0", one(&named(&[1, 0, 0, 0, 0, 64, 1, 0, 1], 0))),
        ("an order with bit 7", one(&[1, 0, 0, 0, 0, 128, 1, 0, 1])),
        ("a transfer to nobody", one(&[8, 0, 0, 0, 0, 1, 1, 1])),
        ("an approval cut short", one(&[&[9, 0, 0, 0, 0, 0, 1][..], &[1; 31]].concat())),
        ("a market of 33 bits", one(&[4, 0, 0, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x10])),
        ("bytes left over", [one(&cancel), vec![0]].concat()),
    ] {
        assert!(decode(&data).is_err(), "{what}");
    }
}
