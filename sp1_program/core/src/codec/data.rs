//! A batch's transactions as L1 receives them (protocol section 5). A list of transactions has one encoding.

use std::collections::BTreeMap;

use super::values::time_in_force;
use super::Reader;
use crate::book;
use crate::errors::Error;
use crate::types::*;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    pub first_block: u64,
    pub first_seq: u64,
    pub blocks: Vec<Block>,
}

/// Decodes `data`, or says why it is not the encoding of any list of transactions.
pub fn decode(data: &[u8]) -> Result<Data, Error> {
    let mut decoder = Decoder::new(data)?;
    let (first_block, first_seq) = (decoder.first_block, decoder.seq);
    let mut blocks = Vec::new();
    while let Some(BlockHead { timestamp, count }) = decoder.next_block()? {
        let transactions = (0..count).map(|_| decoder.next_transaction()).collect::<Result<_, _>>()?;
        blocks.push(Block { timestamp, transactions });
    }
    decoder.finish()?;
    Ok(Data { first_block, first_seq, blocks })
}

/// The addresses that transactions refer to, each once.
fn dictionary(reader: &mut Reader) -> Result<Vec<Address>, Error> {
    let n = reader.varint()?;
    let fits = usize::try_from(n).ok().filter(|n| *n <= reader.remaining() / 20);
    let n = fits.ok_or(Error::Malformed("ends too early"))?;
    let addresses: Vec<Address> = (0..n).map(|_| reader.address()).collect::<Result<_, _>>()?;
    // In any order.
    let mut sorted: Vec<&[u64; 3]> = addresses.iter().map(Address::words).collect();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Error::Malformed("an address that is twice in the dictionary"));
    }
    Ok(addresses)
}

/// What comes before a block's transactions.
pub struct BlockHead {
    pub timestamp: u64,
    /// Of transactions, at least one.
    pub count: usize,
}

/// Decodes block by block and transaction by transaction: the guest has no room to spare for a list of them.
pub struct Decoder<'a> {
    reader: Reader<'a>,
    /// Number of the first block.
    pub first_block: u64,
    /// Sequence number of the transaction that comes next.
    pub seq: u64,
    blocks_left: usize,
    timestamp: u64,
    // What later transactions are written relative to:
    addresses: Vec<Address>,
    /// Addresses from here on were not used yet.
    used: usize,
    /// For each address, the nonce of its last transaction.
    nonces: Vec<u64>,
    deadline: u64,
    price_keys: PriceKeys,
    /// For the next batch of actions: what its predecessor's were held in.
    actions: Vec<Action>,
}

impl<'a> Decoder<'a> {
    pub fn new(data: &'a [u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(data);
        if reader.u8()? != 1 {
            return Err(Error::Malformed("version of the data"));
        }
        let addresses = dictionary(&mut reader)?;
        let (first_block, seq) = (reader.varint()?, reader.varint()?);
        let mut decoder = Decoder {
            reader,
            first_block,
            seq,
            blocks_left: 0,
            timestamp: 0,
            used: 0,
            nonces: vec![0; addresses.len()],
            addresses,
            deadline: 0,
            price_keys: PriceKeys::default(),
            actions: Vec::new(),
        };
        decoder.blocks_left = decoder.count()?;
        Ok(decoder)
    }

    /// Checks, after the last block, that nothing is left over.
    pub fn finish(self) -> Result<(), Error> {
        if self.used < self.addresses.len() {
            return Err(Error::Malformed("an address that is not used"));
        }
        self.reader.finish()
    }

    /// The next block; its transactions are to be read before the one after it.
    pub fn next_block(&mut self) -> Result<Option<BlockHead>, Error> {
        if self.blocks_left == 0 {
            return Ok(None);
        }
        self.blocks_left -= 1;
        let elapsed = self.reader.varint()?;
        self.timestamp = self.timestamp.checked_add(elapsed).ok_or(Error::Malformed("time does not fit"))?;
        Ok(Some(BlockHead { timestamp: self.timestamp, count: self.count()? }))
    }

    /// Inlined, as `action` is.
    #[inline(always)]
    pub fn next_transaction(&mut self) -> Result<Transaction, Error> {
        let transaction = self.transaction()?;
        self.seq = self.seq.checked_add(1).ok_or(Error::Malformed("sequence number does not fit"))?;
        Ok(transaction)
    }

