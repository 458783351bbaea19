//! Poisoned input: it fails with an error, or what was changed shows in the public values.

use zkclob_core::codec::data::decode;
use zkclob_core::errors::Error;
use zkclob_core::execute;
use zkclob_core::types::*;

use crate::support::*;

/// A batch that uses every kind of transaction and leaves subtrees out.
fn busy_exchange() -> Exchange {
    let mut traders = [1, 2, 3, 4, 5, 6].map(Trader::new);
    let mut exchange = open_market(&traders.each_ref());
    for (i, trader) in traders.iter_mut().enumerate() {
        let named =
            PlaceOrder { client_order_id: 1, ..order(Side::Ask, TimeInForce::Gtc, 100 + i as u64, 2) };
        exchange.place(trader, named);
    }
    exchange.seal_ok();
    let [maker, .., taker] = &mut traders;
    exchange.enter(deposit(BASE, &[7; 20], 5));
    exchange.send(maker, Action::CancelClientOrder(1));
    exchange.place(taker, order(Side::Bid, TimeInForce::Gtc, 103, 3));
    let withdraw = Withdraw { token: BASE, amount: 1, recipient: [9; 20], max_relay_fee: 0 };
    exchange.send(taker, Body::Withdraw(withdraw));
    exchange
}

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

#[test]
fn a_cut_or_longer_witness_fails() {
    let witness = busy_exchange().prepare().unwrap().witness;
    for length in 0..witness.len() {
        assert!(execute(&witness[..length]).is_err(), "{length} bytes");
    }
    assert_eq!(execute(&[&witness[..], &[0]].concat()), Err(Error::Malformed("bytes left over")));
}

#[test]
fn witnesses_with_many_changes_never_panic() {
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
    let taker = Trader::new(6).address;
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
    let address = [1; 20];
    let cancel = [3, 0, 0, 0, 0];
    let batch = |dictionary: &[Address], transactions: &[&[u8]]| {
        let head = [&[1, dictionary.len() as u8][..], dictionary.as_flattened(), &[1, 1, 1, 5]].concat();
        [head, vec![transactions.len() as u8], transactions.concat()].concat()
    };
    let id = [0; 16];
    assert!(decode(&batch(&[address], &[&cancel, &id])[..]).is_err());
    let transaction = [&cancel[..], &id].concat();
    assert!(decode(&batch(&[address], &[&transaction])).is_ok());
    for (what, data) in [
        ("no blocks", vec![1, 0, 1, 1, 0]),
        ("a block without transactions", batch(&[], &[])),
        ("an address that is not used", batch(&[address, [2; 20]], &[&transaction])),
        ("an address that is twice there", batch(&[address; 2], &[&transaction, &[3, 1, 0, 0, 0], &id])),
        ("the account as the signer by reference", batch(&[address], &[&[3, 0, 1, 0, 0], &id])),
        ("a reference beyond the next address", batch(&[address, [2; 20]], &[&[3, 1, 0, 0, 0], &id])),
        ("bytes left over", [batch(&[address], &[&transaction]), vec![0]].concat()),
    ] {
        assert!(decode(&data).is_err(), "{what}");
    }
}
