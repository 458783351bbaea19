// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IExchange} from "../../src/interfaces/IExchange.sol";
import {Claim, OutboxLeaf} from "../../src/types/OutboxLeaf.sol";
import {ExchangeFixture} from "../support/ExchangeFixture.sol";

/// @title Does with the gas of its payment whatever its mode says
contract HostileRecipient {
    uint256 private immutable _MODE;
    bytes private _call;

    constructor(uint256 mode) {
        _MODE = mode;
    }

    function setCall(bytes calldata call) external {
        _call = call;
    }

    receive() external payable {
        if (_MODE == 0) revert("no");
        if (_MODE == 1) {
            while (true) {}
        }
        if (_MODE == 2) {
            assembly ("memory-safe") {
                revert(0, 100000)
            }
        }
        if (_MODE == 3) {
            (bool ok,) = msg.sender.call(_call);
            if (!ok) revert("not again");
        }
        if (_MODE == 5) {
            uint256 start = gasleft();
            while (start - gasleft() < 200_000) {}
        }
        if (_MODE == 4) {
            assembly ("memory-safe") {
                return(0, 100000)
            }
        }
    }
}

contract ClaimManyTest is ExchangeFixture {
    address private constant RELAYER = address(0x4E1A);
    uint128 private constant FEE = 0.01 ether;

    function setUp() public override {
        super.setUp();
        depositEth(100 ether);
        depositUsdc(100e6);
    }

    /// Settles one leaf for each recipient, of 1 ether with a fee of `FEE`.
    function settleLeaves(address[] memory recipients) private returns (Claim[] memory claims) {
        bytes32[] memory hashes = new bytes32[](recipients.length);
        claims = new Claim[](recipients.length);
        for (uint32 i = 0; i < recipients.length; i++) {
            claims[i].leaf = OutboxLeaf(i, recipients[i], ETH, 1 ether, FEE);
            hashes[i] = leafHash(claims[i].leaf);
        }
        bytes32 root = hashes[0];
        for (uint256 i = 1; i < hashes.length; i++) {
            root = nodeHash(root, hashes[i]);
        }
        uint64 batchNumber = settleOutbox(root, uint64(recipients.length));
        for (uint256 i = 0; i < recipients.length; i++) {
            claims[i].batchNumber = batchNumber;
            claims[i].proof = chainProof(hashes, i);
        }
    }

    /// A tree that is a chain: any shape that hashes to the root is a proof for the contract.
    function chainProof(bytes32[] memory hashes, uint256 index) private pure returns (bytes32[] memory proof) {
        uint256 first = index == 0 ? 1 : index;
        proof = new bytes32[](hashes.length - first + (index == 0 ? 0 : 1));
        uint256 length = 0;
        if (index > 0) {
            bytes32 below = hashes[0];
            for (uint256 i = 1; i < index; i++) {
                below = nodeHash(below, hashes[i]);
            }
            proof[length++] = below;
        }
        for (uint256 i = index + 1; i < hashes.length; i++) {
            proof[length++] = hashes[i];
        }
        assembly ("memory-safe") {
            mstore(proof, length)
        }
    }

    function two(address first, address second) private pure returns (address[] memory recipients) {
        recipients = new address[](2);
        (recipients[0], recipients[1]) = (first, second);
    }

    function testTheRelayerGetsEachFeeOutOfItsAmount() public {
        Claim[] memory claims = settleLeaves(two(BOB, GOVERNOR));
        vm.expectEmit(true, true, true, true, address(exchange));
        emit IExchange.Claimed(claims[0].batchNumber, 0, BOB, ETH, 1 ether);
        assertEq(exchange.claimMany(claims, RELAYER), 2);
        assertEq(BOB.balance, 1 ether - FEE);
        assertEq(GOVERNOR.balance, 1 ether - FEE);
        assertEq(RELAYER.balance, 2 * FEE);
        assertEq(exchange.tokenOf(ETH).holdings, 98 ether);
    }

    function testForFreeWithoutARelayer() public {
        Claim[] memory claims = settleLeaves(two(BOB, GOVERNOR));
        assertEq(exchange.claimMany(claims, address(0)), 2);
        assertEq(BOB.balance, 1 ether);
        assertEq(GOVERNOR.balance, 1 ether);
    }

    function testErc20FeesArePaidInTheToken() public {
        Claim[] memory claims = new Claim[](1);
        claims[0].leaf = OutboxLeaf(0, BOB, USDC, 5e6, 1e6);
        claims[0].batchNumber = settleOutbox(leafHash(claims[0].leaf), 1);
        assertEq(exchange.claimMany(claims, RELAYER), 1);
        assertEq(usdc.balanceOf(BOB), 4e6);
        assertEq(usdc.balanceOf(RELAYER), 1e6);
    }

    function testNothingToClaim() public {
        assertEq(exchange.claimMany(new Claim[](0), RELAYER), 0);
    }

    /// Reverts, burns all gas, answers with 100 kB, good or bad, or claims again: only its own claim is left out.
    function testFuzzAHostileRecipientHarmsOnlyItself(uint256 mode, bool isFirst) public {
        mode = mode % 5;
        HostileRecipient hostile = new HostileRecipient(mode);
        Claim[] memory claims = settleLeaves(isFirst ? two(address(hostile), BOB) : two(BOB, address(hostile)));
        uint256 bad = isFirst ? 0 : 1;
        hostile.setCall(abi.encodeCall(exchange.claimMany, (claims, address(hostile))));
        bool isPaid = mode == 4;
        if (!isPaid) {
            vm.expectEmit(true, true, true, true, address(exchange));
            emit IExchange.ClaimSkipped(claims[0].batchNumber, uint32(bad));
        }
        uint256 before = gasleft();
        assertEq(exchange.claimMany(claims, RELAYER), isPaid ? 2 : 1);
        assertTrue(before - gasleft() < 600_000, "gas is bounded");
        assertEq(BOB.balance, 1 ether - FEE);
        assertTrue(exchange.isClaimed(claims[0].batchNumber, uint32(bad)) == isPaid, "left out, it can be tried again");
        assertEq(address(hostile).balance, isPaid ? 1 ether - FEE : 0);
        assertEq(RELAYER.balance, isPaid ? 2 * FEE : FEE);
    }

    function testARefusingRelayerHarmsOnlyItself() public {
        Claim[] memory claims = settleLeaves(two(BOB, GOVERNOR));
        assertEq(exchange.claimMany(claims, address(new HostileRecipient(0))), 0);
        assertEq(exchange.claimMany(claims, RELAYER), 2);
    }

    function testWhatWasPaidOrNeverOwedIsLeftOut() public {
        Claim[] memory claims = settleLeaves(two(BOB, GOVERNOR));
        claims[0].leaf.amount++;
        assertEq(exchange.claimMany(claims, RELAYER), 1);
        claims[0].leaf.amount--;
        assertEq(exchange.claimMany(claims, RELAYER), 1);
        assertEq(exchange.claimMany(claims, RELAYER), 0);
        assertEq(RELAYER.balance, 2 * FEE);
    }

    function testTheSameLeafTwiceInOneCall() public {
        Claim[] memory claims = settleLeaves(two(BOB, GOVERNOR));
        claims[1] = claims[0];
        assertEq(exchange.claimMany(claims, address(0)), 1);
        assertEq(BOB.balance, 1 ether);
    }

    /// Who relays cannot make a good claim fail by giving it too little gas, even if its recipient needs much.
    function testFuzzTooLittleGasLeavesNothingOut(uint256 gas) public {
        Claim[] memory claims = settleLeaves(two(GOVERNOR, address(new HostileRecipient(5))));
        gas = bound(gas, 300_000, 900_000);
        try exchange.claimMany{gas: gas}(claims, RELAYER) returns (uint256 paid) {
            assertEq(paid, 2);
        } catch {
            assertEq(GOVERNOR.balance, 0);
        }
    }

    function testOneClaimIsOnlyForClaimMany() public {
        Claim[] memory claims = settleLeaves(two(BOB, GOVERNOR));
        vm.expectRevert(IExchange.OnlyByClaimMany.selector);
        exchange.claimFor(claims[0], RELAYER);
    }

    /// A halt and a freeze change nothing for what was settled.
    function testClaimsAreAlwaysPaid() public {
        Claim[] memory claims = settleLeaves(two(BOB, GOVERNOR));
        vm.prank(GUARDIAN);
        exchange.halt();
        claim(claims[0].batchNumber, claims[0].leaf, claims[0].proof);
        freeze();
        assertEq(exchange.claimMany(claims, address(0)), 1);
        assertEq(GOVERNOR.balance, 1 ether);
    }
}
