// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ISP1Verifier} from "../interfaces/ISP1Verifier.sol";

/// @title What a Groth16 proof of SP1 is made of, whatever verifying key it is for
/// @notice A proof is `selector (4) ‖ exit code (32) ‖ vk root (32) ‖ nonce (32) ‖ 8 field elements`. The nonce is
/// free and Groth16 proofs can be altered without becoming invalid: a proof never identifies what it proves.
abstract contract SP1Proof is ISP1Verifier {
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

    /// @notice Takes a proof apart and checks all of it but the pairing.
    /// @param verifierHash SHA-256 of the Groth16 verifying key.
    /// @param recursionRoot The only vk root that is let pass.
    /// @return points The Groth16 proof.
    /// @return inputs The five public inputs that it has to be checked against.
    function _open(
        bytes32 verifierHash,
        bytes32 recursionRoot,
        bytes32 programVKey,
        bytes calldata publicValues,
        bytes calldata proofBytes
    ) internal pure returns (uint256[8] memory points, uint256[5] memory inputs) {
        if (proofBytes.length != PROOF_LENGTH) revert WrongProofLength(proofBytes.length);
        bytes4 selector = bytes4(proofBytes[:4]);
        // the selector is by definition the first four bytes of the hash
        // forge-lint: disable-next-line(unsafe-typecast)
        if (selector != bytes4(verifierHash)) revert WrongSelector(selector);
        uint256 exitCode;
        bytes32 vkRoot;
        uint256 nonce;
        (exitCode, vkRoot, nonce, points) = abi.decode(proofBytes[4:], (uint256, bytes32, uint256, uint256[8]));
        if (exitCode != 0) revert NonZeroExitCode(exitCode);
        if (vkRoot != recursionRoot) revert WrongVkRoot(vkRoot);

        uint256 digest = uint256(sha256(publicValues)) & DIGEST_MASK;
        inputs = [uint256(programVKey), digest, exitCode, uint256(vkRoot), nonce];
    }
}
