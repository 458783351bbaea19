// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IExchange} from "../../src/interfaces/IExchange.sol";
import {OutboxLeaf} from "../../src/types/OutboxLeaf.sol";
import {ExchangeFixture} from "../support/ExchangeFixture.sol";
import {BlacklistToken} from "../tokens/BlacklistToken.sol";

/// @title Takes no ether
contract RefusingRecipient {}

/// @title Claims again as soon as it is paid
contract ReentrantRecipient {
    bytes private _call;
    bool public reentered;

    function setCall(bytes calldata call) external {
        _call = call;
    }

    receive() external payable {
        (reentered,) = msg.sender.call(_call);
    }
}

contract ClaimTest is ExchangeFixture {
    function leaf(uint32 index, address recipient, uint32 token, uint128 amount)
        private
        pure
        returns (OutboxLeaf memory)
    {
        return OutboxLeaf({index: index, recipient: recipient, token: token, amount: amount, maxRelayFee: 0});
    }

    function settleOne(OutboxLeaf memory only) private returns (uint64) {
        return settleOutbox(leafHash(only), 1);
    }

    function none() private pure returns (bytes32[] memory) {
        return new bytes32[](0);
    }

    function expectNotInOutbox(uint64 batchNumber, OutboxLeaf memory forged, bytes32[] memory proof) private {
        vm.expectRevert(abi.encodeWithSelector(IExchange.InvalidOutboxProof.selector, batchNumber, forged.index));
        claim(batchNumber, forged, proof);
    }

    function testFuzzEthIsPaidOnceToItsRecipient(uint128 amount, address caller) public {
        vm.assume(caller != address(vm));
        amount = uint128(bound(amount, 1, 100 ether));
        depositEth(100 ether);
        OutboxLeaf memory owed = leaf(0, BOB, ETH, amount);
        uint64 batchNumber = settleOne(owed);

        vm.expectEmit(true, true, true, true, address(exchange));
        emit IExchange.Claimed(batchNumber, 0, BOB, ETH, amount);
        vm.prank(caller);
        claim(batchNumber, owed, none());

        assertEq(BOB.balance, amount);
        assertEq(exchange.tokenOf(ETH).holdings, 100 ether - amount);
        assertTrue(exchange.isClaimed(batchNumber, 0), "claimed");
        vm.expectRevert(abi.encodeWithSelector(IExchange.AlreadyClaimed.selector, batchNumber, uint32(0)));
        claim(batchNumber, owed, none());
    }

    function testErc20IsPaid() public {
        depositUsdc(5e6);
        OutboxLeaf memory owed = leaf(0, BOB, USDC, 3e6);
        owed.maxRelayFee = 1e6;
        claim(settleOne(owed), owed, none());
        assertEq(usdc.balanceOf(BOB), 3e6);
        assertEq(exchange.tokenOf(USDC).holdings, 2e6);
    }

    /// Three leaves: the third moves up a level as it is, so its path is one node long and the others' two.
    function testLeavesOfAnOddTree() public {
        depositEth(6 ether);
        OutboxLeaf[3] memory owed =
            [leaf(0, ALICE, ETH, 1 ether), leaf(1, BOB, ETH, 2 ether), leaf(2, BOB, ETH, 3 ether)];
        bytes32 left = nodeHash(leafHash(owed[0]), leafHash(owed[1]));
        uint64 batchNumber = settleOutbox(nodeHash(left, leafHash(owed[2])), 3);

        bytes32[] memory proof = new bytes32[](1);
        proof[0] = left;
        claim(batchNumber, owed[2], proof);
        proof = new bytes32[](2);
        proof[0] = leafHash(owed[0]);
        proof[1] = leafHash(owed[2]);
        claim(batchNumber, owed[1], proof);
        proof[0] = leafHash(owed[1]);
        claim(batchNumber, owed[0], proof);
        assertEq(BOB.balance, 5 ether);
        assertEq(exchange.tokenOf(ETH).holdings, 0);
    }

    function testEachFieldOfTheLeafIsProven() public {
        depositEth(100 ether);
        OutboxLeaf memory owed = leaf(0, BOB, ETH, 1 ether);
        uint64 batchNumber = settleOne(owed);
        expectNotInOutbox(batchNumber, leaf(1, BOB, ETH, 1 ether), none());
        expectNotInOutbox(batchNumber, leaf(0, ALICE, ETH, 1 ether), none());
        expectNotInOutbox(batchNumber, leaf(0, BOB, USDC, 1 ether), none());
        expectNotInOutbox(batchNumber, leaf(0, BOB, ETH, 2 ether), none());
        owed.maxRelayFee = 1;
        expectNotInOutbox(batchNumber, owed, none());
    }

    function testALeafIsBoundToItsBatch() public {
        depositEth(100 ether);
        OutboxLeaf memory owed = leaf(0, BOB, ETH, 1 ether);
        uint64 batchNumber = settleOne(owed);
        settle(nextBatch());
        expectNotInOutbox(batchNumber + 1, owed, none());
        expectNotInOutbox(batchNumber + 2, owed, none());
        expectNotInOutbox(0, owed, none());
    }

    function testFuzzAWrongPathReverts(bytes32[] memory proof) public {
        vm.assume(proof.length > 0);
        depositEth(100 ether);
        OutboxLeaf memory owed = leaf(0, BOB, ETH, 1 ether);
        expectNotInOutbox(settleOne(owed), owed, proof);
    }

    function testTheSameLeafInTwoBatchesIsPaidTwice() public {
        depositEth(100 ether);
        OutboxLeaf memory owed = leaf(0, BOB, ETH, 1 ether);
        uint64 first = settleOne(owed);
        uint64 second = settleOne(owed);
        claim(first, owed, none());
        claim(second, owed, none());
        assertEq(BOB.balance, 2 ether);
    }

    function testARefusingRecipientHarmsOnlyItself() public {
        depositEth(100 ether);
        OutboxLeaf memory refused = leaf(0, address(new RefusingRecipient()), ETH, 1 ether);
        OutboxLeaf memory owed = leaf(1, BOB, ETH, 1 ether);
        uint64 batchNumber = settleOutbox(nodeHash(leafHash(refused), leafHash(owed)), 2);
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = leafHash(owed);
        vm.expectRevert(bytes4(keccak256("FailedCall()")));
        claim(batchNumber, refused, proof);
        assertTrue(!exchange.isClaimed(batchNumber, 0), "a failed claim may be tried again");
        proof[0] = leafHash(refused);
        claim(batchNumber, owed, proof);
        assertEq(BOB.balance, 1 ether);
    }

    function testAReentrantRecipientIsPaidOnce() public {
        depositEth(100 ether);
        ReentrantRecipient recipient = new ReentrantRecipient();
        OutboxLeaf memory owed = leaf(0, address(recipient), ETH, 1 ether);
        uint64 batchNumber = settleOne(owed);
        recipient.setCall(abi.encodeCall(exchange.claim, (batchNumber, 0, address(recipient), ETH, 1 ether, 0, none())));
        claim(batchNumber, owed, none());
        assertTrue(!recipient.reentered(), "the second claim reverts");
        assertEq(address(recipient).balance, 1 ether);
    }

    function testABlacklistedRecipientHarmsOnlyItself() public {
        BlacklistToken token = new BlacklistToken();
        uint32 id = listToken(address(token), 6);
        token.mint(ALICE, 100);
        vm.startPrank(ALICE);
        token.approve(address(exchange), 100);
        exchange.depositERC20(id, ALICE, 100);
        vm.stopPrank();
        OutboxLeaf memory owed = leaf(0, BOB, id, 100);
        uint64 batchNumber = settleOne(owed);
        token.setBlacklisted(BOB, true);
        vm.expectRevert(abi.encodeWithSelector(BlacklistToken.Blacklisted.selector, BOB));
        claim(batchNumber, owed, none());
        token.setBlacklisted(BOB, false);
        claim(batchNumber, owed, none());
        assertEq(token.balanceOf(BOB), 100);
    }

    /// Even a proven leaf cannot be paid out of what other tokens' users own.
    function testNoMoreThanTheHoldingsIsPaid() public {
        depositEth(1 ether);
        OutboxLeaf memory owed = leaf(0, BOB, ETH, 1 ether + 1);
        uint64 batchNumber = settleOne(owed);
        vm.deal(address(exchange), 2 ether);
        vm.expectRevert();
        claim(batchNumber, owed, none());
    }
}
