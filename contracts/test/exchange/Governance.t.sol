// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Exchange} from "../../src/Exchange.sol";
import {TestToken} from "../../src/devnet/TestToken.sol";
import {IExchange} from "../../src/interfaces/IExchange.sol";
import {ISP1Verifier} from "../../src/interfaces/ISP1Verifier.sol";
import {Configuration} from "../../src/types/Configuration.sol";
import {MarketTerms, MarketUpdate, Token} from "../../src/types/Listing.sol";
import {ExchangeFixture} from "../support/ExchangeFixture.sol";

contract GovernanceTest is ExchangeFixture {
    /// What governance does while an exchange is set up.
    function setUp() public override {
        prepare();
    }

    bytes4 private constant NOT_OWNER = bytes4(keccak256("OwnableUnauthorizedAccount(address)"));

    function expectNotOwner(address caller) private {
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(NOT_OWNER, caller));
    }

    function expectInvalid(MarketTerms memory terms) private {
        vm.prank(GOVERNOR);
        vm.expectRevert(IExchange.InvalidListing.selector);
        exchange.listMarket(terms);
    }

    function testConstructorListsTheNativeCoin() public {
        Exchange fresh = new Exchange(configuration());
        bytes memory entry = abi.encodePacked(uint8(6), START, uint32(1), address(0), uint8(18));
        assertEq(fresh.inboxLength(), 1);
        assertEq(fresh.inboxHash(1), keccak256(abi.encodePacked(bytes32(0), entry)));
        assertEq(fresh.tokenCount(), 1);
        assertEq(fresh.tokenOf(1).minDeposit, MIN_ETH);
        assertEq(fresh.owner(), GOVERNOR);
        assertEq(fresh.poster(), POSTER);
        assertEq(address(fresh.verifier()), address(verifier));
        assertEq(fresh.programVKey(), PROGRAM_VKEY);
    }

    function testConstructorRefusesAVerifierWithoutCode() public {
        Configuration memory wrong = configuration();
        wrong.verifier = ISP1Verifier(BOB);
        vm.expectRevert(abi.encodeWithSelector(IExchange.NotAContract.selector, BOB));
        new Exchange(wrong);
    }

    function testConstructorRefusesAZeroPoster() public {
        Configuration memory wrong = configuration();
        wrong.poster = address(0);
        vm.expectRevert(IExchange.ZeroAddress.selector);
        new Exchange(wrong);
    }

    function testListTokenEntersTheInbox() public {
        TestToken token = new TestToken("Wrapped Bitcoin", "WBTC", 8);
        bytes memory entry = abi.encodePacked(uint8(6), START, uint32(3), address(token), uint8(8));
        bytes32 chainHash = keccak256(abi.encodePacked(exchange.inboxHash(2), entry));
        vm.expectEmit(true, true, true, true, address(exchange));
        emit IExchange.TokenListed(3, address(token), 8, 500);
        vm.expectEmit(true, true, true, true, address(exchange));
        emit IExchange.InboxAppended(2, chainHash, entry);
        vm.prank(GOVERNOR);
        assertEq(exchange.listToken(address(token), 8, 500), 3);
        assertEq(exchange.inboxHash(3), chainHash);
        assertEq(exchange.tokenIdOf(address(token)), 3);
        Token memory listed = exchange.tokenOf(3);
        assertEq(listed.l1Address, address(token));
        assertEq(listed.decimals, 8);
    }

    function testListTokenRefusals() public {
        address fresh = address(new TestToken("T", "T", 18));
        expectNotOwner(ALICE);
        exchange.listToken(fresh, 18, 1);
        vm.startPrank(GOVERNOR);
        vm.expectRevert(abi.encodeWithSelector(IExchange.TokenAlreadyListed.selector, address(usdc)));
        exchange.listToken(address(usdc), 6, 1);
        vm.expectRevert(abi.encodeWithSelector(IExchange.NotAContract.selector, BOB));
        exchange.listToken(BOB, 6, 1);
        vm.expectRevert(IExchange.InvalidListing.selector);
        exchange.listToken(fresh, 31, 1);
        vm.expectRevert(IExchange.InvalidListing.selector);
        exchange.listToken(fresh, 18, 0);
        vm.stopPrank();
    }

    function testThe256thTokenIsRefused() public {
        vm.startPrank(GOVERNOR);
        for (uint256 id = 3; id <= 255; id++) {
            exchange.listToken(address(new TestToken("T", "T", 18)), 18, 1);
        }
        address oneMore = address(new TestToken("T", "T", 18));
        vm.expectRevert(IExchange.InvalidListing.selector);
        exchange.listToken(oneMore, 18, 1);
        vm.stopPrank();
        assertEq(exchange.tokenCount(), 255);
    }

    function testListMarketEntersTheInbox() public {
        MarketTerms memory terms = marketTerms();
        bytes memory entry = bytes.concat(
            abi.encodePacked(uint8(7), START, uint32(1), ETH, USDC),
            abi.encodePacked(uint128(1e15), uint128(10), uint128(5e6)),
            abi.encodePacked(uint32(100), uint32(500), uint32(200_000), GOVERNOR)
        );
        assertEq(entry.length, 1 + 8 + 3 * 4 + 3 * 16 + 3 * 4 + 20);
        bytes32 chainHash = keccak256(abi.encodePacked(exchange.inboxHash(2), entry));
        vm.expectEmit(true, true, true, true, address(exchange));
        emit IExchange.MarketListed(1, terms);
        vm.expectEmit(true, true, true, true, address(exchange));
        emit IExchange.InboxAppended(2, chainHash, entry);
        vm.prank(GOVERNOR);
        assertEq(exchange.listMarket(terms), 1);
        assertEq(exchange.inboxHash(3), chainHash);
        assertEq(exchange.marketCount(), 1);
    }

    function testOnlyTheOwnerListsMarkets() public {
        expectNotOwner(POSTER);
        exchange.listMarket(marketTerms());
    }

    function testMarketOfUnknownTokensReverts() public {
        MarketTerms memory terms = marketTerms();
        terms.base = 3;
        vm.prank(GOVERNOR);
        vm.expectRevert(abi.encodeWithSelector(IExchange.UnknownToken.selector, uint32(3)));
        exchange.listMarket(terms);
        terms = marketTerms();
        terms.quote = 0;
        vm.prank(GOVERNOR);
        vm.expectRevert(abi.encodeWithSelector(IExchange.UnknownToken.selector, uint32(0)));
        exchange.listMarket(terms);
    }

    function testMarketTermsAreTheGuestsOwn() public {
        MarketTerms memory terms = marketTerms();
        terms.quote = terms.base;
        expectInvalid(terms);
        terms = marketTerms();
        terms.lotSize = 0;
        expectInvalid(terms);
        terms.lotSize = 2e15;
        expectInvalid(terms);
        terms.lotSize = 1e33;
        expectInvalid(terms);
        terms = marketTerms();
        terms.tickSize = 0;
        expectInvalid(terms);
        terms.tickSize = 2 ** 108;
        expectInvalid(terms);
        terms = marketTerms();
        terms.makerFee = 10_001;
        expectInvalid(terms);
        terms = marketTerms();
        terms.takerFee = 10_001;
        expectInvalid(terms);
        terms = marketTerms();
        terms.feeAccount = address(0);
        expectInvalid(terms);
    }

    function testTermsAtTheirLimitsAreListed() public {
        MarketTerms memory terms = marketTerms();
        terms.lotSize = 1e32;
        terms.tickSize = 2 ** 108 - 1;
        terms.makerFee = 10_000;
        terms.takerFee = 10_000;
        vm.startPrank(GOVERNOR);
        exchange.listMarket(terms);
        terms.lotSize = 1;
        exchange.listMarket(terms);
        vm.stopPrank();
        assertEq(exchange.marketCount(), 2);
    }

    function testThe256thMarketIsRefused() public {
        vm.startPrank(GOVERNOR);
        for (uint256 id = 1; id <= 255; id++) {
            exchange.listMarket(marketTerms());
        }
        vm.stopPrank();
        expectInvalid(marketTerms());
    }

    function marketUpdate() private pure returns (MarketUpdate memory) {
        return MarketUpdate({minNotional: 7e6, makerFee: 0, takerFee: 300, priceBand: 50_000, feeAccount: BOB});
    }

    function expectNotSet(uint8 status, MarketUpdate memory terms) private {
        vm.expectRevert(IExchange.InvalidListing.selector);
        exchange.setMarket(1, status, terms);
    }

    function testSetMarketEntersTheInbox() public {
        vm.startPrank(GOVERNOR);
        exchange.listMarket(marketTerms());
        bytes memory entry = bytes.concat(
            abi.encodePacked(uint8(8), START, uint32(1), uint8(2), uint128(7e6)),
            abi.encodePacked(uint32(0), uint32(300), uint32(50_000), BOB)
        );
        assertEq(entry.length, 1 + 8 + 4 + 1 + 16 + 3 * 4 + 20);
        bytes32 chainHash = keccak256(abi.encodePacked(exchange.inboxHash(3), entry));
        vm.expectEmit(true, true, true, true, address(exchange));
        emit IExchange.MarketChanged(1, 2, marketUpdate());
        vm.expectEmit(true, true, true, true, address(exchange));
        emit IExchange.InboxAppended(3, chainHash, entry);
        exchange.setMarket(1, 2, marketUpdate());
        vm.stopPrank();
        assertEq(exchange.inboxHash(4), chainHash);
        assertEq(exchange.marketCount(), 1);
    }

    function testOnlyTheOwnerSetsMarkets() public {
        vm.prank(GOVERNOR);
        exchange.listMarket(marketTerms());
        expectNotOwner(POSTER);
        exchange.setMarket(1, 1, marketUpdate());
    }

    function testOnlyListedMarketsAreSet() public {
        vm.startPrank(GOVERNOR);
        exchange.listMarket(marketTerms());
        vm.expectRevert(abi.encodeWithSelector(IExchange.UnknownMarket.selector, uint32(0)));
        exchange.setMarket(0, 1, marketUpdate());
        vm.expectRevert(abi.encodeWithSelector(IExchange.UnknownMarket.selector, uint32(2)));
        exchange.setMarket(2, 1, marketUpdate());
        vm.stopPrank();
    }

    function testNewTermsOfAMarketAreTheGuestsOwn() public {
        vm.startPrank(GOVERNOR);
        exchange.listMarket(marketTerms());
        expectNotSet(0, marketUpdate());
        expectNotSet(4, marketUpdate());
        MarketUpdate memory terms = marketUpdate();
        terms.makerFee = 10_001;
        expectNotSet(1, terms);
        terms = marketUpdate();
        terms.takerFee = 10_001;
        expectNotSet(1, terms);
        terms = marketUpdate();
        terms.feeAccount = address(0);
        expectNotSet(1, terms);
        uint64 before = exchange.inboxLength();
        for (uint8 status = 1; status <= 3; status++) {
            exchange.setMarket(1, status, MarketUpdate(type(uint128).max, 10_000, 10_000, type(uint32).max, BOB));
        }
        vm.stopPrank();
        assertEq(exchange.inboxLength(), before + 3);
    }

    function testPosterIsReplacedByTheOwner() public {
        expectNotOwner(POSTER);
        exchange.setPoster(BOB);
        vm.prank(GOVERNOR);
        vm.expectRevert(IExchange.ZeroAddress.selector);
        exchange.setPoster(address(0));
        vm.expectEmit(true, true, true, true, address(exchange));
        emit IExchange.PosterProposed(BOB, START);
        vm.prank(GOVERNOR);
        exchange.setPoster(BOB);
        assertEq(exchange.poster(), BOB);
    }

    function testOwnershipMovesInTwoSteps() public {
        vm.prank(GOVERNOR);
        exchange.transferOwnership(BOB);
        assertEq(exchange.owner(), GOVERNOR);
        expectNotOwner(ALICE);
        exchange.acceptOwnership();
        vm.prank(BOB);
        exchange.acceptOwnership();
        assertEq(exchange.owner(), BOB);
    }

    function testOwnershipCannotBeGivenUp() public {
        vm.prank(GOVERNOR);
        vm.expectRevert(IExchange.OwnershipNotRenounceable.selector);
        exchange.renounceOwnership();
        assertEq(exchange.owner(), GOVERNOR);
    }
}
