// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Exchange} from "../../src/Exchange.sol";
import {MockVerifier} from "../../src/verifiers/MockVerifier.sol";
import {VectorReader} from "../support/VectorReader.sol";

contract DomainTest is VectorReader {
    /// The contract of the vectors is the first that their key deploys.
    function testDomainSeparatorIsThatOfTheVectors() public {
        string memory json = vectors("eip712.json");
        vm.chainId(vm.parseJsonUint(json, ".chain_id"));
        MockVerifier verifier = new MockVerifier();
        vm.prank(vm.parseJsonAddress(json, ".address"));
        Exchange exchange = new Exchange(address(1), address(1), verifier, bytes32(0), 1);
        assertEq(address(exchange), vm.parseJsonAddress(json, ".contract"));
        assertEq(exchange.domainSeparator(), vm.parseJsonBytes32(json, ".domain_separator"));
        assertEq(exchange.domainSeparator(), vm.parseJsonBytes32(vectors("batches.json"), ".domain_separator"));
    }
}
