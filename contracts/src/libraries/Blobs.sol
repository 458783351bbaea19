// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IExchange} from "../interfaces/IExchange.sol";
import {BlobData, BlobOpening} from "../types/BlobData.sol";
import {MAX_BLOBS} from "../types/Limits.sol";

/// @title What binds a batch's data to the blobs of the transaction that settles it
/// @notice The guest program packs the same data into polynomials and evaluates them at the same points. The points
/// follow from the data and the blobs, so nobody could choose one where two different polynomials agree.
library Blobs {
    uint256 internal constant BLS_MODULUS = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001;
    uint256 internal constant FIELD_ELEMENTS_PER_BLOB = 4096;
    uint256 private constant POINT_BYTES = 48;
    address private constant POINT_EVALUATION = address(0x0a);

    /// @notice `keccak256(contentHash ‖ for each blob: versionedHash ‖ z ‖ y)`, after all openings were checked. The
    /// transaction has these blobs and no more.
    function dataHash(BlobData calldata data) internal view returns (bytes32) {
        uint256 count = data.blobs.length;
        if (count == 0 || count > MAX_BLOBS) revert IExchange.InvalidBlobCount(count);
        bytes memory hashed = abi.encodePacked(data.contentHash);
        for (uint256 i = 0; i < count; i++) {
            BlobOpening calldata opening = data.blobs[i];
            bytes32 versionedHash = blobhash(i);
            if (versionedHash == 0) revert IExchange.MissingBlob(i);
            uint256 z = uint256(keccak256(abi.encodePacked(data.contentHash, versionedHash))) % BLS_MODULUS;
            if (!_isOpening(versionedHash, z, opening)) revert IExchange.InvalidBlobOpening(i);
            hashed = abi.encodePacked(hashed, versionedHash, z, opening.y);
        }
        if (blobhash(count) != 0) revert IExchange.UnexpectedBlob(count);
        return keccak256(hashed);
    }

    /// @dev The precompile compares the versioned hash with the commitment and refuses a `y` that is not reduced.
    function _isOpening(bytes32 versionedHash, uint256 z, BlobOpening calldata opening) private view returns (bool) {
        if (opening.commitment.length != POINT_BYTES || opening.kzgProof.length != POINT_BYTES) return false;
        (bool success, bytes memory answer) = POINT_EVALUATION.staticcall(
            abi.encodePacked(versionedHash, z, opening.y, opening.commitment, opening.kzgProof)
        );
        return success && keccak256(answer) == keccak256(abi.encode(FIELD_ELEMENTS_PER_BLOB, BLS_MODULUS));
    }
}
