// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {TestToken} from "../../src/devnet/TestToken.sol";
import {IExchange} from "../../src/interfaces/IExchange.sol";
import {ISP1Verifier} from "../../src/interfaces/ISP1Verifier.sol";
import {AccountProof} from "../../src/types/AccountProof.sol";
import {MarketUpdate} from "../../src/types/Listing.sol";
import {Claim} from "../../src/types/OutboxLeaf.sol";
import {MockVerifier} from "../../src/verifiers/MockVerifier.sol";
import {ExchangeFixture} from "../support/ExchangeFixture.sol";

/// @title Governance of an open exchange
contract TimelockTest is ExchangeFixture {
    bytes4 private constant NOT_OWNER = bytes4(keccak256("OwnableUnauthorizedAccount(address)"));

    function setUp() public override {
        prepare();
        vm.startPrank(GOVERNOR);
        exchange.listMarket(marketTerms());
        exchange.open();
        vm.stopPrank();
    }

    function update() private pure returns (MarketUpdate memory) {
        return MarketUpdate({minNotional: 7e6, makerFee: 0, takerFee: 300, priceBand: 50_000, feeAccount: BOB});
    }

    function aToken() private returns (address) {
        return address(new TestToken("T", "T", 18));
    }

    function actions() private returns (bytes[6] memory) {
        return [
            abi.encodeCall(exchange.listToken, (aToken(), 18, 1)),
            abi.encodeCall(exchange.listMarket, (marketTerms())),
            abi.encodeCall(exchange.setMarket, (1, 2, update())),
            abi.encodeCall(exchange.setVerifier, (new MockVerifier(), bytes32(uint256(9)))),
            abi.encodeCall(exchange.setForcedFee, (5)),
            abi.encodeCall(exchange.setGuardian, (BOB))
        ];
    }

    function schedule(bytes memory action) private returns (bytes32 id) {
        vm.prank(GOVERNOR);
        return exchange.schedule(action);
    }

    function expectNotExecuted(bytes memory action, bytes memory reason) private {
        vm.prank(GOVERNOR);
        vm.expectRevert(reason);
        exchange.execute(action);
    }

    /// Not by the governor itself, nor by anybody else.
    function testNothingOfItHappensAtOnce() public {
        bytes[6] memory all = actions();
        address[3] memory callers = [GOVERNOR, ALICE, GUARDIAN];
        for (uint256 i = 0; i < all.length; i++) {
            for (uint256 j = 0; j < callers.length; j++) {
                vm.prank(callers[j]);
                (bool ok, bytes memory reason) = address(exchange).call(all[i]);
                assertTrue(!ok, "refused");
                assertEq(reason, abi.encodeWithSelector(IExchange.OnlyByExecute.selector));
            }
        }
    }

    function testEachActionHappensAfterTheTimelock() public {
        bytes[6] memory all = actions();
        for (uint256 i = 0; i < all.length; i++) {
            bytes32 id = keccak256(all[i]);
            vm.expectEmit(true, true, true, true, address(exchange));
            emit IExchange.Scheduled(id, START + TIMELOCK, all[i]);
            assertEq(schedule(all[i]), id);
            assertEq(exchange.scheduledAt(id), START + TIMELOCK);
        }
        vm.warp(START + TIMELOCK - 1);
        for (uint256 i = 0; i < all.length; i++) {
            expectNotExecuted(
                all[i], abi.encodeWithSelector(IExchange.ActionNotReady.selector, uint64(START + TIMELOCK))
            );
        }
        vm.warp(START + TIMELOCK);
        for (uint256 i = 0; i < all.length; i++) {
            vm.expectEmit(true, true, true, true, address(exchange));
            emit IExchange.Executed(keccak256(all[i]), all[i]);
            vm.prank(GOVERNOR);
            exchange.execute(all[i]);
            expectNotExecuted(all[i], abi.encodeWithSelector(IExchange.NotScheduled.selector, keccak256(all[i])));
        }
        assertEq(exchange.tokenCount(), 3);
        assertEq(exchange.marketCount(), 2);
        (uint8 status, MarketUpdate memory terms) = exchange.marketOf(1);
        assertEq(status, 2);
        assertEq(keccak256(abi.encode(terms)), keccak256(abi.encode(update())));
        assertEq(exchange.programVKey(), bytes32(uint256(9)));
        assertEq(exchange.forcedFee(), 5);
        assertEq(exchange.guardian(), BOB);
    }

    function testAnActionCanBecomeStaleAndBeScheduledAgain() public {
        bytes memory action = abi.encodeCall(exchange.setForcedFee, (5));
        bytes32 id = schedule(action);
        vm.warp(START + 2 * TIMELOCK);
        vm.prank(GOVERNOR);
        vm.expectRevert(abi.encodeWithSelector(IExchange.AlreadyScheduled.selector, id));
        exchange.schedule(action);
        vm.warp(START + 2 * TIMELOCK + 1);
        expectNotExecuted(action, abi.encodeWithSelector(IExchange.ActionStale.selector, uint64(START + 2 * TIMELOCK)));
        schedule(action);
        assertEq(exchange.scheduledAt(id), START + 3 * TIMELOCK + 1);
    }

    function testOnTheLastSecondItIsNotStale() public {
        bytes memory action = abi.encodeCall(exchange.setForcedFee, (5));
        schedule(action);
        vm.warp(START + 2 * TIMELOCK);
        vm.prank(GOVERNOR);
        exchange.execute(action);
        assertEq(exchange.forcedFee(), 5);
    }

    function testACancelledActionIsNotExecuted() public {
        bytes memory action = abi.encodeCall(exchange.setForcedFee, (5));
        bytes32 id = schedule(action);
        vm.expectEmit(true, true, true, true, address(exchange));
        emit IExchange.Cancelled(id);
        vm.prank(GOVERNOR);
        exchange.cancel(id);
        vm.warp(START + TIMELOCK);
        expectNotExecuted(action, abi.encodeWithSelector(IExchange.NotScheduled.selector, id));
        vm.prank(GOVERNOR);
        vm.expectRevert(abi.encodeWithSelector(IExchange.NotScheduled.selector, id));
        exchange.cancel(id);
    }

    function testWhatTheGovernorBeforeScheduledIsForgotten() public {
        bytes memory action = abi.encodeCall(exchange.setForcedFee, (5));
        bytes32 id = schedule(action);
        vm.prank(GOVERNOR);
        exchange.transferOwnership(BOB);
        vm.prank(BOB);
        exchange.acceptOwnership();
        assertEq(exchange.scheduledAt(id), 0);
        vm.warp(START + TIMELOCK);
        vm.prank(BOB);
        vm.expectRevert(abi.encodeWithSelector(IExchange.NotScheduled.selector, id));
        exchange.execute(action);
        expectNotExecuted(action, abi.encodeWithSelector(NOT_OWNER, GOVERNOR));
        // nor does it come back with the governor
        vm.prank(BOB);
        exchange.transferOwnership(GOVERNOR);
        vm.prank(GOVERNOR);
        exchange.acceptOwnership();
        expectNotExecuted(action, abi.encodeWithSelector(IExchange.NotScheduled.selector, id));
    }

    /// The contract calls itself with what was scheduled: with these six calls and nothing else.
    function testNothingElseCanBeScheduled() public {
        Claim memory owed;
        AccountProof memory proof;
        bytes[9] memory others = [
            abi.encodeCall(exchange.claimFor, (owed, BOB)),
            abi.encodeCall(exchange.setPoster, (BOB)),
            abi.encodeCall(exchange.transferOwnership, (BOB)),
            abi.encodeCall(exchange.escape, (BOB, proof, new uint32[](0))),
            abi.encodeCall(exchange.depositETH, (BOB)),
            abi.encodeCall(exchange.forceExit, ()),
            abi.encodeCall(exchange.collectFees, (BOB)),
            hex"00",
            ""
        ];
        for (uint256 i = 0; i < others.length; i++) {
            vm.prank(GOVERNOR);
            vm.expectRevert(abi.encodeWithSelector(IExchange.UnknownAction.selector, bytes4(others[i])));
            exchange.schedule(others[i]);
        }
    }

    function testFuzzOnlyTheSixSelectors(bytes4 selector) public {
        bytes[6] memory all = actions();
        for (uint256 i = 0; i < all.length; i++) {
            vm.assume(selector != bytes4(all[i]));
        }
        vm.prank(GOVERNOR);
        vm.expectRevert(abi.encodeWithSelector(IExchange.UnknownAction.selector, selector));
        exchange.schedule(abi.encodePacked(selector));
    }

    /// What the action itself refuses stays scheduled.
    function testAnActionThatFailsSaysWhy() public {
        bytes memory action = abi.encodeCall(exchange.setVerifier, (ISP1Verifier(BOB), bytes32(0)));
        bytes32 id = schedule(action);
        vm.warp(START + TIMELOCK);
        expectNotExecuted(action, abi.encodeWithSelector(IExchange.NotAContract.selector, BOB));
        assertEq(exchange.scheduledAt(id), START + TIMELOCK);
        action = abi.encodeCall(exchange.setForcedFee, (0.02 ether + 1));
        schedule(action);
        vm.warp(START + 2 * TIMELOCK);
        expectNotExecuted(
            action,
            abi.encodeWithSelector(IExchange.ForcedFeeTooHigh.selector, uint128(0.02 ether + 1), uint128(0.02 ether))
        );
    }

    function testOnlyTheGovernor() public {
        bytes[7] memory calls = [
            abi.encodeCall(exchange.schedule, (abi.encodeCall(exchange.setForcedFee, (5)))),
            abi.encodeCall(exchange.cancel, (bytes32(0))),
            abi.encodeCall(exchange.execute, (abi.encodeCall(exchange.setForcedFee, (5)))),
            abi.encodeCall(exchange.restrictMarket, (1, 2)),
            abi.encodeCall(exchange.setPoster, (BOB)),
            abi.encodeCall(exchange.open, ()),
            abi.encodeCall(exchange.resume, ())
        ];
        for (uint256 i = 0; i < calls.length; i++) {
            vm.prank(POSTER);
            (bool ok, bytes memory reason) = address(exchange).call(calls[i]);
            assertTrue(!ok, "refused");
            assertEq(reason, abi.encodeWithSelector(NOT_OWNER, POSTER));
        }
    }

    // ---------------------------------------------------------------- at once

    function testAMarketIsRestrictedAtOnceAndKeepsItsTerms() public {
        (, MarketUpdate memory terms) = exchange.marketOf(1);
        for (uint8 status = 2; status <= 3; status++) {
            bytes memory entry = bytes.concat(
                abi.encodePacked(uint8(8), START, uint32(1), status, terms.minNotional),
                abi.encodePacked(terms.makerFee, terms.takerFee, terms.priceBand, terms.feeAccount)
            );
            uint64 index = exchange.inboxLength();
            bytes32 chainHash = keccak256(abi.encodePacked(exchange.inboxHash(index), entry));
            vm.expectEmit(true, true, true, true, address(exchange));
            emit IExchange.MarketChanged(1, status, terms);
            vm.expectEmit(true, true, true, true, address(exchange));
            emit IExchange.InboxAppended(index, chainHash, entry);
            vm.prank(GOVERNOR);
            exchange.restrictMarket(1, status);
        }
        (uint8 last,) = exchange.marketOf(1);
        assertEq(last, 3);
    }

    function testFuzzOnlyAStricterStatus(uint8 current, uint8 status) public {
        current = uint8(bound(current, 1, 3));
        vm.startPrank(GOVERNOR);
        if (current > 1) exchange.restrictMarket(1, current);
        if (status <= current || status > 3) {
            vm.expectRevert(abi.encodeWithSelector(IExchange.NotStricter.selector, status, current));
        }
        exchange.restrictMarket(1, status);
        vm.expectRevert(abi.encodeWithSelector(IExchange.UnknownMarket.selector, uint32(2)));
        exchange.restrictMarket(2, 3);
        vm.stopPrank();
    }

    function testThePosterChangesAfterItsDelay() public {
        uint64 from = START + POSTER_DELAY;
        vm.expectEmit(true, true, true, true, address(exchange));
        emit IExchange.PosterProposed(BOB, from);
        vm.prank(GOVERNOR);
        exchange.setPoster(BOB);
        expectPending(BOB, from);
        vm.warp(from - 1);
        assertEq(exchange.poster(), POSTER);
        settle(nextBatch());
        expectUnsettled(BOB, nextBatch(), abi.encodeWithSelector(IExchange.NotPoster.selector, BOB));
        vm.warp(from);
        assertEq(exchange.poster(), BOB);
        expectPending(address(0), 0);
        expectUnsettled(POSTER, nextBatch(), abi.encodeWithSelector(IExchange.NotPoster.selector, POSTER));
        settleAs(BOB, nextBatch());
    }

    function expectPending(address poster, uint64 from) private view {
        (address pending, uint64 pendingFrom) = exchange.pendingPoster();
        assertEq(pending, poster);
        assertEq(pendingFrom, from);
    }

    function testAnotherPosterCanBeNamedMeanwhile() public {
        vm.prank(GOVERNOR);
        exchange.setPoster(BOB);
        vm.warp(START + POSTER_DELAY - 1);
        vm.prank(GOVERNOR);
        exchange.setPoster(ALICE);
        vm.warp(START + 2 * POSTER_DELAY - 2);
        assertEq(exchange.poster(), POSTER);
        vm.warp(START + 2 * POSTER_DELAY - 1);
        assertEq(exchange.poster(), ALICE);
        vm.startPrank(GOVERNOR);
        exchange.setPoster(BOB);
        assertEq(exchange.poster(), ALICE);
        vm.expectRevert(IExchange.ZeroAddress.selector);
        exchange.setPoster(address(0));
        vm.stopPrank();
    }

    // ------------------------------------------------------------------ halts

    function testAHaltStopsSettlementForItsTime() public {
        vm.expectEmit(true, true, true, true, address(exchange));
        emit IExchange.Halted(START + HALT);
        vm.prank(GUARDIAN);
        exchange.halt();
        vm.warp(START + HALT - 1);
        expectUnsettled(
            POSTER, nextBatch(), abi.encodeWithSelector(IExchange.SettlementHalted.selector, uint64(START + HALT))
        );
        vm.warp(START + HALT);
        settle(nextBatch());
    }

    /// Deposits and forced operations go on.
    function testAHaltStopsNothingElse() public {
        vm.prank(GUARDIAN);
        exchange.halt();
        depositEth(1 ether);
        forceExitAs(ALICE);
    }

    function testHaltsAreADeadlineApart() public {
        vm.startPrank(GUARDIAN);
        exchange.halt();
        uint64 from = START + HALT + DEADLINE;
        vm.expectRevert(abi.encodeWithSelector(IExchange.HaltTooSoon.selector, from));
        exchange.halt();
        vm.warp(from - 1);
        vm.expectRevert(abi.encodeWithSelector(IExchange.HaltTooSoon.selector, from));
        exchange.halt();
        vm.warp(from);
        exchange.halt();
        assertEq(exchange.haltedUntil(), from + HALT);
        vm.stopPrank();
    }

    function testTheGuardianOrTheGovernorResumes() public {
        address[2] memory callers = [GUARDIAN, GOVERNOR];
        for (uint256 i = 0; i < 2; i++) {
            vm.prank(GUARDIAN);
            exchange.halt();
            vm.warp(block.timestamp + 5);
            vm.startPrank(callers[i]);
            vm.expectEmit(true, true, true, true, address(exchange));
            emit IExchange.Resumed();
            exchange.resume();
            vm.expectRevert(IExchange.NotHalted.selector);
            exchange.resume();
            vm.stopPrank();
            settle(nextBatch());
            vm.prank(GUARDIAN);
            vm.expectRevert(abi.encodeWithSelector(IExchange.HaltTooSoon.selector, uint64(block.timestamp + DEADLINE)));
            exchange.halt();
            vm.warp(block.timestamp + DEADLINE);
        }
    }

    function testOnlyTheGuardianHalts() public {
        address[3] memory others = [GOVERNOR, POSTER, ALICE];
        for (uint256 i = 0; i < others.length; i++) {
            vm.prank(others[i]);
            vm.expectRevert(abi.encodeWithSelector(IExchange.NotGuardian.selector, others[i]));
            exchange.halt();
        }
    }

    /// Whenever the guardian halts, there is a second before the deadline in which anyone may settle an entry.
    function testFuzzAHaltAloneFreezesNothing(uint256 start) public {
        settle(nextBatch());
        depositEth(1 ether);
        start = bound(start, 0, DEADLINE - 1);
        uint256 overdue = INCLUSION + 1;
        bool isBefore = overdue < start;
        if (isBefore) {
            vm.warp(START + overdue);
            settleAs(BOB, nextBatch());
        }
        vm.warp(START + start);
        vm.prank(GUARDIAN);
        exchange.halt();
        if (!isBefore) {
            uint256 first = start + HALT > overdue ? start + HALT : overdue;
            assertTrue(first < DEADLINE, "before the deadline");
            vm.warp(START + first);
            settleAs(BOB, nextBatch());
        }
        vm.warp(START + DEADLINE);
        vm.expectRevert(abi.encodeWithSelector(IExchange.DeadlineNotPassed.selector, type(uint256).max));
        exchange.freeze();
    }
}
