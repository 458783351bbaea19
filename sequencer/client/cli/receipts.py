"""Signed receipts against what was settled on L1."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import click

from sequencer.client.bond import BondAccount, BondTerms
from sequencer.client.cli.parameters import ADDRESS
from sequencer.client.cli.session import JsonGroup, Session, examples, pass_session
from sequencer.client.cli.verify import Reporter, place_of, place_options
from sequencer.client.errors import ClientError
from sequencer.client.receipt_check import Checked, Evidence, Verdict, check
from sequencer.client.receipts import BadReceipt, KeptReceipt, ReceiptFile, read_receipts
from sequencer.core.constants import MAX_U64
from sequencer.rebuild.digests import SettledOrder
from sequencer.rebuild.opening import Place, open_follower


@click.group(cls=JsonGroup)
def receipts() -> None:
    """Signed receipts, which the sequencer gives for each transaction."""


@receipts.command("check")
@place_options
@click.option("--bond", envvar="ZKCLOB_BOND", type=ADDRESS, help="The operator's bond on L1.")
@click.option(
    "--evidence",
    "evidence_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write the evidence of broken promises to.",
)
@click.option("--challenge", is_flag=True, help="Take the bond with the first broken promise.")
@pass_session
@examples(
    "--receipts receipts.jsonl receipts check --contract 0x5fbdb2315678afecb367f032d93f642f64180aa3",
    "receipts check --contract 0x5fbd… --bond 0x9fe4… --challenge",
)
def check_receipts(
    session: Session, bond: bytes | None, evidence_file: Path | None, challenge: bool, **where: Any
) -> None:
    """Compare the receipts in --receipts with the order of transactions that L1 settled.

    Everything is read from L1, nothing from the sequencer. Exit status 1 if a promise was broken.
    """
    if challenge and bond is None:
        raise click.UsageError("--challenge needs --bond")
    place, kept, reporter = place_of(session, **where), _read(session.receipts), Reporter()
    account = None if bond is None else _account(session, place, bond, signs=challenge)
    terms = None if account is None else account.terms()
    follower = open_follower(place, on_progress=reporter.progress)
    follower.catch_up(on_trouble=reporter.trouble)
    settled, chain_id = SettledOrder(follower), follower.chain.chain_id()
    checked = [check(each, settled, chain_id, place.contract) for each in kept]
    broken = [found.evidence for found in checked if found.evidence is not None]
    if evidence_file is not None and broken:
        evidence_file.write_text(json.dumps([evidence_form(each) for each in broken], indent=1) + "\n")
    tx_hash = None
    if challenge and account is not None and terms is not None:
        tx_hash = _challenge(account, terms, checked)
    session.show(_form(checked, terms, tx_hash), _lines(checked, terms, tx_hash))
    if broken:
        raise click.exceptions.Exit(1)


@receipts.command("get")
@click.argument("seq", type=click.IntRange(1, MAX_U64))
@pass_session
@examples("receipts get 12")
def get_receipt(session: Session, seq: int) -> None:
    """Get the receipt of a transaction by its number, and add it to --receipts if that is given."""
    found = session.client.receipt(seq)
    if session.receipts is not None:
        try:
            ReceiptFile(session.receipts).append(session.client.kept_receipt(found))
        except OSError as error:
            raise ClientError(f"cannot keep the receipt: {error}") from error
    session.show(found, [f"{found.seq}  {found.digest}", f"signature {found.signature}"])


@receipts.command("reward")
@place_options
@click.option("--bond", envvar="ZKCLOB_BOND", type=ADDRESS, required=True, help="The bond that was taken.")
@pass_session
@examples("receipts reward --contract 0x5fbd… --bond 0x9fe4…")
def reward(session: Session, bond: bytes, **where: Any) -> None:
    """Have the finder of a broken promise paid, once the bond's delay is over."""
    tx_hash = _account(session, place_of(session, **where), bond, signs=True).pay_reward()
    session.show({"transaction": tx_hash}, [f"paid in 0x{tx_hash.hex()}"])


