// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Genesis} from "../../src/libraries/Genesis.sol";
import {VectorReader} from "../support/VectorReader.sol";

contract GenesisTest is VectorReader {
    /// Section 2.3 of the protocol written out as bytes.
    function testRootIsThatOfTheEmptyState() public pure {
        bytes memory meta = new bytes(69);
        meta[0] = 0x50;
        meta[4] = 0x01; // version
        meta[28] = 0x01; // next sequence number
        bytes memory state = new bytes(161);
        state[0] = 0x60;
        bytes32 metaHash = keccak256(meta);
        for (uint256 i = 0; i < 32; i++) {
            state[129 + i] = metaHash[i];
        }
        assertEq(Genesis.stateRoot(), keccak256(state));
    }

    function testRootIsThatOfTheVectors() public view {
        bytes32 root = Genesis.stateRoot();
        assertEq(vm.parseJsonBytes32(vectors("state.json"), ".steps[0].root"), root);
        assertEq(vm.parseJsonBytes32(vectors("batches.json"), ".cases[0].pre.root"), root);
    }
}
