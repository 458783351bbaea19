// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Genesis} from "../../src/libraries/Genesis.sol";
import {Inbox} from "../../src/libraries/Inbox.sol";
import {CALLDATA_CARRIER, PublicValues} from "../../src/types/PublicValues.sol";
import {VectorReader} from "../support/VectorReader.sol";

contract PublicValuesTest is VectorReader {
    using Inbox for Inbox.Chain;

    Inbox.Chain private inbox;

    function testEncodingIsThatOfTheVectors() public view {
        string memory json = vectors("public_values.json");
        uint256 count = 0;
        for (string memory path; vm.keyExistsJson(json, path = element(".cases", count)); count++) {
            bytes memory encoded = readBytes(json, path, ".encoded");
            assertEq(encoded.length, 448);
            assertEq(abi.encode(readValues(json, string.concat(path, ".values"))), encoded);
        }
        assertTrue(count > 0, "there are cases");
    }

    /// What the contract fills in by itself is what the guest makes of the first batch of all.
    function testContractsPartOfTheFirstBatchIsThatOfTheVectors() public {
        string memory json = vectors("batches.json");
        string memory first = ".cases[0]";
        bytes memory encoded = readBytes(json, first, ".post.public_values");
        PublicValues memory values = abi.decode(encoded, (PublicValues));
        bytes[] memory entries = vm.parseJsonBytesArray(json, string.concat(first, ".inbox"));
        for (uint256 i = 0; i < entries.length; i++) {
            inbox.append(entries[i], 0);
        }
        assertEq(values.domainSeparator, vm.parseJsonBytes32(json, ".domain_separator"));
        assertEq(values.prevStateRoot, Genesis.stateRoot());
        assertEq(values.inboxCursor, inbox.length);
        assertEq(values.inboxHash, inbox.hashAt[inbox.length]);
        assertEq(values.dataCarrier, CALLDATA_CARRIER);
        assertEq(values.dataHash, keccak256(readBytes(json, first, ".data")));
        assertEq(values.firstSeq, Genesis.FIRST_SEQ);
    }

    /// By name, so that fields that changed places are found.
    function readValues(string memory json, string memory path) private pure returns (PublicValues memory values) {
        values.domainSeparator = readBytes32(json, path, ".domain_separator");
        values.prevStateRoot = readBytes32(json, path, ".prev_state_root");
        values.newStateRoot = readBytes32(json, path, ".new_state_root");
        values.inboxCursor = readUint64(json, path, ".inbox_cursor");
        values.inboxHash = readBytes32(json, path, ".inbox_hash");
        values.dataCarrier = readUint8(json, path, ".data_carrier");
        values.dataHash = readBytes32(json, path, ".data_hash");
        values.outboxRoot = readBytes32(json, path, ".outbox_root");
        values.outboxCount = readUint64(json, path, ".outbox_count");
        values.blockNumber = readUint64(json, path, ".block_number");
        values.timestamp = readUint64(json, path, ".timestamp");
        values.firstSeq = readUint64(json, path, ".first_seq");
        values.endSeq = readUint64(json, path, ".end_seq");
        values.digestsHash = readBytes32(json, path, ".digests_hash");
    }
}
