// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DevelopmentChain} from "../../src/devnet/DevelopmentChain.sol";
import {IGroth16Verifier, LocalSP1Verifier} from "../../src/devnet/LocalSP1Verifier.sol";
import {Test} from "../support/Test.sol";

/// Accepts everything, so that only the wrapper can refuse.
contract AcceptingVerifier is IGroth16Verifier {
    function verifyProof(uint256[8] calldata, uint256[5] calldata) external view {}
}

contract LocalSP1VerifierTest is Test {
    bytes32 private constant HASH = bytes32(uint256(0xabcd) << 240);
    bytes32 private constant ROOT = bytes32(uint256(5));
    bytes32 private constant VKEY = bytes32(uint256(7));

    IGroth16Verifier private groth16;

    function setUp() public {
        groth16 = new AcceptingVerifier();
    }

    function proof() private pure returns (bytes memory) {
        return abi.encodePacked(bytes4(HASH), uint256(0), ROOT, new bytes(9 * 32));
    }

    function testHoldsWhatItWasGiven() public {
        LocalSP1Verifier verifier = new LocalSP1Verifier(groth16, HASH, ROOT);
        assertEq(address(verifier.GROTH16()), address(groth16));
        assertEq(verifier.VERIFIER_HASH(), HASH);
        assertEq(verifier.VK_ROOT(), ROOT);
    }

    /// Without code at the address nothing would check the pairing.
    function testRefusesAnAddressWithoutCode() public {
        vm.expectRevert(abi.encodeWithSelector(LocalSP1Verifier.NoGroth16Verifier.selector, address(7)));
        new LocalSP1Verifier(IGroth16Verifier(address(7)), HASH, ROOT);
    }

    function testFuzzCannotBeDeployedOnAnotherChain(uint64 id) public {
        vm.assume(id != 31337 && id != 0);
        vm.chainId(id);
        vm.expectRevert(abi.encodeWithSelector(DevelopmentChain.NotDevelopmentChain.selector, uint256(id)));
        new LocalSP1Verifier(groth16, HASH, ROOT);
    }

    function testStopsWorkingWhenTheChainIdChanges() public {
        LocalSP1Verifier verifier = new LocalSP1Verifier(groth16, HASH, ROOT);
        verifier.verifyProof(VKEY, "values", proof());
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(DevelopmentChain.NotDevelopmentChain.selector, uint256(1)));
        verifier.verifyProof(VKEY, "values", proof());
    }
}
