// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Groth16Verifier} from "../../src/verifiers/Groth16Verifier.sol";
import {SP1Verifier} from "../../src/verifiers/SP1Verifier.sol";
import {Test} from "../support/Test.sol";

contract SP1VerifierTest is Test {
    bytes32 private constant VKEY = bytes32(uint256(7));
    bytes private constant VALUES = "public values";
    bytes4 private constant GROTH16_CALL = bytes4(keccak256("verifyProof(uint256[8],uint256[5])"));
    uint256 private constant NONCE = 99;

    SP1Verifier private verifier;

    function setUp() public {
        verifier = new SP1Verifier();
    }

    function points() private pure returns (uint256[8] memory) {
        return [uint256(1), 2, 3, 4, 5, 6, 7, 8];
    }

    function proofOf(bytes4 selector, uint256 exitCode, bytes32 vkRoot) private pure returns (bytes memory) {
        return abi.encodePacked(selector, exitCode, vkRoot, NONCE, abi.encode(points()));
    }

    function goodEnvelope() private view returns (bytes memory) {
        return proofOf(bytes4(verifier.VERIFIER_HASH()), 0, verifier.VK_ROOT());
    }

    /// SP1 6.10.0, circuit v6.1.0: the hash of its verifying key and the root of its recursion keys.
    function testIsThePinnedCircuit() public view {
        assertEq(verifier.VERIFIER_HASH(), 0x4388a21c687fdd5f218d7e3d13190cac4c5355818d3605fd5fb811df468ee696);
        assertEq(verifier.VK_ROOT(), 0x002f850ee998974d6cc00e50cd0814b098c05bfade466d28573240d057f25352);
        assertEq(verifier.PROOF_LENGTH(), 356);
    }

    function testPassesTheFiveInputsInOrder() public {
        uint256 digest = uint256(sha256(VALUES)) & ((1 << 253) - 1);
        uint256[5] memory inputs = [uint256(VKEY), digest, 0, uint256(verifier.VK_ROOT()), NONCE];
        bytes memory call = abi.encodeWithSelector(GROTH16_CALL, points(), inputs);
        bytes memory proof = goodEnvelope();
        vm.mockCall(address(verifier), call, "");
        vm.expectCall(address(verifier), call);
        verifier.verifyProof(VKEY, VALUES, proof);
    }

    function testRefusesPointsThatAreNoProof() public {
        bytes memory proof = goodEnvelope();
        vm.expectRevert(Groth16Verifier.ProofInvalid.selector);
        verifier.verifyProof(VKEY, VALUES, proof);
    }

    /// The point at infinity everywhere satisfies no verifying key, but is the first forgery to try.
    function testRefusesZeroPoints() public {
        uint256[8] memory zero;
        bytes memory proof =
            abi.encodePacked(bytes4(verifier.VERIFIER_HASH()), uint256(0), verifier.VK_ROOT(), NONCE, abi.encode(zero));
        vm.expectRevert(Groth16Verifier.ProofInvalid.selector);
        verifier.verifyProof(VKEY, VALUES, proof);
    }

    function testRefusesAProgramKeyOutsideTheField() public {
        bytes memory proof = goodEnvelope();
        vm.expectRevert(Groth16Verifier.PublicInputNotInField.selector);
        verifier.verifyProof(bytes32(type(uint256).max), VALUES, proof);
    }

    function testFuzzRefusesOtherSelectors(bytes4 selector) public {
        vm.assume(selector != bytes4(verifier.VERIFIER_HASH()));
        bytes memory proof = proofOf(selector, 0, verifier.VK_ROOT());
        vm.expectRevert(abi.encodeWithSelector(SP1Verifier.WrongSelector.selector, selector));
        verifier.verifyProof(VKEY, VALUES, proof);
    }

    function testFuzzRefusesAFailedProgram(uint256 exitCode) public {
        vm.assume(exitCode != 0);
        bytes memory proof = proofOf(bytes4(verifier.VERIFIER_HASH()), exitCode, verifier.VK_ROOT());
        vm.expectRevert(abi.encodeWithSelector(SP1Verifier.NonZeroExitCode.selector, exitCode));
        verifier.verifyProof(VKEY, VALUES, proof);
    }

    function testFuzzRefusesOtherRecursionKeys(bytes32 vkRoot) public {
        vm.assume(vkRoot != verifier.VK_ROOT());
        bytes memory proof = proofOf(bytes4(verifier.VERIFIER_HASH()), 0, vkRoot);
        vm.expectRevert(abi.encodeWithSelector(SP1Verifier.WrongVkRoot.selector, vkRoot));
        verifier.verifyProof(VKEY, VALUES, proof);
    }

    function testRefusesOtherLengths() public {
        bytes memory longer = bytes.concat(goodEnvelope(), hex"00");
        vm.expectRevert(abi.encodeWithSelector(SP1Verifier.WrongProofLength.selector, uint256(357)));
        verifier.verifyProof(VKEY, VALUES, longer);
        vm.expectRevert(abi.encodeWithSelector(SP1Verifier.WrongProofLength.selector, uint256(0)));
        verifier.verifyProof(VKEY, VALUES, "");
    }
}
