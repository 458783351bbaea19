// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ProofReader} from "../../src/ProofReader.sol";
import {IExchange} from "../../src/interfaces/IExchange.sol";
import {AccountProof} from "../../src/types/AccountProof.sol";
import {VectorReader} from "../support/VectorReader.sol";

/// @title Accounts of a state that the native tries made
contract AccountVectorsTest is VectorReader {
    struct Proven {
        address account;
        AccountProof proof;
        uint32[] tokens;
        uint128[] totals;
    }

    ProofReader private reader = new ProofReader();

    function read(string memory json, uint256 index) private view returns (bool found, Proven memory proven) {
        string memory path = element(".accounts", index);
        if (!vm.keyExistsJson(json, path)) return (false, proven);
        proven.account = readAddress(json, path, ".address");
        proven.proof = AccountProof({
            account: readBytes(json, path, ".value"),
            siblings: vm.parseJsonBytes32Array(json, string.concat(path, ".siblings")),
            bits: readBits(json, string.concat(path, ".bits")),
            booksRoot: readBytes32(json, "", ".books_root"),
            clientsRoot: readBytes32(json, "", ".clients_root"),
            registryRoot: readBytes32(json, "", ".registry_root"),
            metaHash: readBytes32(json, "", ".meta_hash")
        });
        path = string.concat(path, ".balances");
        uint256 count = 0;
        while (count < 20 && vm.keyExistsJson(json, element(path, count))) count++;
        proven.tokens = new uint32[](count);
        proven.totals = new uint128[](count);
        for (uint256 i = 0; i < count; i++) {
            proven.tokens[i] = readUint32(json, element(path, i), ".token");
            proven.totals[i] = readUint128(json, element(path, i), ".total");
        }
        return (true, proven);
    }

    function readBits(string memory json, string memory path) private pure returns (uint16[] memory bits) {
        uint256[] memory numbers = vm.parseJsonUintArray(json, path);
        bits = new uint16[](numbers.length);
        for (uint256 i = 0; i < bits.length; i++) {
            bits[i] = uint16(numbers[i]);
            assertEq(bits[i], numbers[i]);
        }
    }

    function expectUnread(Proven memory proven) private {
        vm.expectRevert(IExchange.InvalidAccountProof.selector);
        reader.escape(proven.account, proven.proof, proven.tokens);
    }

    /// Such paths would lead to no root that there is; they are refused before any of it is hashed to the end.
    function testBitsFallFromTheLeafToTheRoot() public {
        (, Proven memory proven) = read(vectors("accounts.json"), 5);
        uint16[] memory bits = proven.proof.bits;
        assertTrue(bits.length > 2, "a path");
        (bits[0], bits[1]) = (bits[1], bits[0]);
        expectUnread(proven);
        bits[0] = bits[1];
        expectUnread(proven);
        bits[0] = 160;
        expectUnread(proven);
        proven.proof.bits = new uint16[](bits.length - 1);
        expectUnread(proven);
    }

    function testEachAccountIsInTheState() public view {
        string memory json = vectors("accounts.json");
        bytes32 root = readBytes32(json, "", ".state_root");
        uint256 count = 0;
        for (;; count++) {
            (bool found, Proven memory proven) = read(json, count);
            if (!found) break;
            (bytes32 stateRoot, uint128[] memory totals) = reader.escape(proven.account, proven.proof, proven.tokens);
            assertEq(stateRoot, root);
            assertEq(keccak256(abi.encode(totals)), keccak256(abi.encode(proven.totals)));
        }
        assertTrue(count > 20, "there are accounts");
    }
}
