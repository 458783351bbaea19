//! Nonces (protocol section 3): `lane << 48 | sequence`. Each lane remembers which of its latest numbers are used.

use crate::errors::{check, Code, Error, Stop};
use crate::ledger::{MAX_LIST, TOO_LONG};
use crate::state::{State, Store};
use crate::types::*;

const SEQUENCE_BITS: u32 = 48;
const LAST_SEQUENCE: u64 = (1 << SEQUENCE_BITS) - 1;

/// Lane and sequence number of a nonce.
pub fn split(nonce: u64) -> (u16, u64) {
    ((nonce >> SEQUENCE_BITS) as u16, nonce & LAST_SEQUENCE)
}

/// Makes the nonces of a lane of the account below a floor unusable.
pub fn invalidate<S: Store>(state: &mut State<S>, account: &Address, floor: u64) -> Result<(), Stop> {
    state.account_mut(account)?.invalidate_nonces(floor)
}

impl Account {
    fn lane(&self, lane: u16) -> Result<usize, usize> {
        self.lanes.binary_search_by_key(&lane, |entry| entry.lane)
    }

    /// One more than the highest sequence number of a lane that was used.
    fn top(&self, lane: u16) -> u64 {
        self.lane(lane).map_or(0, |at| self.lanes[at].top)
    }

    /// Uses sequence number `sequence` of a lane, or says why it cannot be used.
    pub fn use_nonce(&mut self, lane: u16, sequence: u64) -> Result<(), Code> {
        let at = match self.lane(lane) {
            Ok(at) => at,
            Err(_) if sequence > MAX_NONCE_JUMP => return Err(Code::NonceTooHigh),
            Err(_) if self.lanes.len() == MAX_LIST => return Err(Code::NonceLane),
            Err(at) => {
                self.lanes.insert(at, Lane { lane, top: sequence + 1, window: 1 });
                return Ok(());
            }
        };
        self.lanes[at].mark(sequence)
    }

    /// The lane is the owner's or that of one of its agents.
    fn invalidate_nonces(&mut self, floor: u64) -> Result<(), Stop> {
        let (lane, sequence) = split(floor);
        let owned = lane < OWNER_LANES || self.agents.iter().any(|agent| agent.lane == lane);
        check(owned && sequence <= self.top(lane).saturating_add(MAX_NONCE_JUMP), Code::InvalidFloor)?;
        Ok(self.raise(lane, sequence)?)
    }

    /// Makes every nonce that could be used now unusable.
    pub fn invalidate_all_nonces(&mut self) -> Result<(), Error> {
        let agents: Vec<u16> = self.agents.iter().map(|agent| agent.lane).collect();
        for lane in (0..OWNER_LANES).chain(agents) {
            let floor = self.top(lane).saturating_add(MAX_NONCE_JUMP + 1);
            if floor <= LAST_SEQUENCE {
                self.raise(lane, floor)?;
            }
        }
        Ok(())
    }

    fn raise(&mut self, lane: u16, floor: u64) -> Result<(), Error> {
        match self.lane(lane) {
            Ok(at) => self.lanes[at].raise(floor),
            Err(_) if floor == 0 => {}
            Err(_) if self.lanes.len() == MAX_LIST => return Err(TOO_LONG),
            Err(at) => self.lanes.insert(at, Lane { lane, top: floor, window: u128::MAX }),
        }
        Ok(())
    }

    /// Forgets a lane, which must never be given again.
    pub fn drop_lane(&mut self, lane: u16) {
        if let Ok(at) = self.lane(lane) {
            self.lanes.remove(at);
        }
    }
}

impl Lane {
    fn mark(&mut self, sequence: u64) -> Result<(), Code> {
        if sequence >= self.top {
            return self.advance(sequence);
        }
        let behind = self.top - 1 - sequence;
        if behind >= NONCE_WINDOW {
            return Err(Code::NonceTooLow);
        }
        if self.window >> behind & 1 == 1 {
            return Err(Code::NonceUsed);
        }
        self.window |= 1 << behind;
        Ok(())
    }

    fn advance(&mut self, sequence: u64) -> Result<(), Code> {
        let jump = sequence - self.top;
        if jump > MAX_NONCE_JUMP {
            return Err(Code::NonceTooHigh);
        }
        // Bits shifted past the window are numbers that are too low from now on.
        let kept = if jump + 1 < NONCE_WINDOW { self.window << (jump + 1) } else { 0 };
        self.window = kept | 1;
        self.top = sequence + 1;
        Ok(())
    }

    /// Makes every number below `floor` unusable.
    fn raise(&mut self, floor: u64) {
        if floor >= self.top {
            (self.top, self.window) = (floor, u128::MAX);
        } else if self.top - floor < NONCE_WINDOW {
            self.window |= u128::MAX << (self.top - floor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_used_once_and_within_the_window() {
        let mut account = Account::default();
        assert_eq!(account.use_nonce(0, MAX_NONCE_JUMP + 1), Err(Code::NonceTooHigh));
        assert_eq!(account.use_nonce(0, 200), Ok(()));
        assert_eq!(account.use_nonce(0, 200), Err(Code::NonceUsed));
        assert_eq!(account.use_nonce(0, 73), Ok(()));
        assert_eq!(account.use_nonce(0, 72), Err(Code::NonceTooLow));
        assert_eq!(account.use_nonce(0, 201), Ok(()));
        assert_eq!(account.use_nonce(0, 73), Err(Code::NonceTooLow));
        assert_eq!(account.use_nonce(0, 202 + MAX_NONCE_JUMP + 1), Err(Code::NonceTooHigh));
        assert_eq!(account.use_nonce(0, 201 + 128), Ok(()));
        assert_eq!(account.lanes[0], Lane { lane: 0, top: 330, window: 1 });
    }

    /// Against the definition, number by number.
    #[test]
    fn raising_a_lane_makes_exactly_the_numbers_below_unusable() {
        for floor in [0, 1, 72, 73, 150, 199, 200, 201, 202, 300, 1000] {
            let mut before = Account::default();
            for sequence in [100, 150, 199, 200] {
                before.use_nonce(1, sequence).unwrap();
            }
            let mut after = before.clone();
            after.raise(1, floor).unwrap();
            for sequence in 0..1200 {
                let could = before.clone().use_nonce(1, sequence);
                let can = after.clone().use_nonce(1, sequence);
                assert_eq!(can.is_ok(), could.is_ok() && sequence >= floor, "{floor} {sequence}");
            }
        }
    }

    #[test]
    fn only_what_is_raised_above_0_is_stored() {
        let mut account = Account::default();
        account.raise(3, 0).unwrap();
        assert!(account.lanes.is_empty());
        account.raise(3, 2).unwrap();
        account.raise(3, 0).unwrap();
        assert_eq!(account.lanes, [Lane { lane: 3, top: 2, window: u128::MAX }]);
    }
}
