// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Inbox} from "../../src/libraries/Inbox.sol";
import {InboxEntry} from "../../src/libraries/InboxEntry.sol";
import {MarketTerms, MarketUpdate} from "../../src/types/Listing.sol";
import {VectorReader} from "../support/VectorReader.sol";

contract InboxTest is VectorReader {
    using Inbox for Inbox.Chain;

    bytes32 private constant DEPOSIT = keccak256("Deposit");
    bytes32 private constant FORCE_EXIT = keccak256("ForceExit");
    bytes32 private constant CANCEL_ALL = keccak256("ForceCancelAll");
    bytes32 private constant APPROVE_AGENT = keccak256("ForceApproveAgent");
    bytes32 private constant REVOKE_AGENTS = keccak256("ForceRevokeAgents");
    bytes32 private constant LIST_TOKEN = keccak256("ListToken");
    bytes32 private constant LIST_MARKET = keccak256("ListMarket");
    bytes32 private constant SET_MARKET = keccak256("SetMarket");

    Inbox.Chain private inbox;

    function testChainIsThatOfTheVectors() public {
        string memory json = vectors("inbox.json");
        uint64 count = 0;
        for (string memory path; vm.keyExistsJson(json, path = element(".entries", count)); count++) {
            (uint64 index, bytes32 chainHash) = inbox.append(readBytes(json, path, ".entry"), 0);
            assertEq(index, count);
            assertEq(chainHash, readBytes32(json, path, ".inbox_hash"));
            assertEq(inbox.hashAt[count + 1], chainHash);
        }
        assertEq(inbox.length, count);
        assertTrue(count > 0, "there are entries");
    }

    function testEntriesAreThoseOfTheVectors() public {
        string memory json = vectors("inbox.json");
        uint256 written = 0;
        string memory path;
        for (uint256 i = 0; vm.keyExistsJson(json, path = element(".entries", i)); i++) {
            string memory parsed = string.concat(path, ".parsed");
            bytes32 kind = keccak256(bytes(vm.parseJsonString(json, string.concat(parsed, ".type"))));
            if (!isWritten(kind)) continue;
            vm.warp(readUint64(json, parsed, ".time"));
            assertEq(encode(kind, json, parsed), readBytes(json, path, ".entry"));
            written++;
        }
        assertTrue(written >= 8, "there are entries of the eight kinds");
    }

    /// The contract never writes what says nothing.
    function isWritten(bytes32 kind) private pure returns (bool) {
        return kind == DEPOSIT || kind == LIST_TOKEN || kind == LIST_MARKET || kind == SET_MARKET || isForced(kind);
    }

    function isForced(bytes32 kind) private pure returns (bool) {
        return kind == FORCE_EXIT || kind == CANCEL_ALL || kind == APPROVE_AGENT || kind == REVOKE_AGENTS;
    }

    function encodeForced(bytes32 kind, string memory json, string memory parsed) private view returns (bytes memory) {
        address account = readAddress(json, parsed, ".account");
        if (kind == FORCE_EXIT) return InboxEntry.forceExit(account);
        if (kind == CANCEL_ALL) return InboxEntry.cancelAll(account);
        if (kind == REVOKE_AGENTS) return InboxEntry.revokeAgents(account);
        address agent = readAddress(json, parsed, ".agent");
        uint256 markets = vm.parseJsonUint(json, string.concat(parsed, ".markets"));
        return InboxEntry.approveAgent(account, agent, readUint64(json, parsed, ".expiry"), markets);
    }

    function encode(bytes32 kind, string memory json, string memory parsed) private view returns (bytes memory) {
        if (isForced(kind)) return encodeForced(kind, json, parsed);
        if (kind == LIST_MARKET) {
            return InboxEntry.listMarket(readUint32(json, parsed, ".market"), readTerms(json, parsed));
        }
        if (kind == SET_MARKET) {
            uint32 market = readUint32(json, parsed, ".market");
            return InboxEntry.setMarket(market, readUint8(json, parsed, ".status"), readUpdate(json, parsed));
        }
        uint32 token = readUint32(json, parsed, ".token");
        if (kind == DEPOSIT) {
            return
                InboxEntry.deposit(token, readAddress(json, parsed, ".account"), readUint128(json, parsed, ".amount"));
        }
        assertEq(kind, LIST_TOKEN);
        return
            InboxEntry.listToken(token, readAddress(json, parsed, ".l1_address"), readUint8(json, parsed, ".decimals"));
    }

    function readTerms(string memory json, string memory parsed) private pure returns (MarketTerms memory terms) {
        terms.base = readUint32(json, parsed, ".base");
        terms.quote = readUint32(json, parsed, ".quote");
        terms.lotSize = readUint128(json, parsed, ".lot_size");
        terms.tickSize = readUint128(json, parsed, ".tick_size");
        terms.minNotional = readUint128(json, parsed, ".min_notional");
        terms.makerFee = readUint32(json, parsed, ".maker_fee");
        terms.takerFee = readUint32(json, parsed, ".taker_fee");
        terms.priceBand = readUint32(json, parsed, ".price_band");
        terms.feeAccount = readAddress(json, parsed, ".fee_account");
    }

    function readUpdate(string memory json, string memory parsed) private pure returns (MarketUpdate memory terms) {
        terms.minNotional = readUint128(json, parsed, ".min_notional");
        terms.makerFee = readUint32(json, parsed, ".maker_fee");
        terms.takerFee = readUint32(json, parsed, ".taker_fee");
        terms.priceBand = readUint32(json, parsed, ".price_band");
        terms.feeAccount = readAddress(json, parsed, ".fee_account");
    }
}
