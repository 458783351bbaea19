// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IExchange} from "../../src/interfaces/IExchange.sol";
import {OutboxLeaf} from "../../src/types/OutboxLeaf.sol";
import {ExchangeFixture} from "../support/ExchangeFixture.sol";
import {BlacklistToken} from "../tokens/BlacklistToken.sol";
import {FeeOnTransferToken} from "../tokens/FeeOnTransferToken.sol";
import {LyingToken} from "../tokens/LyingToken.sol";
import {NoReturnToken} from "../tokens/NoReturnToken.sol";
import {RebasingToken} from "../tokens/RebasingToken.sol";
import {ReentrantToken} from "../tokens/ReentrantToken.sol";

contract DepositTest is ExchangeFixture {
    uint128 private constant MAX_HOLDINGS = 2 ** 120 - 1;
    bytes4 private constant SAFE_TRANSFER_FAILED = bytes4(keccak256("SafeERC20FailedOperation(address)"));

    function depositEntry(uint32 token, address account, uint128 amount) private view returns (bytes memory) {
        return abi.encodePacked(uint8(1), uint64(block.timestamp), token, account, amount);
    }

    function list(address token) private returns (uint32) {
        return listToken(token, 18);
    }

    function testFuzzEthIsBookedAndPutIntoTheInbox(uint256 amount) public {
        amount = bound(amount, MIN_ETH, 1_000_000 ether);
        bytes memory entry = depositEntry(ETH, BOB, uint128(amount));
        bytes32 chainHash = keccak256(abi.encodePacked(exchange.inboxHash(2), entry));

        vm.expectEmit(true, true, true, true, address(exchange));
        emit IExchange.InboxAppended(2, chainHash, entry);
        vm.prank(ALICE);
        assertEq(exchange.depositETH{value: amount}(BOB), 2);

        assertEq(exchange.inboxLength(), 3);
        assertEq(exchange.inboxHash(3), chainHash);
        assertEq(exchange.tokenOf(ETH).holdings, amount);
        assertEq(address(exchange).balance, amount);
    }

    function testFuzzErc20IsBookedAndPutIntoTheInbox(uint128 amount) public {
        amount = uint128(bound(amount, MIN_USDC, MAX_HOLDINGS));
        bytes32 before = exchange.inboxHash(2);
        depositUsdc(amount);
        assertEq(exchange.inboxHash(3), keccak256(abi.encodePacked(before, depositEntry(USDC, ALICE, amount))));
        assertEq(exchange.tokenOf(USDC).holdings, amount);
        assertEq(usdc.balanceOf(address(exchange)), amount);
    }

    function testFeeOnTransferCreditsWhatArrived() public {
        FeeOnTransferToken token = new FeeOnTransferToken();
        uint32 id = list(address(token));
        token.mint(ALICE, 1000);
        vm.startPrank(ALICE);
        token.approve(address(exchange), 1000);
        exchange.depositERC20(id, ALICE, 1000);
        vm.stopPrank();
        assertEq(exchange.tokenOf(id).holdings, 990);
        bytes memory entry = depositEntry(id, ALICE, 990);
        assertEq(exchange.inboxHash(4), keccak256(abi.encodePacked(exchange.inboxHash(3), entry)));
    }

    function testTokenWithoutReturnValues() public {
        NoReturnToken token = new NoReturnToken();
        uint32 id = list(address(token));
        token.mint(ALICE, 1000);
        vm.prank(ALICE);
        exchange.depositERC20(id, ALICE, 1000);
        assertEq(exchange.tokenOf(id).holdings, 1000);
    }

    /// A deposit inside of a deposit would count one transfer twice; nothing else may come in between either.
    function testNothingReentersADeposit() public {
        ReentrantToken token = new ReentrantToken();
        uint32 id = list(address(token));
        token.mint(ALICE, 1000);
        bytes[2] memory calls =
            [abi.encodeCall(exchange.depositERC20, (id, ALICE, 1000)), abi.encodeCall(exchange.depositETH, (ALICE))];
        vm.startPrank(ALICE);
        token.approve(address(exchange), 1000);
        for (uint256 i = 0; i < calls.length; i++) {
            token.setCall(address(exchange), calls[i]);
            vm.deal(address(token), i * 1 ether);
            vm.expectRevert(bytes4(keccak256("ReentrancyGuardReentrantCall()")));
            exchange.depositERC20(id, ALICE, 1000);
        }
        vm.stopPrank();
    }

    /// A token that says no, or nothing that can be read, deposits nothing.
    function testTokensWithStrangeAnswersReverts() public {
        bytes[3] memory answers = [abi.encode(false), abi.encode(uint256(2)), bytes(hex"01")];
        for (uint256 i = 0; i < answers.length; i++) {
            LyingToken token = new LyingToken(answers[i]);
            uint32 id = list(address(token));
            vm.expectRevert(abi.encodeWithSelector(SAFE_TRANSFER_FAILED, address(token)));
            exchange.depositERC20(id, ALICE, 1000);
        }
        LyingToken silent = new LyingToken(abi.encode(true));
        uint32 last = list(address(silent));
        vm.expectRevert(abi.encodeWithSelector(IExchange.DepositTooSmall.selector, uint256(0), uint128(1)));
        exchange.depositERC20(last, ALICE, 1000);
    }

    /// Balances that shrink by themselves leave the last claims unpaid, of this token and no other.
    function testARebasingTokenHarmsOnlyItsOwnUsers() public {
        RebasingToken token = new RebasingToken();
        uint32 id = list(address(token));
        token.mint(ALICE, 1000);
        vm.prank(ALICE);
        exchange.depositERC20(id, ALICE, 1000);
        depositUsdc(MIN_USDC);
        token.rebase(50);
        assertEq(exchange.tokenOf(id).holdings, 1000);
        OutboxLeaf memory leaf = OutboxLeaf(0, BOB, id, 1000, 0);
        uint64 batchNumber = settleOutbox(leafHash(leaf), 1);
        vm.expectRevert();
        claim(batchNumber, leaf, new bytes32[](0));
        leaf = OutboxLeaf(0, BOB, USDC, MIN_USDC, 0);
        claim(settleOutbox(leafHash(leaf), 1), leaf, new bytes32[](0));
        assertEq(usdc.balanceOf(BOB), MIN_USDC);
    }

    function testNothingAndTheSmallestAndTheLargestDeposit() public {
        vm.expectRevert(abi.encodeWithSelector(IExchange.DepositTooSmall.selector, uint256(0), MIN_ETH));
        exchange.depositETH(ALICE);
        vm.deal(ALICE, type(uint256).max);
        vm.startPrank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IExchange.HoldingsExceeded.selector, ETH, uint256(MAX_HOLDINGS) + 1));
        exchange.depositETH{value: uint256(MAX_HOLDINGS) + 1}(ALICE);
        exchange.depositETH{value: MIN_ETH}(ALICE);
        exchange.depositETH{value: MAX_HOLDINGS - MIN_ETH}(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IExchange.HoldingsExceeded.selector, ETH, uint256(MIN_ETH)));
        exchange.depositETH{value: MIN_ETH}(ALICE);
        vm.stopPrank();
        assertEq(exchange.tokenOf(ETH).holdings, MAX_HOLDINGS);
    }

    function testBlacklistedDepositorHarmsOnlyItself() public {
        BlacklistToken token = new BlacklistToken();
        uint32 id = list(address(token));
        token.mint(ALICE, 1000);
        token.setBlacklisted(ALICE, true);
        vm.startPrank(ALICE);
        token.approve(address(exchange), 1000);
        vm.expectRevert(abi.encodeWithSelector(BlacklistToken.Blacklisted.selector, ALICE));
        exchange.depositERC20(id, ALICE, 1000);
        vm.stopPrank();
        assertEq(exchange.inboxLength(), 3);
    }

    function testDepositBelowTheMinimumReverts() public {
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IExchange.DepositTooSmall.selector, MIN_ETH - 1, MIN_ETH));
        exchange.depositETH{value: MIN_ETH - 1}(ALICE);
    }

    function testHoldingsAreBounded() public {
        depositUsdc(MAX_HOLDINGS - MIN_USDC + 1);
        usdc.mint(ALICE, MIN_USDC);
        vm.startPrank(ALICE);
        usdc.approve(address(exchange), MIN_USDC);
        vm.expectRevert(abi.encodeWithSelector(IExchange.HoldingsExceeded.selector, USDC, uint256(MIN_USDC)));
        exchange.depositERC20(USDC, ALICE, MIN_USDC);
        vm.stopPrank();
    }

    function testZeroAccountReverts() public {
        vm.prank(ALICE);
        vm.expectRevert(IExchange.ZeroAddress.selector);
        exchange.depositETH{value: 1 ether}(address(0));
    }

    function testUnlistedTokenReverts() public {
        vm.expectRevert(abi.encodeWithSelector(IExchange.UnknownToken.selector, uint32(3)));
        exchange.depositERC20(3, ALICE, 1);
        vm.expectRevert(abi.encodeWithSelector(IExchange.UnknownToken.selector, uint32(0)));
        exchange.depositERC20(0, ALICE, 1);
    }

    function testNativeCoinIsNotDepositedAsErc20() public {
        vm.expectRevert(IExchange.NativeToken.selector);
        exchange.depositERC20(ETH, ALICE, 1);
    }

    function testPlainTransferReverts() public {
        vm.prank(ALICE);
        (bool ok,) = address(exchange).call{value: 1 ether}("");
        assertTrue(!ok, "ether without a deposit is refused");
    }
}
