// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DevelopmentChain} from "../devnet/DevelopmentChain.sol";
import {ISP1Verifier} from "../interfaces/ISP1Verifier.sol";

/// @title Stand-in for proofs on a development chain
/// @notice Proves nothing: anyone can make the bytes it accepts. It works on chain id 31337 only. The bytes still name
/// the program and the public values, so that a "proof" of other values is refused as a real one would be.
contract MockVerifier is ISP1Verifier, DevelopmentChain {
    bytes4 public constant SELECTOR = "MOCK";

    /// @notice The bytes are not `SELECTOR ‖ sha256(publicValues) ‖ programVKey`.
    error InvalidMockProof();

    /// @inheritdoc ISP1Verifier
    function verifyProof(bytes32 programVKey, bytes calldata publicValues, bytes calldata proofBytes)
        external
        view
        onlyDevelopmentChain
    {
        bytes memory expected = abi.encodePacked(SELECTOR, sha256(publicValues), programVKey);
        if (keccak256(proofBytes) != keccak256(expected)) revert InvalidMockProof();
    }
}
