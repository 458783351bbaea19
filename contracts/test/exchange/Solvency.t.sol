// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {OutboxLeaf} from "../../src/types/OutboxLeaf.sol";
import {ExchangeFixture} from "../support/ExchangeFixture.sol";

/// @title Random deposits, settlements of withdrawals and claims
contract Depositor is ExchangeFixture {
    struct Owed {
        uint64 batchNumber;
        OutboxLeaf leaf;
    }

    Owed[] private _owed;
    /// What was deposited and is not yet withdrawn inside the exchange, and what is in an outbox, by token.
    mapping(uint32 => uint256) public credited;
    mapping(uint32 => uint256) public owed;
    bytes32 public chain;

    function begin() external {
        setUp();
        chain = exchange.inboxHash(exchange.inboxLength());
    }

    function holdings(uint32 token) external view returns (uint256) {
        return exchange.tokenOf(token).holdings;
    }

    function balance(uint32 token) external view returns (uint256) {
        return token == ETH ? address(exchange).balance : usdc.balanceOf(address(exchange));
    }

    function inboxHash() external view returns (bytes32) {
        return exchange.inboxHash(exchange.inboxLength());
    }

    function deposit(bool native, uint256 amount) external {
        uint32 token = native ? ETH : USDC;
        uint128 value = uint128(bound(amount, 1e12, 100 ether));
        if (native) depositEth(value);
        else depositUsdc(value);
        credited[token] += value;
        bytes memory entry = abi.encodePacked(uint8(1), uint64(block.timestamp), token, ALICE, value);
        chain = keccak256(abi.encodePacked(chain, entry));
    }

    function withdraw(bool native, uint256 amount) external {
        uint32 token = native ? ETH : USDC;
        if (credited[token] == 0) return;
        uint128 value = uint128(bound(amount, 1, credited[token]));
        OutboxLeaf memory leaf = OutboxLeaf(0, BOB, token, value, 0);
        _owed.push(Owed(settleOutbox(leafHash(leaf), 1), leaf));
        credited[token] -= value;
        owed[token] += value;
    }

    function collect(uint256 choice) external {
        if (_owed.length == 0) return;
        Owed memory chosen = _owed[choice % _owed.length];
        _owed[choice % _owed.length] = _owed[_owed.length - 1];
        _owed.pop();
        claim(chosen.batchNumber, chosen.leaf, new bytes32[](0));
        owed[chosen.leaf.token] -= chosen.leaf.amount;
    }
}

contract SolvencyTest is ExchangeFixture {
    Depositor private depositor;

    function setUp() public override {
        depositor = new Depositor();
        depositor.begin();
    }

    /// @notice forge calls only these functions, in random order.
    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        bytes4[] memory selectors = new bytes4[](3);
        selectors[0] = Depositor.deposit.selector;
        selectors[1] = Depositor.withdraw.selector;
        selectors[2] = Depositor.collect.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(depositor), selectors);
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(depositor);
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    /// What is here covers what users own plus what they may claim, to the last unit.
    function invariantSolvent() public view {
        for (uint32 token = ETH; token <= USDC; token++) {
            uint256 liabilities = depositor.credited(token) + depositor.owed(token);
            assertEq(depositor.holdings(token), liabilities);
            assertEq(depositor.balance(token), liabilities);
        }
    }

    function invariantInboxIsTheChainOfItsEntries() public view {
        assertEq(depositor.inboxHash(), depositor.chain());
    }
}
