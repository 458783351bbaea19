// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ISP1Verifier} from "../interfaces/ISP1Verifier.sol";
import {Groth16Verifier} from "./Groth16Verifier.sol";
import {SP1Proof} from "./SP1Proof.sol";

/// @title Verifier of SP1 Groth16 proofs, circuit version v6.1.0
contract SP1Verifier is SP1Proof, Groth16Verifier {
    /// @notice SHA-256 of the Groth16 verifying key that `Groth16Verifier` holds.
    bytes32 public constant VERIFIER_HASH = 0x4388a21c687fdd5f218d7e3d13190cac4c5355818d3605fd5fb811df468ee696;
    /// @notice Merkle root of the verifying keys of the recursion programs that a proof may be wrapped by.
    bytes32 public constant VK_ROOT = 0x002f850ee998974d6cc00e50cd0814b098c05bfade466d28573240d057f25352;

    /// @inheritdoc ISP1Verifier
    function verifyProof(bytes32 programVKey, bytes calldata publicValues, bytes calldata proofBytes) external view {
        (uint256[8] memory points, uint256[5] memory inputs) =
            _open(VERIFIER_HASH, VK_ROOT, programVKey, publicValues, proofBytes);
        this.verifyProof(points, inputs);
    }
}
