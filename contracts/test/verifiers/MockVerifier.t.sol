// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DevelopmentChain} from "../../src/devnet/DevelopmentChain.sol";
import {MockVerifier} from "../../src/verifiers/MockVerifier.sol";
import {Test} from "../support/Test.sol";

contract MockVerifierTest is Test {
    bytes32 private constant VKEY = bytes32(uint256(7));
    bytes private constant VALUES = "public values";

    function proofOf(bytes32 vkey, bytes memory values) private pure returns (bytes memory) {
        return abi.encodePacked("MOCK", sha256(values), vkey);
    }

    function testAcceptsItsFormat() public {
        new MockVerifier().verifyProof(VKEY, VALUES, proofOf(VKEY, VALUES));
    }

    function testFuzzRefusesOtherPublicValues(bytes memory other) public {
        vm.assume(keccak256(other) != keccak256(VALUES));
        MockVerifier verifier = new MockVerifier();
        bytes memory proof = proofOf(VKEY, VALUES);
        vm.expectRevert(MockVerifier.InvalidMockProof.selector);
        verifier.verifyProof(VKEY, other, proof);
    }

    function testRefusesAnotherProgram() public {
        MockVerifier verifier = new MockVerifier();
        bytes memory proof = proofOf(VKEY, VALUES);
        vm.expectRevert(MockVerifier.InvalidMockProof.selector);
        verifier.verifyProof(bytes32(uint256(8)), VALUES, proof);
    }

    function testRefusesAnEmptyProof() public {
        MockVerifier verifier = new MockVerifier();
        vm.expectRevert(MockVerifier.InvalidMockProof.selector);
        verifier.verifyProof(VKEY, VALUES, "");
    }

    function testFuzzCannotBeDeployedOnAnotherChain(uint64 id) public {
        vm.assume(id != 31337 && id != 0);
        vm.chainId(id);
        vm.expectRevert(abi.encodeWithSelector(DevelopmentChain.NotDevelopmentChain.selector, uint256(id)));
        new MockVerifier();
    }

    function testStopsWorkingWhenTheChainIdChanges() public {
        MockVerifier verifier = new MockVerifier();
        bytes memory proof = proofOf(VKEY, VALUES);
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(DevelopmentChain.NotDevelopmentChain.selector, uint256(1)));
        verifier.verifyProof(VKEY, VALUES, proof);
    }
}
