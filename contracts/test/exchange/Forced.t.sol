// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Exchange} from "../../src/Exchange.sol";
import {IExchange} from "../../src/interfaces/IExchange.sol";
import {Batch} from "../../src/types/Batch.sol";
import {Configuration} from "../../src/types/Configuration.sol";
import {ExchangeFixture} from "../support/ExchangeFixture.sol";

/// @title Asks for its own exit, and takes no ether
contract ContractAccount {
    function forceExit(Exchange exchange) external payable {
        exchange.forceExit{value: msg.value}();
    }
}

contract ForcedTest is ExchangeFixture {
    function expectAppended(bytes memory entry) private {
        uint64 index = exchange.inboxLength();
        bytes32 chainHash = keccak256(abi.encodePacked(exchange.inboxHash(index), entry));
        vm.expectEmit(true, true, true, true, address(exchange));
        emit IExchange.InboxAppended(index, chainHash, entry);
    }

    /// The entries of the protocol's section 4.8, with the caller as their account.
    function testEachOperationEntersTheInbox() public {
        vm.warp(START + 7);
        vm.startPrank(ALICE);
        expectAppended(abi.encodePacked(uint8(2), START + 7, ALICE));
        assertEq(exchange.forceExit{value: FORCED_FEE}(), 2);
        expectAppended(abi.encodePacked(uint8(3), START + 7, ALICE));
        assertEq(exchange.cancelAll{value: FORCED_FEE}(), 3);
        expectAppended(abi.encodePacked(uint8(4), START + 7, ALICE, BOB, uint64(99), uint256(5)));
        assertEq(exchange.approveAgent{value: FORCED_FEE}(BOB, 99, 5), 4);
        expectAppended(abi.encodePacked(uint8(5), START + 7, ALICE));
        assertEq(exchange.revokeAgents{value: FORCED_FEE}(), 5);
        vm.stopPrank();
        assertEq(exchange.inboxTime(5), START + 7);
        assertEq(exchange.inboxTime(6), 0);
    }

    function testTheSumOfFeesIsKeptForEachEntry() public {
        forceExitAs(BOB);
        depositEth(1 ether);
        forceExitAs(BOB);
        assertEq(exchange.feesThrough(2), 0);
        assertEq(exchange.feesThrough(3), FORCED_FEE);
        assertEq(exchange.feesThrough(4), FORCED_FEE);
        assertEq(exchange.feesThrough(5), 2 * FORCED_FEE);
        assertEq(address(exchange).balance, 1 ether + 2 * FORCED_FEE);
        assertEq(exchange.tokenOf(ETH).holdings, 1 ether);
    }

    function testFuzzWhatIsSentAboveTheFeeComesBack(uint256 sent) public {
        sent = bound(sent, FORCED_FEE, 100 ether);
        uint256 before = ALICE.balance;
        vm.prank(ALICE);
        exchange.forceExit{value: sent}();
        assertEq(ALICE.balance, before - FORCED_FEE);
        assertEq(address(exchange).balance, FORCED_FEE);
    }

    function testTooLittleIsRefused() public {
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IExchange.FeeTooLow.selector, FORCED_FEE - 1, uint256(FORCED_FEE)));
        exchange.cancelAll{value: FORCED_FEE - 1}();
        assertEq(exchange.inboxLength(), 2);
    }

    function testAContractThatTakesNoEtherPaysTheExactFee() public {
        ContractAccount account = new ContractAccount();
        account.forceExit{value: FORCED_FEE}(exchange);
        assertEq(exchange.inboxLength(), 3);
        vm.expectRevert(bytes4(keccak256("FailedCall()")));
        account.forceExit{value: FORCED_FEE + 1}(exchange);
    }

    /// One base more for each 64 entries that wait, 32 at most; settled entries do not count.
    function testTheFeeRisesWithTheQueueAndFallsWithIt() public {
        for (uint256 waiting = 2; waiting < 2_200; waiting++) {
            uint256 steps = waiting / 64 < 31 ? waiting / 64 : 31;
            assertEq(exchange.forcedFee(), FORCED_FEE * (1 + steps));
            depositEth(MIN_ETH);
        }
        settle(nextBatch());
        assertEq(exchange.forcedFee(), FORCED_FEE);
    }

    /// No entry is refused for the length of the queue, and any burst is settled through by batches of a few hundred entries.
    function testABurstOfTenThousandEntriesIsSettledThrough() public {
        settle(nextBatch());
        for (uint256 i = 0; i < 10_000; i++) {
            depositEth(MIN_ETH);
        }
        vm.warp(block.timestamp + INCLUSION + 1);
        uint64 length = exchange.inboxLength();
        for (uint64 cursor = 2; cursor < length;) {
            uint64 next = cursor + 400 < length ? cursor + 400 : length;
            Batch memory batch = nextBatch();
            batch.inboxCursor = cursor;
            expectUnsettled(BOB, batch, abi.encodeWithSelector(IExchange.InboxOverdue.selector, cursor));
            batch.inboxCursor = next;
            settleAs(BOB, batch);
            cursor = next;
        }
        assertEq(exchange.head().inboxCursor, length);
    }

    function testWhoSettlesGetsTheFees() public {
        forceExitAs(ALICE);
        forceExitAs(ALICE);
        Batch memory batch = nextBatch();
        batch.inboxCursor--;
        settle(batch);
        assertEq(exchange.settlerFees(POSTER), FORCED_FEE);
        vm.warp(block.timestamp + INCLUSION + 1);
        settleAs(BOB, nextBatch());
        assertEq(exchange.settlerFees(POSTER), FORCED_FEE);
        assertEq(exchange.settlerFees(BOB), FORCED_FEE);

        vm.expectEmit(true, true, true, true, address(exchange));
        emit IExchange.FeesCollected(POSTER, FORCED_FEE);
        vm.prank(ALICE);
        exchange.collectFees(POSTER);
        assertEq(POSTER.balance, FORCED_FEE);
        vm.expectRevert(abi.encodeWithSelector(IExchange.NothingToCollect.selector, POSTER));
        exchange.collectFees(POSTER);
        exchange.collectFees(BOB);
        assertEq(address(exchange).balance, 0);
    }

    function testABaseAboveTheLimitIsRefused() public {
        Configuration memory wrong = configuration();
        wrong.forcedFee = 0.02 ether;
        new Exchange(wrong);
        wrong.forcedFee++;
        vm.expectRevert(
            abi.encodeWithSelector(IExchange.ForcedFeeTooHigh.selector, wrong.forcedFee, uint128(0.02 ether))
        );
        new Exchange(wrong);
    }
}