def _account(session: Session, place: Place, bond: bytes, *, signs: bool) -> BondAccount:
    wallet = session.wallet if signs else None
    return BondAccount(place.rpc_url, f"0x{place.contract.hex()}", f"0x{bond.hex()}", wallet)


def _read(path: Path | None) -> list[KeptReceipt]:
    if path is None:
        raise click.UsageError("name the file of receipts before the command: --receipts FILE")
    try:
        return read_receipts(path)
    except (OSError, BadReceipt) as error:
        raise ClientError(str(error)) from error


def _challenge(account: BondAccount, terms: BondTerms, checked: list[Checked]) -> bytes | None:
    for found in checked:
        if found.evidence is not None and found.kept.signer.lower() == terms.signer:
            return account.challenge(found.evidence)
    return None


def _form(checked: list[Checked], terms: BondTerms | None, tx_hash: bytes | None) -> dict[str, Any]:
    return {
        "receipts": [
            {
                "seq": str(found.kept.receipt.seq),
                "digest": found.kept.receipt.digest,
                "verdict": str(found.verdict),
                "batch": None if found.batch is None else str(found.batch),
                "evidence": None if found.evidence is None else evidence_form(found.evidence),
            }
            for found in checked
        ],
        "bond": terms,
        "challenge": tx_hash,
    }


def _lines(checked: list[Checked], terms: BondTerms | None, tx_hash: bytes | None) -> list[str]:
    lines = []
    for found in checked:
        receipt, evidence = found.kept.receipt, found.evidence
        where = "" if found.batch is None else f" in batch {found.batch}"
        if evidence is not None:
            where += (
                f": {receipt.digest} was promised, 0x{evidence.settled_digest.hex()} settled; "
                f"the evidence is the receipt, the batch, {len(evidence.chunk_hashes)} hashes of chunks "
                f"and {len(evidence.digests)} digests"
            )
        lines.append(f"{receipt.seq}  {found.verdict}{where}")
    counts = Counter(found.verdict for found in checked)
    lines.append(
        ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict]) or "no receipts"
    )
    if terms is not None:
        lines.append(_bond_line(terms, {found.kept.signer.lower() for found in checked}))
    if tx_hash is not None:
        lines.append(f"the bond was taken in 0x{tx_hash.hex()}: half of it is paid after the delay")
    return lines


def _bond_line(terms: BondTerms, signers: set[str]) -> str:
    if signers - {terms.signer}:
        return f"the bond is for receipts of {terms.signer}, not for those of {', '.join(signers - {terms.signer})}"
    notice = f", can be withdrawn from {terms.withdrawable_from} on" if terms.withdrawable_from else ""
    state = "is lost" if terms.is_slashed else f"holds {terms.bond} wei"
    return f"the bond {state}{notice}, with a delay of {terms.delay} s"


def evidence_form(evidence: Evidence) -> dict[str, Any]:
    """The struct `Evidence` of the contract, in JSON."""
    receipt, batch = evidence.receipt, evidence.batch
    return {
        "receipt": {
            "seq": str(receipt.seq),
            "digest": _hex(receipt.digest),
            "inboxHash": _hex(receipt.inbox_hash),
            "time": str(receipt.time),
        },
        "signature": _hex(evidence.signature),
        "inboxCount": str(evidence.inbox_count),
        "batchNumber": str(batch.number),
        "firstSeq": str(batch.first_seq),
        "batch": {
            "newStateRoot": _hex(batch.new_state_root),
            "inboxCursor": str(batch.inbox_cursor),
            "outboxRoot": _hex(batch.outbox_root),
            "outboxCount": str(batch.outbox_count),
            "blockNumber": str(batch.block_number),
            "timestamp": str(batch.timestamp),
            "endSeq": str(batch.end_seq),
            "digestsHash": _hex(batch.digests_hash),
        },
        "chunkHashes": list(map(_hex, evidence.chunk_hashes)),
        "digests": list(map(_hex, evidence.digests)),
    }


def _hex(value: bytes) -> str:
    return f"0x{value.hex()}"
