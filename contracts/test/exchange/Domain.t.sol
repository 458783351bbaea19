// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Exchange} from "../../src/Exchange.sol";
import {MockVerifier} from "../../src/verifiers/MockVerifier.sol";
import {ExchangeFixture} from "../support/ExchangeFixture.sol";
import {VectorReader} from "../support/VectorReader.sol";

contract DomainTest is ExchangeFixture, VectorReader {
    /// The contract of the vectors is the first that their key deploys.
    function testDomainSeparatorIsThatOfTheVectors() public {
        string memory json = vectors("eip712.json");
        vm.chainId(vm.parseJsonUint(json, ".chain_id"));
        verifier = new MockVerifier();
        vm.prank(vm.parseJsonAddress(json, ".address"));
        exchange = new Exchange(configuration());
        assertEq(address(exchange), vm.parseJsonAddress(json, ".contract"));
        assertEq(exchange.domainSeparator(), vm.parseJsonBytes32(json, ".domain_separator"));
        assertEq(exchange.domainSeparator(), vm.parseJsonBytes32(vectors("batches.json"), ".domain_separator"));
    }
}