    /// Takes back what a transaction is held in, for the next one: memory that is new costs the guest more.
    pub fn reuse(&mut self, transaction: Transaction) {
        if let Transaction::Signed(Signed { body: Body::Batch(actions), .. }) = transaction {
            self.actions = actions;
        }
    }

    /// A count of at least one, and no more than the bytes that are left.
    fn count(&mut self) -> Result<usize, Error> {
        let n = self.reader.varint()?;
        let fits = usize::try_from(n).ok().filter(|n| (1..=self.reader.remaining()).contains(n));
        fits.ok_or(Error::Malformed("count of blocks or transactions"))
    }

    #[inline(always)]
    fn transaction(&mut self) -> Result<Transaction, Error> {
        let kind = self.reader.u8()?;
        match kind {
            0 => return Ok(Transaction::Inbox),
            0x0c => return Ok(Transaction::ExpireOrder(self.order_id()?)),
            _ => {}
        }
        let (head, account) = self.head()?;
        let body = match kind {
            6 => Body::Batch(self.actions()?),
            7 => Body::Withdraw(self.withdraw(account)?),
            8 => Body::Transfer(self.transfer()?),
            9 => Body::ApproveAgent(self.approve_agent()?),
            10 => Body::RevokeAgent(self.address()?),
            11 => Body::InvalidateNonces(self.reader.varint()?),
            _ => self.action(kind, Body::Action)?,
        };
        Ok(Transaction::Signed(Signed { head, body }))
    }

    fn actions(&mut self) -> Result<Vec<Action>, Error> {
        let n = self.reader.varint()?;
        if !(1..=MAX_BATCH_ITEMS).contains(&n) {
            return Err(Error::Malformed("count of actions in a batch"));
        }
        let mut actions = std::mem::take(&mut self.actions);
        actions.clear();
        actions.reserve(MAX_BATCH_ITEMS as usize);
        for _ in 0..n {
            let kind = self.reader.u8()?;
            self.action(kind, |action| actions.push(action))?;
        }
        Ok(actions)
    }

    /// Gives `take` the action where it is made: all is inlined, or the guest would copy the whole of it.
    #[inline(always)]
    fn action<T>(&mut self, kind: u8, take: impl FnOnce(Action) -> T) -> Result<T, Error> {
        Ok(match kind {
            1 => take(Action::PlaceOrder(self.place_order()?)),
            2 => take(Action::CancelOrder(self.order_id()?)),
            3 => take(Action::CancelClientOrder(self.reader.u128()?)),
            4 => take(Action::CancelAll(self.reader.varint32()?)),
            5 => take(Action::ReplaceOrder(self.replace_order()?)),
            _ => return Err(Error::Malformed("kind of a transaction")),
        })
    }

    /// The head, and the account's index in the dictionary.
    fn head(&mut self) -> Result<(Head, usize), Error> {
        let account = self.reference()?;
        let signer = self.own(account)?;
        let nonce = self.reader.zigzag(self.nonces[account])?;
        self.nonces[account] = nonce;
        self.deadline = self.reader.zigzag(self.deadline)?;
        let head = Head { account: self.addresses[account], signer, nonce, deadline: self.deadline };
        Ok((head, account))
    }

    /// An index into the dictionary, whose addresses come in the order of their first use.
    fn reference(&mut self) -> Result<usize, Error> {
        let index = self.reader.varint()?;
        self.use_address(index)
    }

    fn use_address(&mut self, index: u64) -> Result<usize, Error> {
        let next = self.addresses.len().min(self.used + 1);
        let index = usize::try_from(index).ok().filter(|index| *index < next);
        let index = index.ok_or(Error::Malformed("reference to an address"))?;
        self.used = self.used.max(index + 1);
        Ok(index)
    }

    /// An address that is often the account's own.
    fn own(&mut self, account: usize) -> Result<Address, Error> {
        let index = match self.reader.varint()? {
            0 => account,
            n => match self.use_address(n - 1)? {
                index if index == account => return Err(Error::Malformed("the account by reference")),
                index => index,
            },
        };
        Ok(self.addresses[index])
    }

    fn address(&mut self) -> Result<Address, Error> {
        let index = self.reference()?;
        Ok(self.addresses[index])
    }

