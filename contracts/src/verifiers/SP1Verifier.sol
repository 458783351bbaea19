// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ISP1Verifier} from "../interfaces/ISP1Verifier.sol";
import {Groth16Verifier} from "./Groth16Verifier.sol";

/// @title Verifier of SP1 Groth16 proofs, circuit version v6.1.0
/// @notice A proof is `selector (4) ‖ exit code (32) ‖ vk root (32) ‖ nonce (32) ‖ 8 field elements`. The nonce is
/// free and Groth16 proofs can be altered without becoming invalid: a proof never identifies what it proves.
contract SP1Verifier is ISP1Verifier, Groth16Verifier {
    /// @notice SHA-256 of the Groth16 verifying key that `Groth16Verifier` holds.
    bytes32 public constant VERIFIER_HASH = 0x4388a21c687fdd5f218d7e3d13190cac4c5355818d3605fd5fb811df468ee696;
    /// @notice Merkle root of the verifying keys of the recursion programs that a proof may be wrapped by.
    bytes32 public constant VK_ROOT = 0x002f850ee998974d6cc00e50cd0814b098c05bfade466d28573240d057f25352;
    uint256 public constant PROOF_LENGTH = 4 + 3 * 32 + 8 * 32;
    /// @dev Public values enter the circuit as their SHA-256 without its three highest bits: it fits the field.
    uint256 private constant DIGEST_MASK = (1 << 253) - 1;

    /// @notice The proof has another length than `PROOF_LENGTH`.
    error WrongProofLength(uint256 length);
    /// @notice The proof was made for another verifying key.
    error WrongSelector(bytes4 selector);
    /// @notice The program did not exit with success.
    error NonZeroExitCode(uint256 exitCode);
    /// @notice The proof was made with other recursion programs.
    error WrongVkRoot(bytes32 vkRoot);

    /// @inheritdoc ISP1Verifier
    function verifyProof(bytes32 programVKey, bytes calldata publicValues, bytes calldata proofBytes) external view {
        if (proofBytes.length != PROOF_LENGTH) revert WrongProofLength(proofBytes.length);
        bytes4 selector = bytes4(proofBytes[:4]);
        // the selector is by definition the first four bytes of the hash
        // forge-lint: disable-next-line(unsafe-typecast)
        if (selector != bytes4(VERIFIER_HASH)) revert WrongSelector(selector);
        (uint256 exitCode, bytes32 vkRoot, uint256 nonce, uint256[8] memory points) =
            abi.decode(proofBytes[4:], (uint256, bytes32, uint256, uint256[8]));
        if (exitCode != 0) revert NonZeroExitCode(exitCode);
        if (vkRoot != VK_ROOT) revert WrongVkRoot(vkRoot);

        uint256 digest = uint256(sha256(publicValues)) & DIGEST_MASK;
        uint256[5] memory inputs = [uint256(programVKey), digest, exitCode, uint256(vkRoot), nonce];
        this.verifyProof(points, inputs);
    }
}
