// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Outbox} from "../../src/libraries/Outbox.sol";
import {OutboxLeaf} from "../../src/types/OutboxLeaf.sol";
import {VectorReader} from "../support/VectorReader.sol";

contract OutboxTest is VectorReader {
    function testLeavesAndProofsAreThoseOfTheVectors() public view {
        string memory json = vectors("outbox.json");
        uint256 trees = 0;
        for (string memory tree; vm.keyExistsJson(json, tree = element(".trees", trees)); trees++) {
            checkTree(json, tree);
        }
        assertTrue(trees > 0, "there are trees");
    }

    function testBatchWithoutLeavesHasAZeroRoot() public view {
        assertEq(vm.parseJsonBytes32(vectors("outbox.json"), ".empty_root"), bytes32(0));
    }

    function checkTree(string memory json, string memory tree) private view {
        bytes32 root = readBytes32(json, tree, ".root");
        string memory leaves = string.concat(tree, ".leaves");
        uint32 count = 0;
        for (string memory path; vm.keyExistsJson(json, path = element(leaves, count)); count++) {
            OutboxLeaf memory leaf = readLeaf(json, path);
            assertEq(leaf.index, count);
            bytes32 leafHash = Outbox.hash(leaf);
            assertEq(leafHash, readBytes32(json, path, ".leaf"));
            assertEq(leafHash, keccak256(readBytes(json, path, ".encoded")));
            bytes32[] memory proof = vm.parseJsonBytes32Array(json, string.concat(path, ".proof"));
            assertTrue(this.contains(root, leaf, proof), path);
        }
        assertTrue(count > 0, "the tree has leaves");
    }

    function readLeaf(string memory json, string memory path) private pure returns (OutboxLeaf memory leaf) {
        string memory withdrawal = string.concat(path, ".withdrawal");
        leaf.index = readUint32(json, path, ".index");
        leaf.recipient = readAddress(json, withdrawal, ".recipient");
        leaf.token = readUint32(json, withdrawal, ".token");
        leaf.amount = readUint128(json, withdrawal, ".amount");
        leaf.maxRelayFee = readUint128(json, withdrawal, ".max_relay_fee");
    }

    /// The library takes the proof from calldata: only an external call has one.
    function contains(bytes32 root, OutboxLeaf memory leaf, bytes32[] calldata proof) external pure returns (bool) {
        return Outbox.contains(root, leaf, proof);
    }
}
