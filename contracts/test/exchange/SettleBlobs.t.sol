// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IExchange} from "../../src/interfaces/IExchange.sol";
import {Batch} from "../../src/types/Batch.sol";
import {BlobData, BlobOpening} from "../../src/types/BlobData.sol";
import {MockVerifier} from "../../src/verifiers/MockVerifier.sol";
import {ExchangeFixture} from "../support/ExchangeFixture.sol";
import {VectorReader} from "../support/VectorReader.sol";

/// @title Batches whose data is in blobs; their openings are those of ckzg, and the chain's own precompile checks them
contract SettleBlobsTest is ExchangeFixture, VectorReader {
    uint256 private constant MODULUS = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001;
    uint256 private constant ONE_BLOB = 0;
    uint256 private constant TWO_BLOBS = 3;

    /// The transaction has the blobs of a vector.
    function carry(uint256 index) private returns (BlobData memory data, bytes32 dataHash) {
        string memory json = vectors("blobs.json");
        string memory path = element(".cases", index);
        data.contentHash = readBytes32(json, path, ".content_hash");
        dataHash = readBytes32(json, path, ".data_hash");
        uint256 count = 0;
        while (vm.keyExistsJson(json, element(string.concat(path, ".blobs"), count))) count++;
        data.blobs = new BlobOpening[](count);
        bytes32[] memory hashes = new bytes32[](count);
        for (uint256 i = 0; i < count; i++) {
            string memory blob = element(string.concat(path, ".blobs"), i);
            hashes[i] = readBytes32(json, blob, ".versioned_hash");
            data.blobs[i].y = vm.parseJsonUint(json, string.concat(blob, ".y"));
            data.blobs[i].commitment = readBytes(json, blob, ".commitment");
            data.blobs[i].kzgProof = readBytes(json, blob, ".proof");
        }
        vm.blobhashes(hashes);
    }

    function expectRefused(BlobData memory data, bytes memory reason) private {
        Batch memory batch = nextBatch();
        vm.prank(POSTER, POSTER);
        vm.expectRevert(reason);
        exchange.settleBlobs{gas: 2_000_000}(batch, data, "");
    }

    function expectInvalid(BlobData memory data, uint256 index) private {
        expectRefused(data, abi.encodeWithSelector(IExchange.InvalidBlobOpening.selector, index));
    }

    function testAllVectorsSettle() public {
        string memory json = vectors("blobs.json");
        uint256 settled = 0;
        for (; vm.keyExistsJson(json, element(".cases", settled)); settled++) {
            (BlobData memory data, bytes32 dataHash) = carry(settled);
            Batch memory batch = nextBatch();
            bytes memory proof = mockProof(publicValues(batch, 1, dataHash));
            vm.expectEmit(true, true, true, true, address(exchange));
            emit IExchange.Settled(
                uint64(settled + 1), exchange.head().stateRoot, exchange.head().nextSeq, dataHash, batch
            );
            vm.prank(POSTER, POSTER);
            exchange.settleBlobs(batch, data, proof);
            assertEq(exchange.head().batchNumber, settled + 1);
        }
        assertTrue(settled > TWO_BLOBS, "there are vectors");
    }

    /// What blobs hold is on the chain whoever calls.
    function testAContractMaySettleBlobs() public {
        (BlobData memory data, bytes32 dataHash) = carry(ONE_BLOB);
        Batch memory batch = nextBatch();
        bytes memory proof = mockProof(publicValues(batch, 1, dataHash));
        vm.prank(POSTER, ALICE);
        exchange.settleBlobs(batch, data, proof);
    }

    function testTheSameChecksComeFirst() public {
        (BlobData memory data,) = carry(ONE_BLOB);
        Batch memory batch = nextBatch();
        vm.prank(BOB, BOB);
        vm.expectRevert(abi.encodeWithSelector(IExchange.NotPoster.selector, BOB));
        exchange.settleBlobs{gas: 2_000_000}(batch, data, "");
        batch.blockNumber = 0;
        data.blobs[0].y++;
        vm.prank(POSTER, POSTER);
        vm.expectRevert(abi.encodeWithSelector(IExchange.BlockNumberNotAfter.selector, uint64(0), uint64(0)));
        exchange.settleBlobs{gas: 2_000_000}(batch, data, "");
    }

    function testTheProofIsOfThisCarrierAndContent() public {
        (BlobData memory data, bytes32 dataHash) = carry(ONE_BLOB);
        Batch memory batch = nextBatch();
        bytes memory proof = mockProof(publicValues(batch, 0, dataHash));
        vm.prank(POSTER, POSTER);
        vm.expectRevert(MockVerifier.InvalidMockProof.selector);
        exchange.settleBlobs(batch, data, proof);
    }

    /// Another content asks for the value at another point, so the opening is none.
    function testTheContentChoosesThePoint() public {
        (BlobData memory data,) = carry(ONE_BLOB);
        data.contentHash = keccak256("other");
        expectInvalid(data, 0);
    }

    function testEachPartOfAnOpeningIsChecked() public {
        (BlobData memory data,) = carry(TWO_BLOBS);
        BlobOpening memory good = data.blobs[1];
        data.blobs[1] = BlobOpening(good.y ^ 1, good.commitment, good.kzgProof);
        expectInvalid(data, 1);
        data.blobs[1] = BlobOpening(good.y + MODULUS, good.commitment, good.kzgProof);
        expectInvalid(data, 1);
        data.blobs[1] = BlobOpening(good.y, data.blobs[0].commitment, good.kzgProof);
        expectInvalid(data, 1);
        data.blobs[1] = BlobOpening(good.y, good.commitment, data.blobs[0].kzgProof);
        expectInvalid(data, 1);
        data.blobs[1] = data.blobs[0];
        expectInvalid(data, 1);
    }

    function testLengthsAreThoseOfPoints() public {
        (BlobData memory data,) = carry(ONE_BLOB);
        BlobOpening memory good = data.blobs[0];
        bytes memory both = bytes.concat(good.commitment, good.kzgProof);
        data.blobs[0] = BlobOpening(good.y, both, "");
        expectInvalid(data, 0);
        data.blobs[0] = BlobOpening(good.y, "", both);
        expectInvalid(data, 0);
        data.blobs[0] = BlobOpening(good.y, bytes.concat(good.commitment, hex"00"), good.kzgProof);
        expectInvalid(data, 0);
    }

    function testBlobsAreNeitherTooFewNorTooMany() public {
        (BlobData memory data,) = carry(ONE_BLOB);
        data.blobs = new BlobOpening[](0);
        expectRefused(data, abi.encodeWithSelector(IExchange.InvalidBlobCount.selector, 0));
        data.blobs = new BlobOpening[](7);
        expectRefused(data, abi.encodeWithSelector(IExchange.InvalidBlobCount.selector, 7));

        (data,) = carry(ONE_BLOB);
        vm.blobhashes(new bytes32[](0));
        expectRefused(data, abi.encodeWithSelector(IExchange.MissingBlob.selector, 0));

        (BlobData memory two,) = carry(TWO_BLOBS);
        data.contentHash = two.contentHash;
        data.blobs[0] = two.blobs[0];
        expectRefused(data, abi.encodeWithSelector(IExchange.UnexpectedBlob.selector, 1));
    }
}