    /// Inlined, as `action` is.
    #[inline(always)]
    fn place_order(&mut self) -> Result<PlaceOrder, Error> {
        let Options { side, time_in_force, self_trade, named } = self.options()?;
        let market = self.reader.varint32()?;
        let price_key = self.price_key(book::id(market, side))?;
        let size = self.reader.varint()?;
        let client_order_id = self.client_order_id(named)?;
        let price = book::price(side, price_key);
        Ok(PlaceOrder { market, side, time_in_force, self_trade, price, size, client_order_id })
    }

    fn replace_order(&mut self) -> Result<ReplaceOrder, Error> {
        let book = self.reader.varint()?;
        let order_id = self.order_id_in(book)?;
        let Options { side, time_in_force, self_trade, named } = self.options()?;
        if side != Side::Bid {
            return Err(Error::Malformed("options of an order"));
        }
        // Relative to the key in the order id, which is now the last one of the book.
        let price = book::price(book::side(book), self.price_key(book)?);
        let size = self.reader.varint()?;
        let expected_size = self.reader.zigzag(size)?;
        let client_order_id = self.client_order_id(named)?;
        Ok(ReplaceOrder { order_id, time_in_force, self_trade, price, size, expected_size, client_order_id })
    }

    fn options(&mut self) -> Result<Options, Error> {
        let options = self.reader.u8()?;
        if options >> 7 != 0 {
            return Err(Error::Malformed("options of an order"));
        }
        Ok(Options {
            side: if options & 1 == 0 { Side::Bid } else { Side::Ask },
            time_in_force: time_in_force(options >> 1 & 7)?,
            self_trade: self_trade(options >> 4 & 3),
            named: options >> 6 == 1,
        })
    }

    /// Not 0 where it is written.
    fn client_order_id(&mut self, named: bool) -> Result<u128, Error> {
        if !named {
            return Ok(0);
        }
        match self.reader.u128()? {
            0 => Err(Error::Malformed("a client order id of 0")),
            id => Ok(id),
        }
    }

    fn order_id(&mut self) -> Result<OrderId, Error> {
        let book = self.reader.varint()?;
        self.order_id_in(book)
    }

    fn order_id_in(&mut self, book: u64) -> Result<OrderId, Error> {
        let price_key = self.price_key(book)?;
        let age = self.reader.zigzag(0)?;
        let place = self.seq.wrapping_mul(MAX_BATCH_ITEMS).wrapping_sub(age);
        Ok(OrderId::new(book, price_key, place))
    }

    fn price_key(&mut self, book: u64) -> Result<u64, Error> {
        let last = self.price_keys.of(book);
        *last = self.reader.zigzag(*last)?;
        Ok(*last)
    }

    fn withdraw(&mut self, account: usize) -> Result<Withdraw, Error> {
        Ok(Withdraw {
            token: self.reader.varint32()?,
            amount: self.reader.varint128()?,
            recipient: self.own(account)?,
            max_relay_fee: self.reader.varint128()?,
        })
    }

    fn transfer(&mut self) -> Result<Transfer, Error> {
        Ok(Transfer { to: self.address()?, token: self.reader.varint32()?, amount: self.reader.varint128()? })
    }

    fn approve_agent(&mut self) -> Result<ApproveAgent, Error> {
        Ok(ApproveAgent {
            agent: self.address()?,
            expiry: self.reader.varint()?,
            markets: self.reader.array()?,
        })
    }
}

/// For each book, the last price key, 0 at first.
#[derive(Default)]
struct PriceKeys {
    /// Of the books that can be, by number.
    listed: Vec<u64>,
    others: BTreeMap<u64, u64>,
}

impl PriceKeys {
    #[inline(always)]
    fn of(&mut self, book: u64) -> &mut u64 {
        if book > book::id(MAX_MARKET_ID, Side::Ask) {
            return self.others.entry(book).or_insert(0);
        }
        let book = book as usize;
        if book >= self.listed.len() {
            self.listed.resize(book + 1, 0);
        }
        &mut self.listed[book]
    }
}

/// What one byte says of an order.
struct Options {
    side: Side,
    time_in_force: TimeInForce,
    self_trade: SelfTrade,
    /// Whether a client order id follows.
    named: bool,
}

fn self_trade(bits: u8) -> SelfTrade {
    match bits {
        0 => SelfTrade::CancelTaker,
        1 => SelfTrade::CancelMaker,
        2 => SelfTrade::CancelBoth,
        _ => SelfTrade::Decrement,
    }
}
