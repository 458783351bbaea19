// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LocalSP1Verifier, IGroth16Verifier} from "../../src/devnet/LocalSP1Verifier.sol";
import {ISP1Verifier} from "../../src/interfaces/ISP1Verifier.sol";
import {Groth16Verifier} from "../../src/verifiers/Groth16Verifier.sol";
import {SP1Proof} from "../../src/verifiers/SP1Proof.sol";
import {SP1Verifier} from "../../src/verifiers/SP1Verifier.sol";
import {Test} from "../support/Test.sol";

/// What every verifier of SP1 proofs has to refuse and to pass on.
abstract contract SP1ProofTest is Test {
    bytes32 private constant VKEY = bytes32(uint256(7));
    bytes private constant VALUES = "public values";
    bytes4 private constant GROTH16_CALL = bytes4(keccak256("verifyProof(uint256[8],uint256[5])"));
    uint256 private constant NONCE = 99;
    uint256 private constant PROOF_LENGTH = 356;

    ISP1Verifier internal verifier;
    /// Checks the pairing.
    address internal groth16;
    bytes32 internal verifierHash;
    bytes32 internal recursionRoot;

    function points() private pure returns (uint256[8] memory) {
        return [uint256(1), 2, 3, 4, 5, 6, 7, 8];
    }

    function proofOf(bytes4 selector, uint256 exitCode, bytes32 vkRoot) private pure returns (bytes memory) {
        return abi.encodePacked(selector, exitCode, vkRoot, NONCE, abi.encode(points()));
    }

    function goodEnvelope() private view returns (bytes memory) {
        return proofOf(bytes4(verifierHash), 0, recursionRoot);
    }

    function testPassesTheFiveInputsInOrder() public {
        uint256 digest = uint256(sha256(VALUES)) & ((1 << 253) - 1);
        uint256[5] memory inputs = [uint256(VKEY), digest, 0, uint256(recursionRoot), NONCE];
        bytes memory call = abi.encodeWithSelector(GROTH16_CALL, points(), inputs);
        vm.mockCall(groth16, call, "");
        vm.expectCall(groth16, call);
        verifier.verifyProof(VKEY, VALUES, goodEnvelope());
    }

    function testRefusesPointsThatAreNoProof() public {
        bytes memory proof = goodEnvelope();
        vm.expectRevert(Groth16Verifier.ProofInvalid.selector);
        verifier.verifyProof(VKEY, VALUES, proof);
    }

    /// The point at infinity everywhere satisfies no verifying key, but is the first forgery to try.
    function testRefusesZeroPoints() public {
        uint256[8] memory zero;
        bytes memory proof = abi.encodePacked(bytes4(verifierHash), uint256(0), recursionRoot, NONCE, abi.encode(zero));
        vm.expectRevert(Groth16Verifier.ProofInvalid.selector);
        verifier.verifyProof(VKEY, VALUES, proof);
    }

    function testRefusesAProgramKeyOutsideTheField() public {
        bytes memory proof = goodEnvelope();
        vm.expectRevert(Groth16Verifier.PublicInputNotInField.selector);
        verifier.verifyProof(bytes32(type(uint256).max), VALUES, proof);
    }

    function testFuzzRefusesOtherSelectors(bytes4 selector) public {
        vm.assume(selector != bytes4(verifierHash));
        bytes memory proof = proofOf(selector, 0, recursionRoot);
        vm.expectRevert(abi.encodeWithSelector(SP1Proof.WrongSelector.selector, selector));
        verifier.verifyProof(VKEY, VALUES, proof);
    }

    function testFuzzRefusesAFailedProgram(uint256 exitCode) public {
        vm.assume(exitCode != 0);
        bytes memory proof = proofOf(bytes4(verifierHash), exitCode, recursionRoot);
        vm.expectRevert(abi.encodeWithSelector(SP1Proof.NonZeroExitCode.selector, exitCode));
        verifier.verifyProof(VKEY, VALUES, proof);
    }

    function testFuzzRefusesOtherRecursionKeys(bytes32 vkRoot) public {
        vm.assume(vkRoot != recursionRoot);
        bytes memory proof = proofOf(bytes4(verifierHash), 0, vkRoot);
        vm.expectRevert(abi.encodeWithSelector(SP1Proof.WrongVkRoot.selector, vkRoot));
        verifier.verifyProof(VKEY, VALUES, proof);
    }

    function testFuzzRefusesOtherLengths(uint16 length) public {
        vm.assume(length != PROOF_LENGTH);
        refuseLength(length);
    }

    function testRefusesTheNextLengths() public {
        refuseLength(0);
        refuseLength(PROOF_LENGTH - 1);
        refuseLength(PROOF_LENGTH + 1);
    }

    /// What there is of a good envelope is right: only the length is not.
    function refuseLength(uint256 length) private {
        bytes memory good = goodEnvelope();
        bytes memory proof = new bytes(length);
        for (uint256 i = 0; i < length && i < good.length; ++i) {
            proof[i] = good[i];
        }
        vm.expectRevert(abi.encodeWithSelector(SP1Proof.WrongProofLength.selector, length));
        verifier.verifyProof(VKEY, VALUES, proof);
    }
}

contract SP1VerifierTest is SP1ProofTest {
    function setUp() public {
        SP1Verifier sp1 = new SP1Verifier();
        (verifier, groth16) = (sp1, address(sp1));
        (verifierHash, recursionRoot) = (sp1.VERIFIER_HASH(), sp1.VK_ROOT());
    }

    /// SP1 6.10.0, circuit v6.1.0: the hash of its verifying key and the root of its recursion keys.
    function testIsThePinnedCircuit() public {
        SP1Verifier sp1 = new SP1Verifier();
        assertEq(sp1.VERIFIER_HASH(), 0x4388a21c687fdd5f218d7e3d13190cac4c5355818d3605fd5fb811df468ee696);
        assertEq(sp1.VK_ROOT(), 0x002f850ee998974d6cc00e50cd0814b098c05bfade466d28573240d057f25352);
        assertEq(sp1.PROOF_LENGTH(), 356);
    }

    /// The restriction to the development chain belongs to the local verifier alone.
    function testWorksOnEveryChain() public {
        vm.chainId(1);
        new SP1Verifier();
        testPassesTheFiveInputsInOrder();
    }
}

contract LocalSP1ProofTest is SP1ProofTest {
    function setUp() public {
        groth16 = address(new Groth16Verifier());
        (verifierHash, recursionRoot) = (sha256("a verifying key"), bytes32(uint256(1) << 252));
        verifier = new LocalSP1Verifier(IGroth16Verifier(groth16), verifierHash, recursionRoot);
    }
}
