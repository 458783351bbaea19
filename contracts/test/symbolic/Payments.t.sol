// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccountProof} from "../../src/types/AccountProof.sol";
import {Claim, OutboxLeaf} from "../../src/types/OutboxLeaf.sol";
import {AccountTrie} from "../support/AccountTrie.sol";
import {ExchangeFixture} from "../support/ExchangeFixture.sol";

/// @title Every way in and out for money, shown for all amounts at once (`make audit`)
/// @notice Each moves exactly its amount, once, and leaves the other token alone.
contract PaymentsSymbolic is ExchangeFixture {
    address private constant RELAYER = address(0x4E1A);
    uint128 private constant HELD = 1e24;

    function setUp() public override {
        super.setUp();
        depositUsdc(HELD);
        depositEth(HELD);
        vm.deal(ALICE, HELD);
    }

    // ------------------------------------------------------------------------------------------------------- in

    function checkDepositEth(uint256 amount, address account) public {
        vm.assume(amount <= ALICE.balance);
        vm.prank(ALICE);
        (bool taken,) = address(exchange).call{value: amount}(abi.encodeCall(exchange.depositETH, (account)));
        if (!taken) amount = 0;
        else assert(amount >= MIN_ETH && account != address(0));
        requireHeld(HELD + amount, HELD);
    }

    function checkDepositErc20(uint128 amount, address account) public {
        vm.assume(amount <= HELD);
        usdc.mint(ALICE, amount);
        vm.prank(ALICE);
        usdc.approve(address(exchange), amount);
        vm.prank(ALICE);
        (bool taken,) = address(exchange).call(abi.encodeCall(exchange.depositERC20, (USDC, account, amount)));
        if (taken) assert(amount >= MIN_USDC && account != address(0));
        assert(usdc.balanceOf(ALICE) == (taken ? 0 : amount));
        requireHeld(HELD, taken ? HELD + amount : HELD);
    }

    // ------------------------------------------------------------------------------------------------------- out

    function checkClaim(bool native, uint128 amount, uint128 fee, uint32 index) public {
        vm.assume(amount <= HELD);
        OutboxLeaf memory leaf = OutboxLeaf(index, BOB, native ? ETH : USDC, amount, fee);
        uint64 batch = settleOutbox(leafHash(leaf), 1);
        claim(batch, leaf, new bytes32[](0));
        assert(balanceOf(BOB, native) == amount);
        requireLeft(native, amount);
        assert(!isPaid(abi.encodeCall(exchange.claim, (batch, index, BOB, leaf.token, amount, fee, new bytes32[](0)))));
    }

    function checkNoOtherLeafIsPaid(OutboxLeaf memory settled, OutboxLeaf memory claimed) public {
        uint64 batch = settleOutbox(leafHash(settled), 1);
        OutboxLeaf memory c = claimed;
        bytes memory call = abi.encodeCall(
            exchange.claim, (batch, c.index, c.recipient, c.token, c.amount, c.maxRelayFee, new bytes32[](0))
        );
        if (isPaid(call)) assert(leafHash(claimed) == leafHash(settled));
    }

    /// The fee is part of the amount, and no more than its owner signed; the second claim of the two is skipped.
    function checkClaimMany(bool native, uint128 amount, uint128 fee, bool free) public {
        vm.assume(amount <= HELD && fee <= amount);
        OutboxLeaf memory leaf = OutboxLeaf(0, BOB, native ? ETH : USDC, amount, fee);
        Claim[] memory claims = new Claim[](2);
        claims[0] = claims[1] = Claim(settleOutbox(leafHash(leaf), 1), leaf, new bytes32[](0));
        assert(exchange.claimMany(claims, free ? address(0) : RELAYER) == 1);
        uint128 kept = free ? 0 : fee;
        assert(balanceOf(BOB, native) == amount - kept);
        assert(balanceOf(RELAYER, native) == kept);
        requireLeft(native, amount);
    }

    function checkCollectFees(uint256 sent) public {
        vm.assume(sent >= FORCED_FEE && sent <= HELD);
        vm.deal(BOB, sent);
        vm.prank(BOB);
        exchange.forceExit{value: sent}();
        assert(BOB.balance == sent - FORCED_FEE);
        settle(nextBatch());
        exchange.collectFees(POSTER);
        assert(POSTER.balance == FORCED_FEE);
        requireHeld(HELD, HELD);
        assert(!isPaid(abi.encodeCall(exchange.collectFees, (POSTER))));
    }

    // ------------------------------------------------------------------------------------------- after a freeze

    function checkRefundOfADeposit(uint128 amount) public {
        vm.assume(amount >= MIN_ETH && amount <= HELD);
        settle(nextBatch());
        uint64 time = uint64(block.timestamp);
        depositEth(amount);
        uint64 index = exchange.inboxLength() - 1;
        bytes memory entry = abi.encodePacked(uint8(1), time, ETH, ALICE, amount);
        assert(!isPaid(abi.encodeCall(exchange.refund, (index, entry))));
        freeze();
        uint256 before = ALICE.balance;
        exchange.refund(index, entry);
        assert(ALICE.balance == before + amount);
        requireHeld(HELD, HELD);
        assert(!isPaid(abi.encodeCall(exchange.refund, (index, entry))));
    }

    function checkRefundOfAFee(uint256 sent) public {
        vm.assume(sent >= FORCED_FEE && sent <= HELD);
        settle(nextBatch());
        vm.deal(BOB, sent);
        vm.prank(BOB);
        uint64 index = exchange.forceExit{value: sent}();
        bytes memory entry = abi.encodePacked(uint8(2), uint64(block.timestamp), BOB);
        freeze();
        exchange.refund(index, entry);
        assert(BOB.balance == sent);
        requireHeld(HELD, HELD);
        assert(!isPaid(abi.encodeCall(exchange.refund, (index, entry))));
    }

    function checkEscape(bool native, uint128 ethers, uint128 dollars) public {
        vm.assume(ethers <= HELD && dollars <= HELD && ethers != 0 && dollars != 0);
        AccountTrie.Item[] memory items = new AccountTrie.Item[](1);
        items[0] = AccountTrie.Item(BOB, valueOf(ethers, dollars));
        settleAccounts(items);
        AccountProof memory proof = proofOf(items, 0);
        uint32[] memory tokens = new uint32[](1);
        tokens[0] = native ? ETH : USDC;
        bytes memory call = abi.encodeCall(exchange.escape, (BOB, proof, tokens));
        assert(!isPaid(call));
        freeze();
        exchange.escape(BOB, proof, tokens);
        uint128 amount = native ? ethers : dollars;
        assert(balanceOf(BOB, native) == amount);
        requireLeft(native, amount);
        assert(!isPaid(call));
    }

    /// What another value of the account would pay is not paid, and neither is another account.
    function checkNobodyEscapesWithAnotherValue(uint128 settled, uint128 shown, address account) public {
        vm.assume(settled <= HELD && shown <= HELD && settled != 0 && shown != 0);
        AccountTrie.Item[] memory items = new AccountTrie.Item[](1);
        items[0] = AccountTrie.Item(BOB, valueOf(settled, 1));
        settleAccounts(items);
        AccountProof memory proof = proofOf(items, 0);
        proof.account = valueOf(shown, 1);
        uint32[] memory tokens = new uint32[](1);
        tokens[0] = ETH;
        freeze();
        if (shown != settled || account != BOB) {
            // Halmos knows this of keccak, but not of SHA-256.
            vm.assume(leafOf(BOB, items[0].value) != leafOf(account, proof.account));
        }
        if (isPaid(abi.encodeCall(exchange.escape, (account, proof, tokens)))) {
            assert(shown == settled && account == BOB);
        }
    }

    // ----------------------------------------------------------------------------------------------------- tools

    function valueOf(uint128 ethers, uint128 dollars) private pure returns (bytes memory) {
        uint32[] memory tokens = new uint32[](2);
        uint128[] memory totals = new uint128[](2);
        (tokens[0], tokens[1], totals[0], totals[1]) = (ETH, USDC, ethers, dollars);
        return AccountTrie.valueOf(tokens, totals);
    }

    function leafOf(address account, bytes memory value) private pure returns (bytes32) {
        return sha256(abi.encodePacked(uint8(0x10), bytes7(0), account, value));
    }

    function balanceOf(address account, bool native) private view returns (uint256) {
        return native ? account.balance : usdc.balanceOf(account);
    }

    /// The contract has paid so much of one token, and nothing of the other.
    function requireLeft(bool native, uint256 paid) private view {
        requireHeld(native ? HELD - paid : HELD, native ? HELD : HELD - paid);
    }

    /// What the contract books is what it should, and what it has covers it.
    function requireHeld(uint256 ethers, uint256 dollars) private view {
        assert(exchange.tokenOf(ETH).holdings == ethers);
        assert(exchange.tokenOf(USDC).holdings == dollars);
        assert(address(exchange).balance >= ethers);
        assert(usdc.balanceOf(address(exchange)) == dollars);
    }

    function isPaid(bytes memory call) private returns (bool success) {
        (success,) = address(exchange).call(call);
    }
}
