// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Rollup} from "../support/Rollup.sol";
import {Test} from "../support/Test.sol";

/// @title After any steps of anybody the exchange can pay everybody, and at the end it does
contract SolvencyTest is Test {
    uint32 private constant ETH = 1;
    uint32 private constant USDC = 2;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Rollup private rollup;

    function setUp() public {
        rollup = new Rollup();
        rollup.begin();
    }

    /// @notice forge calls only these functions, in random order.
    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        bytes4[] memory selectors = new bytes4[](12);
        selectors[0] = Rollup.deposit.selector;
        selectors[1] = Rollup.force.selector;
        selectors[2] = Rollup.settleSome.selector;
        selectors[3] = Rollup.claimOne.selector;
        selectors[4] = Rollup.claimSome.selector;
        selectors[5] = Rollup.collect.selector;
        selectors[6] = Rollup.freezeIt.selector;
        selectors[7] = Rollup.escapeOne.selector;
        selectors[8] = Rollup.refundOne.selector;
        selectors[9] = Rollup.govern.selector;
        selectors[10] = Rollup.pass.selector;
        selectors[11] = Rollup.settleEverything.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(rollup), selectors);
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(rollup);
    }

    /// What is here covers what is owed, to the last unit; everybody got what was paid, once; the inbox is the chain of
    /// its entries; the root is that of the last batch; nothing happened that must not, and nothing was refused that
    /// must be done.
    function invariantTheBooksAreRight() public view {
        assertEq(bytes(rollup.broken()), "");
        assertEq(rollup.holdings(ETH), rollup.liabilities(ETH));
        assertEq(rollup.holdings(USDC), rollup.liabilities(USDC));
        assertEq(rollup.balance(ETH), rollup.liabilities(ETH) + rollup.owedFees());
        assertEq(rollup.balance(USDC), rollup.liabilities(USDC));
        rollup.checkWallets();
        rollup.checkHead();
    }

    /// @notice forge calls it at the end of each run: frozen, the exchange pays out to the last unit.
    function afterInvariant() public {
        rollup.drain();
        invariantTheBooksAreRight();
        assertEq(rollup.balance(ETH), 0);
        assertEq(rollup.balance(USDC), 0);
    }
}
