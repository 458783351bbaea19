// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {IExchange} from "./interfaces/IExchange.sol";
import {CHUNK} from "./types/Limits.sol";
import {Evidence, Receipt} from "./types/Receipt.sol";

/// @title Money that the operator loses if a receipt is contradicted by what is settled
/// @notice Half of a lost bond goes to who shows the evidence. The other half stays here for ever, so that an operator who
/// finds itself out loses too: no call leads to it, and a payment to nobody would be one more thing that can fail.
/// @dev Evidence is committed to a block before it is shown: a commitment names its finder, so what is copied from the
/// mempool is worth nothing. The first to show it is the finder: were it the first to commit, the operator, who knows of a
/// fault before anybody, would always be. The reward waits as long as a withdrawal does, so to slash oneself is no faster way
/// out. A bond is for one fault: once it is lost, the operator needs another contract. No owner, no upgrade.
contract ReceiptBond {
    bytes32 private constant _RECEIPT_TYPEHASH =
        keccak256("Receipt(uint64 seq,bytes32 digest,bytes32 inboxHash,uint64 time)");

    /// @notice Longest delay: a sum of times never overflows.
    uint64 public constant MAX_DELAY = 365 days;

    /// @notice The exchange whose settled order counts.
    IExchange public immutable exchange;
    /// @notice Whose receipts the bond stands for.
    address public immutable signer;
    /// @notice Who deposits, and may withdraw after notice.
    address public immutable operator;
    /// @notice Seconds between the notice of a withdrawal and the withdrawal, and between a fault and its finder's reward.
    uint64 public immutable delay;

    /// @notice What can be lost, in wei.
    uint256 public bond;
    /// @notice Earliest time of a withdrawal; zero where no notice was given.
    uint64 public withdrawableFrom;
    /// @notice Whether a receipt was contradicted.
    bool public isSlashed;
    /// @notice Earliest time at which the finder is paid; zero while there is none.
    uint64 public payableFrom;
    /// @notice Who showed it.
    address public finder;
    /// @notice What the finder is still to get, in wei.
    uint256 public reward;

    /// @notice Block of a commitment; zero for none.
    mapping(bytes32 commitment => uint256 blockNumber) public committedAt;

    event Deposited(uint256 amount, uint256 bond);
    event WithdrawalAnnounced(uint64 withdrawableFrom);
    event WithdrawalRevoked();
    event Withdrawn(address indexed recipient, uint256 amount);
    event Committed(bytes32 indexed commitment);
    event Slashed(
        uint64 indexed seq, bytes32 promised, bytes32 settled, address indexed finder, uint256 reward, uint256 burned
    );
    event RewardPaid(address indexed finder, uint256 amount);

    error ZeroAddress();
    error InvalidDelay();
    error NotOperator(address sender);
    error BondLost();
    error NoBond();
    error NotAnnounced();
    error NoticeRunning(uint64 withdrawableFrom);
    error NotCommitted();
    error CommittedInThisBlock();
    error NotSigned();
    error OtherInbox();
    error NotTheBatch(uint64 batchNumber);
    error NotInTheBatch(uint64 seq);
    error NotTheChunks();
    error NotTheDigests();
    error ReceiptKept(uint64 seq);
    error RewardNotDue(uint64 payableFrom);
    error NoReward();

    modifier onlyOperator() {
        _requireOperator();
        _;
    }

    /// @param exchange_ The exchange.
    /// @param signer_ Whose receipts.
    /// @param operator_ Who deposits and withdraws.
    /// @param delay_ In seconds.
    constructor(IExchange exchange_, address signer_, address operator_, uint64 delay_) {
        if (address(exchange_).code.length == 0 || signer_ == address(0) || operator_ == address(0)) {
            revert ZeroAddress();
        }
        // What is not settled within the exchange's deadline can be ended by a forced operation and `freeze`: whoever has a
        // receipt when notice is given sees it settled, or the exchange frozen, before the bond can go.
        if (delay_ <= exchange_.delays().deadline || delay_ > MAX_DELAY) revert InvalidDelay();
        exchange = exchange_;
        signer = signer_;
        operator = operator_;
        delay = delay_;
    }

    // ---------------------------------------------------------------- operator

    /// @notice Adds to the bond. A notice that runs is over by it: what is bonded stays for a whole period.
    function deposit() external payable onlyOperator {
        if (isSlashed) revert BondLost();
        bond += msg.value;
        withdrawableFrom = 0;
        emit Deposited(msg.value, bond);
    }

    /// @notice Gives notice of a withdrawal. A second notice begins the period again.
    function announceWithdrawal() external onlyOperator {
        withdrawableFrom = uint64(block.timestamp) + delay;
        emit WithdrawalAnnounced(withdrawableFrom);
    }

    /// @notice Takes the notice back: the bond stays.
    function revokeWithdrawal() external onlyOperator {
        withdrawableFrom = 0;
        emit WithdrawalRevoked();
    }

    /// @notice Pays the whole bond out, after the notice.
    function withdraw(address recipient) external onlyOperator {
        if (isSlashed) revert BondLost();
        if (recipient == address(0)) revert ZeroAddress();
        if (withdrawableFrom == 0) revert NotAnnounced();
        if (block.timestamp < withdrawableFrom) revert NoticeRunning(withdrawableFrom);
        uint256 amount = bond;
        bond = 0;
        withdrawableFrom = 0;
        emit Withdrawn(recipient, amount);
        Address.sendValue(payable(recipient), amount);
    }

    // --------------------------------------------------------------- challenge

    /// @notice Commits to evidence: `commitmentOf(evidence, sender, salt)`. To repeat one changes nothing.
    function commit(bytes32 commitment) external {
        if (committedAt[commitment] != 0) return;
        committedAt[commitment] = block.number;
        emit Committed(commitment);
    }

    /// @notice Shows the evidence that the sender committed to in an earlier block: the operator loses the bond.
    function challenge(Evidence calldata evidence, bytes32 salt) external {
        uint256 since = committedAt[commitmentOf(evidence, msg.sender, salt)];
        if (since == 0) revert NotCommitted();
        if (since >= block.number) revert CommittedInThisBlock();
        if (isSlashed) revert BondLost();
        if (bond == 0) revert NoBond();
        bytes32 settled = _requireContradicted(evidence);

        uint256 lost = bond;
        bond = 0;
        isSlashed = true;
        finder = msg.sender;
        reward = lost / 2;
        payableFrom = uint64(block.timestamp) + delay;
        emit Slashed(evidence.receipt.seq, evidence.receipt.digest, settled, msg.sender, reward, lost - reward);
    }

    /// @notice Pays the finder. Anyone may call it.
    function payReward() external {
        uint256 amount = reward;
        if (amount == 0) revert NoReward();
        if (block.timestamp < payableFrom) revert RewardNotDue(payableFrom);
        reward = 0;
        emit RewardPaid(finder, amount);
        Address.sendValue(payable(finder), amount);
    }

    /// @notice What `finder_` commits to before showing `evidence`.
    function commitmentOf(Evidence calldata evidence, address finder_, bytes32 salt) public pure returns (bytes32) {
        return keccak256(abi.encode(keccak256(abi.encode(evidence)), finder_, salt));
    }

    /// @dev The digest that was settled in the place of the receipt's. Each step pins what the next one reads.
    function _requireContradicted(Evidence calldata evidence) private view returns (bytes32 settled) {
        Receipt calldata receipt = evidence.receipt;
        if (!_isSigned(receipt, evidence.signature)) revert NotSigned();
        // Where L1 took an entry back that the receipt was given on, the operator could not keep its word.
        if (exchange.inboxHash(evidence.inboxCount) != receipt.inboxHash) revert OtherInbox();
        bytes32 batchHash = keccak256(abi.encode(evidence.firstSeq, evidence.batch));
        if (exchange.batchHash(evidence.batchNumber) != batchHash) revert NotTheBatch(evidence.batchNumber);
        if (receipt.seq < evidence.firstSeq || receipt.seq >= evidence.batch.endSeq) revert NotInTheBatch(receipt.seq);

        uint256 size = evidence.batch.endSeq - evidence.firstSeq;
        uint256 place = receipt.seq - evidence.firstSeq;
        uint256 chunk = place / CHUNK;
        // The number of chunks and the length of this one follow from the batch: nothing else can have these hashes.
        if (
            evidence.chunkHashes.length != (size + CHUNK - 1) / CHUNK
                || keccak256(abi.encodePacked(evidence.chunkHashes)) != evidence.batch.digestsHash
        ) revert NotTheChunks();
        uint256 rest = size - (place - place % CHUNK);
        if (
            evidence.digests.length != (rest < CHUNK ? rest : CHUNK)
                || keccak256(abi.encodePacked(evidence.digests)) != evidence.chunkHashes[chunk]
        ) revert NotTheDigests();
        settled = evidence.digests[place % CHUNK];
        if (settled == receipt.digest) revert ReceiptKept(receipt.seq);
    }

    /// @dev Only low `s`; what is no signature recovers to nobody, and the signer is not zero.
    function _isSigned(Receipt calldata receipt, bytes calldata signature) private view returns (bool) {
        bytes32 structHash =
            keccak256(abi.encode(_RECEIPT_TYPEHASH, receipt.seq, receipt.digest, receipt.inboxHash, receipt.time));
        bytes32 signed = MessageHashUtils.toTypedDataHash(exchange.domainSeparator(), structHash);
        (address recovered,,) = ECDSA.tryRecoverCalldata(signed, signature);
        return recovered == signer;
    }

    function _requireOperator() private view {
        if (msg.sender != operator) revert NotOperator(msg.sender);
    }
}
