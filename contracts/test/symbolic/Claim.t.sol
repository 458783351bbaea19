// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {OutboxLeaf} from "../../src/types/OutboxLeaf.sol";
import {ExchangeFixture} from "../support/ExchangeFixture.sol";

/// @title Payments of any amount, shown for all of them at once (`make audit`)
contract ClaimSymbolic is ExchangeFixture {
    uint128 private constant HELD = 1e24;

    function setUp() public override {
        super.setUp();
        depositUsdc(HELD);
        depositEth(HELD);
    }

    /// A claim takes exactly the leaf's amount of its token, gives it to the recipient, and works once.
    function checkClaimPaysItsAmountOnce(bool native, uint128 amount, uint128 fee, uint32 index) public {
        vm.assume(amount <= HELD);
        (uint32 token, uint32 other) = native ? (ETH, USDC) : (USDC, ETH);
        OutboxLeaf memory leaf = OutboxLeaf(index, BOB, token, amount, fee);
        uint64 batch = settleOutbox(leafHash(leaf), 1);

        claim(batch, leaf, new bytes32[](0));

        assert(exchange.tokenOf(token).holdings == HELD - amount);
        assert(exchange.tokenOf(other).holdings == HELD);
        assert(address(exchange).balance == exchange.tokenOf(ETH).holdings);
        assert(usdc.balanceOf(address(exchange)) == exchange.tokenOf(USDC).holdings);
        assert((native ? BOB.balance : usdc.balanceOf(BOB)) == amount);
        assert(!attempt(batch, leaf));
    }

    /// No leaf but the one in the outbox is paid.
    function checkNoOtherLeafIsPaid(OutboxLeaf memory settled, OutboxLeaf memory claimed) public {
        uint64 batch = settleOutbox(leafHash(settled), 1);
        if (attempt(batch, claimed)) assert(leafHash(claimed) == leafHash(settled));
    }

    function attempt(uint64 batch, OutboxLeaf memory leaf) private returns (bool paid) {
        (paid,) = address(exchange)
            .call(
                abi.encodeCall(
                    exchange.claim,
                    (batch, leaf.index, leaf.recipient, leaf.token, leaf.amount, leaf.maxRelayFee, new bytes32[](0))
                )
            );
    }
}
