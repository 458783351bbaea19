//! Agents (protocol section 4.6): keys that act for an account in some markets, each on a nonce lane of its own.

use crate::errors::{check, Code, Stop};
use crate::state::{State, Store};
use crate::types::*;

/// Where a signer may act: `None` for the owner, who may everywhere. In a box, as most have none.
pub type Scope = Option<Box<Markets>>;

/// Whether a market is in the scope of an agent with these markets. Market 0, which none is, means all of them.
pub fn in_scope(markets: &Markets, market: u32) -> bool {
    let bit = |market: u8| markets[31 - usize::from(market / 8)] >> (market % 8) & 1 == 1;
    bit(0) || u8::try_from(market).is_ok_and(bit)
}

/// Lets an agent act for an account, or changes what it may do.
pub fn approve<S: Store>(
    state: &mut State<S>,
    account: &Address,
    approval: &ApproveAgent,
) -> Result<(), Stop> {
    let timestamp = state.meta.timestamp;
    Ok(state.account_mut(account)?.approve_agent(account, approval, timestamp)?)
}

pub fn revoke<S: Store>(state: &mut State<S>, account: &Address, agent: &Address) -> Result<(), Stop> {
    Ok(state.account_mut(account)?.revoke_agent(agent)?)
}

impl Account {
    fn agent_at(&self, agent: &Address) -> Result<usize, usize> {
        self.agents.binary_search_by_key(agent, |entry| entry.agent)
    }

    pub fn agent(&self, agent: &Address) -> Option<&Agent> {
        self.agent_at(agent).ok().map(|at| &self.agents[at])
    }

    /// Adds an agent to the account at `own`, on the next lane. One that is there keeps its lane.
    pub fn approve_agent(
        &mut self,
        own: &Address,
        approval: &ApproveAgent,
        timestamp: u64,
    ) -> Result<(), Code> {
        let ApproveAgent { agent, expiry, markets } = *approval;
        check(agent != Address::ZERO && agent != *own, Code::InvalidAgent)?;
        check(markets != [0; 32] && expiry >= timestamp, Code::InvalidAgent)?;
        match self.agent_at(&agent) {
            Ok(at) => {
                let known = &mut self.agents[at];
                (known.expiry, known.markets) = (expiry, markets);
            }
            Err(at) => {
                let lane = self.next_agent_lane;
                check(self.agents.len() < MAX_AGENTS && lane <= LAST_AGENT_LANE, Code::TooManyAgents)?;
                self.agents.insert(at, Agent { agent, lane, expiry, markets });
                self.next_agent_lane = lane + 1;
            }
        }
        Ok(())
    }

    /// Removes an agent and its lane.
    pub fn revoke_agent(&mut self, agent: &Address) -> Result<(), Code> {
        let at = self.agent_at(agent).map_err(|_| Code::UnknownAgent)?;
        let revoked = self.agents.remove(at);
        self.drop_lane(revoked.lane);
        Ok(())
    }

    pub fn revoke_agents(&mut self) {
        for revoked in std::mem::take(&mut self.agents) {
            self.drop_lane(revoked.lane);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_is_the_bits_or_all() {
        let mut markets = [0; 32];
        (markets[31], markets[30], markets[0]) = (0b10, 1, 0x80);
        let allowed: Vec<u32> = (0..600).filter(|market| in_scope(&markets, *market)).collect();
        assert_eq!(allowed, [1, 8, 255]);
        assert!([0, 1, 255, 256, u32::MAX].into_iter().all(|market| in_scope(&ALL_MARKETS, market)));
    }
}
