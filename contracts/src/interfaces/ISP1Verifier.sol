// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title What checks the proofs of an SP1 program
interface ISP1Verifier {
    /// @notice Returns when the proof is valid and reverts when it is not.
    /// @param programVKey Verifying key of the program.
    /// @param publicValues The program's public values, as bytes.
    /// @param proofBytes The proof, in the verifier's format.
    function verifyProof(bytes32 programVKey, bytes calldata publicValues, bytes calldata proofBytes) external view;
}
