"""Who may read an account's private channels: its own key or an agent's, for a time (docs/protocol.md, section 11)."""

from typing import Final

from msgspec import Struct
from zkclob_native import recover

from sequencer.adapters.http import fields
from sequencer.adapters.http.context import hex_bytes
from sequencer.adapters.http.errors import ApiError, out_of_range
from sequencer.adapters.http.websocket.requests import LoginArgs
from sequencer.core.errors import Code, Rejection
from sequencer.core.signing import login_digest
from sequencer.core.state import State
from sequencer.core.types import Address

EXPIRY_AHEAD_MAX_S: Final = 86_400


class Login(Struct):
    """An account that a connection may read, as `signer`, until `expiry`."""

    account: Address
    signer: Address
    expiry: int


def read_login(args: LoginArgs, separator: bytes, now: int) -> Login:
    """A login whose signature is right. Raises ApiError; whether the signer has rights is not looked at."""
    account, signer = fields.address("account", args.account), fields.address("signer", args.signer)
    expiry = fields.u64("expiry", args.expiry)
    if not now < expiry <= now + EXPIRY_AHEAD_MAX_S:
        raise out_of_range("expiry", f"after {now} and at most {now + EXPIRY_AHEAD_MAX_S}", args.expiry)
    signed = login_digest(separator, account, signer, expiry)
    details = {"expected_signer": hex_bytes(signer), "digest": hex_bytes(signed)}
    try:
        recovered, _ = recover(signed, fields.fixed_bytes("signature", args.signature, 65))
    except ValueError as error:
        raise ApiError(400, "BAD_SIGNATURE", f"not a signature: {error}", details) from error
    if recovered != signer:
        message = "another key signed, or other fields or another domain were signed"
        raise ApiError(400, "BAD_SIGNATURE", message, details | {"recovered": hex_bytes(recovered)})
    return Login(account, signer, expiry)


def why_not(state: State, login: Login, now: int) -> str | None:
    """Why the login gives no rights at this time; None if it does."""
    if now > login.expiry:
        return "expired"
    if login.signer == login.account:
        return None
    account = state.accounts.get(login.account)
    agent = account.agents.get(login.signer) if account is not None else None
    if agent is None:
        return "not_an_agent"
    return "agent_expired" if now > agent.expiry else None


def require_rights(state: State, login: Login, now: int) -> None:
    """Raises Rejection if the signer may not read the account."""
    reason = why_not(state, login, now)
    if reason is not None:
        raise Rejection(
            Code.SIGNER_NOT_AUTHORIZED,
            f"signer must be the account 0x{login.account.hex()} or an agent of it: {reason}",
            {"signer": f"0x{login.signer.hex()}"},
        )
