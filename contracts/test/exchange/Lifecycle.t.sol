// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Exchange} from "../../src/Exchange.sol";
import {IExchange} from "../../src/interfaces/IExchange.sol";
import {Batch} from "../../src/types/Batch.sol";
import {Configuration, Delays} from "../../src/types/Configuration.sol";
import {ExchangeFixture} from "../support/ExchangeFixture.sol";

/// @title What an exchange can do before it is open and after it is frozen
contract LifecycleTest is ExchangeFixture {
    bytes4 private constant NOT_OWNER = bytes4(keccak256("OwnableUnauthorizedAccount(address)"));

    function setUp() public override {
        prepare();
    }

    function openExchange() private {
        vm.prank(GOVERNOR);
        exchange.open();
    }

    function expectAll(bytes4 reason) private {
        bytes memory proof = mockProof(publicValues(nextBatch(), "data"));
        Batch memory batch = nextBatch();
        vm.startPrank(ALICE, ALICE);
        vm.expectRevert(reason);
        exchange.depositETH{value: 1 ether}(ALICE);
        vm.expectRevert(reason);
        exchange.depositERC20(USDC, ALICE, 1e6);
        vm.expectRevert(reason);
        exchange.forceExit{value: 1 ether}();
        vm.expectRevert(reason);
        exchange.cancelAll{value: 1 ether}();
        vm.expectRevert(reason);
        exchange.approveAgent{value: 1 ether}(BOB, 1, 1);
        vm.expectRevert(reason);
        exchange.revokeAgents{value: 1 ether}();
        vm.expectRevert(reason);
        exchange.settle(batch, "data", proof);
        vm.expectRevert(reason);
        exchange.freeze();
        vm.stopPrank();
        vm.prank(GUARDIAN);
        vm.expectRevert(reason);
        exchange.halt();
    }

    function testNothingButListingBeforeItIsOpen() public {
        assertTrue(!exchange.isOpen(), "it is being set up");
        expectAll(IExchange.NotOpen.selector);
        bytes memory action = abi.encodeCall(exchange.setGuardian, (BOB));
        vm.prank(GOVERNOR);
        vm.expectRevert(IExchange.NotOpen.selector);
        exchange.schedule(action);
    }

    function testOnlyTheGovernorOpensItOnce() public {
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(NOT_OWNER, ALICE));
        exchange.open();
        vm.prank(GOVERNOR);
        vm.expectEmit(true, true, true, true, address(exchange));
        emit IExchange.Opened();
        exchange.open();
        assertTrue(exchange.isOpen(), "open");
        vm.prank(GOVERNOR);
        vm.expectRevert(IExchange.AlreadyOpen.selector);
        exchange.open();
    }

    function testNothingGoesOnAfterAFreeze() public {
        openExchange();
        freeze();
        assertTrue(exchange.frozen(), "frozen");
        expectAll(IExchange.AlreadyFrozen.selector);
        vm.prank(GOVERNOR);
        vm.expectRevert(abi.encodeWithSelector(IExchange.UnknownMarket.selector, uint32(1)));
        exchange.restrictMarket(1, 2);
    }

    function testListingsAfterAFreezeAreRefused() public {
        vm.prank(GOVERNOR);
        exchange.listMarket(marketTerms());
        openExchange();
        bytes memory action = abi.encodeCall(exchange.listMarket, (marketTerms()));
        vm.prank(GOVERNOR);
        exchange.schedule(action);
        freeze();
        vm.warp(block.timestamp + TIMELOCK);
        vm.startPrank(GOVERNOR);
        vm.expectRevert(IExchange.AlreadyFrozen.selector);
        exchange.execute(action);
        vm.expectRevert(IExchange.AlreadyFrozen.selector);
        exchange.restrictMarket(1, 2);
        vm.stopPrank();
    }

    /// Entries of a long set-up are neither overdue nor past their deadline when the exchange opens.
    function testEntriesWaitFromTheOpeningOn() public {
        vm.warp(START + 30 days);
        openExchange();
        expectUnsettled(BOB, nextBatch(), abi.encodeWithSelector(IExchange.NotPoster.selector, BOB));
        vm.expectRevert(
            abi.encodeWithSelector(IExchange.DeadlineNotPassed.selector, uint256(START + 30 days + DEADLINE))
        );
        exchange.freeze();
        Batch memory batch = nextBatch();
        batch.inboxCursor = 0;
        settle(batch);
    }

    function testFuzzDelaysThatContradictEachOtherAreRefused(uint256 change, uint64 value) public {
        Configuration memory c = configuration();
        if (change % 6 == 0) c.delays.inclusion = value;
        if (change % 6 == 1) c.delays.deadline = value;
        if (change % 6 == 2) c.delays.exit = value;
        if (change % 6 == 3) c.delays.timelock = value;
        if (change % 6 == 4) c.delays.poster = value;
        if (change % 6 == 5) c.delays.halt = value;
        expectAsTheyAre(c);
    }

    function testFuzzDelays(Delays memory delays) public {
        Configuration memory c = configuration();
        c.delays.inclusion = delays.inclusion % 3;
        c.delays.deadline = delays.deadline % 5;
        c.delays.exit = delays.exit % 3;
        c.delays.timelock = delays.timelock % 9;
        c.delays.poster = delays.poster % 3;
        c.delays.halt = delays.halt % 3;
        expectAsTheyAre(c);
    }

    function expectAsTheyAre(Configuration memory c) private {
        Delays memory d = c.delays;
        uint256 early = uint256(d.inclusion) + d.halt;
        uint256 out = uint256(d.deadline) + d.exit;
        bool good = d.inclusion > 0 && d.exit > 0 && early < d.deadline && out < d.timelock;
        good = good && d.timelock <= 365 days && d.poster <= d.inclusion;
        if (!good) vm.expectRevert(IExchange.InvalidDelays.selector);
        Exchange made = new Exchange(c);
        if (good) assertEq(keccak256(abi.encode(made.delays())), keccak256(abi.encode(d)));
    }

    function testTheLongestTimelock() public {
        Configuration memory c = configuration();
        c.delays.timelock = 365 days;
        new Exchange(c);
        c.delays.timelock++;
        vm.expectRevert(IExchange.InvalidDelays.selector);
        new Exchange(c);
    }

    function testTheCodeIsWithinTheLimits() public view {
        assertTrue(address(exchange).code.length <= 24_576, "runtime code is within EIP-170's limit");
        assertTrue(address(exchange.proofReader()).code.length > 0, "the exchange made its reader");
        assertTrue(type(Exchange).creationCode.length + 13 * 32 <= 49_152, "initcode is within EIP-3860's limit");
    }
}
