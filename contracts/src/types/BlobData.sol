// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// A batch's data, carried by the blobs of the transaction that settles it.
struct BlobData {
    /// Keccak-256 of the data.
    bytes32 contentHash;
    /// One for each blob of the transaction, in their order.
    BlobOpening[] blobs;
}

/// The value of a blob's polynomial at the point that the content and the blob determine.
struct BlobOpening {
    uint256 y;
    /// KZG commitment to the blob: 48 bytes.
    bytes commitment;
    /// KZG proof of the value: 48 bytes.
    bytes kzgProof;
}
