// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";

import {IExchange} from "../interfaces/IExchange.sol";
import {Outbox} from "../libraries/Outbox.sol";
import {CLAIM_GAS} from "../types/Limits.sol";
import {Claim, OutboxLeaf} from "../types/OutboxLeaf.sol";
import {Treasury} from "./Treasury.sol";

/// @title Pays what settled batches owe. Nobody can stop it: not governance, not a halt, not a freeze
abstract contract Claims is Treasury {
    using BitMaps for BitMaps.BitMap;

    /// @dev What remains for the rest of the loop after a claim that used all its gas.
    uint256 private constant SPARE_GAS = 50_000;

    /// @inheritdoc IExchange
    mapping(uint64 batchNumber => bytes32 root) public outboxRoot;
    mapping(uint64 batchNumber => BitMaps.BitMap) private _claimed;

    /// @inheritdoc IExchange
    function claim(
        uint64 batchNumber,
        uint32 index,
        address recipient,
        uint32 token,
        uint128 amount,
        uint128 maxRelayFee,
        bytes32[] calldata proof
    ) external nonReentrant {
        _claim(batchNumber, OutboxLeaf(index, recipient, token, amount, maxRelayFee), proof, address(0));
    }

    /// @inheritdoc IExchange
    function claimMany(Claim[] calldata claims, address feeRecipient) external nonReentrant returns (uint256 paid) {
        for (uint256 i = 0; i < claims.length; i++) {
            if (_tryClaim(abi.encodeCall(this.claimFor, (claims[i], feeRecipient)))) {
                paid++;
            } else {
                emit ClaimSkipped(claims[i].batchNumber, claims[i].leaf.index);
            }
        }
    }

    /// @inheritdoc IExchange
    function claimFor(Claim calldata owed, address feeRecipient) external {
        if (msg.sender != address(this)) revert OnlyByClaimMany();
        _claim(owed.batchNumber, owed.leaf, owed.proof, feeRecipient);
    }

    /// @dev A call to this contract: all that a failing claim did is undone. It gets its gas in full, so that no caller
    /// can make it fail by giving little, and none of what it returns is copied.
    function _tryClaim(bytes memory request) private returns (bool success) {
        if (gasleft() < CLAIM_GAS + SPARE_GAS) revert NotEnoughGas(CLAIM_GAS + SPARE_GAS);
        assembly ("memory-safe") {
            success := call(CLAIM_GAS, address(), 0, add(request, 32), mload(request), 0, 0)
        }
    }

    function _claim(uint64 batchNumber, OutboxLeaf memory leaf, bytes32[] calldata proof, address feeRecipient)
        private
    {
        if (!Outbox.contains(outboxRoot[batchNumber], leaf, proof)) {
            revert InvalidOutboxProof(batchNumber, leaf.index);
        }
        if (_claimed[batchNumber].get(leaf.index)) revert AlreadyClaimed(batchNumber, leaf.index);
        _claimed[batchNumber].set(leaf.index);
        _release(leaf.token, leaf.amount);
        emit Claimed(batchNumber, leaf.index, leaf.recipient, leaf.token, leaf.amount);
        uint128 fee = feeRecipient == address(0) ? 0 : leaf.maxRelayFee;
        _pay(leaf.token, leaf.recipient, leaf.amount - fee);
        if (fee != 0) _pay(leaf.token, feeRecipient, fee);
    }

    /// @inheritdoc IExchange
    function isClaimed(uint64 batchNumber, uint32 index) external view returns (bool) {
        return _claimed[batchNumber].get(index);
    }
}
