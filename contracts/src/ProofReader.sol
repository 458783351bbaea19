// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IExchange} from "./interfaces/IExchange.sol";
import {Account} from "./libraries/Account.sol";
import {Blobs} from "./libraries/Blobs.sol";
import {AccountProof} from "./types/AccountProof.sol";
import {Batch} from "./types/Batch.sol";
import {BlobData} from "./types/BlobData.sol";

/// @title Reads the long arguments of two of the exchange's functions
/// @notice It has no state and is made by the exchange itself: a part of it that the limit of a contract's code keeps
/// apart. The exchange passes on its calldata as it is, so that each function here has the name and the arguments of
/// the one there.
contract ProofReader {
    /// @notice What a proof shows. Reverts with `InvalidAccountProof` if it cannot be read.
    /// @return stateRoot Root of the state in which the account is as the proof says.
    /// @return totals What it has of each token, locked or not.
    function escape(address account, AccountProof calldata proof, uint32[] calldata tokens)
        external
        view
        returns (bytes32 stateRoot, uint128[] memory totals)
    {
        stateRoot = Account.stateRoot(proof, account);
        bytes calldata balances = Account.balances(proof.account);
        totals = new uint128[](tokens.length);
        for (uint256 i = 0; i < tokens.length; i++) {
            totals[i] = Account.totalOf(balances, tokens[i]);
        }
    }

    /// @notice Hash of a batch's data that is in the blobs of this transaction, of which all openings are checked.
    function settleBlobs(Batch calldata, BlobData calldata data, bytes calldata) external view returns (bytes32) {
        return Blobs.dataHash(data);
    }
}
