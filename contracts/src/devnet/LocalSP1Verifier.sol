// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ISP1Verifier} from "../interfaces/ISP1Verifier.sol";
import {SP1Proof} from "../verifiers/SP1Proof.sol";
import {DevelopmentChain} from "./DevelopmentChain.sol";

/// @title The contract that gnark exports for a verifying key with five public inputs
interface IGroth16Verifier {
    function verifyProof(uint256[8] calldata proof, uint256[5] calldata input) external view;
}

/// @title Verifier of SP1 Groth16 proofs under locally made keys
/// @notice Whoever made the keys can forge proofs: they could keep what the set-up must forget. It works on chain id
/// 31337 only, and is otherwise as strict as `SP1Verifier`.
contract LocalSP1Verifier is SP1Proof, DevelopmentChain {
    /// @notice What checks the pairing; holds the verifying key.
    IGroth16Verifier public immutable GROTH16;
    /// @notice SHA-256 of that verifying key.
    bytes32 public immutable VERIFIER_HASH;
    /// @notice Merkle root of the verifying keys of the recursion programs that a proof may be wrapped by.
    bytes32 public immutable VK_ROOT;

    /// @notice There is no contract at the address that should check the pairing.
    error NoGroth16Verifier(address groth16);

    constructor(IGroth16Verifier groth16, bytes32 verifierHash, bytes32 vkRoot) {
        if (address(groth16).code.length == 0) revert NoGroth16Verifier(address(groth16));
        GROTH16 = groth16;
        VERIFIER_HASH = verifierHash;
        VK_ROOT = vkRoot;
    }

    /// @inheritdoc ISP1Verifier
    function verifyProof(bytes32 programVKey, bytes calldata publicValues, bytes calldata proofBytes)
        external
        view
        onlyDevelopmentChain
    {
        (uint256[8] memory points, uint256[5] memory inputs) =
            _open(VERIFIER_HASH, VK_ROOT, programVKey, publicValues, proofBytes);
        GROTH16.verifyProof(points, inputs);
    }
}
