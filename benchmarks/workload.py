"""What is asked of a contender: the arguments of each operation, and whether the answers are right."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from benchmarks.contenders.shared.protocol import Contender, Record, SignUp
from benchmarks.dataset import AGENT, LATER, Dataset

__all__ = ["Workload", "WrongAnswerError", "agree"]

GENERATED: Final = frozenset({"id", "created_at", "updated_at"})
MADE: Final = frozenset({"c", "f"})
"""Operations whose records have ids and times of their own."""


class WrongAnswerError(Exception):
    """A contender did not do the work."""


@dataclass(slots=True)
class Workload:
    """Arguments for one contender's file. The same for each: what is removed or made is counted on its own."""

    data: Dataset
    removed: int = 0
    consumed: int = 0
    made: int = 0
    dice: random.Random = field(default_factory=lambda: random.Random(2026))

    def arguments(self, operation: str, times: int) -> Iterator[tuple[Any, ...]]:
        """So many calls' arguments."""
        for _ in range(times):
            yield self._one(operation)

    def _one(self, operation: str) -> tuple[Any, ...]:
        match operation:
            case "a2" | "aj":
                return (self._token(),)
            case "b":
                return (self.data.email(self.dice.randrange(self.data.users)),)
            case "c":
                return (self._session() | {"user_id": self.data.user_id(self.dice.randrange(self.data.users))},)
            case "d":
                return self._token(), LATER + timedelta(seconds=self.dice.randrange(10_000_000))
            case "e":
                self.removed += 1
                return (self.data.token(self.data.sessions + self.removed - 1),)
            case "consume":
                self.consumed += 1
                return (self.data.identifier(self.consumed - 1),)
            case _:
                return (self._sign_up(),)

    def _token(self) -> str:
        return self.data.token(self.dice.randrange(self.data.sessions))

    def _session(self) -> Record:
        self.made += 1
        return {
            "token": f"new-{self.made:028}",
            "expires_at": datetime(2037, 1, 1, tzinfo=UTC),
            "ip_address": "192.0.2.1",
            "user_agent": AGENT,
        }

    def _sign_up(self) -> SignUp:
        session = self._session()
        user = {"name": "New", "email": f"new-{self.made}@example.org", "email_verified": False, "image": None}
        account = {"account_id": f"new-{self.made}", "provider_id": "credential", "password": "$argon2id$" + "x" * 80}
        return SignUp(user=user, account=account, session=session)


async def agree(name: str, contender: Contender, reference: Contender, operation: str, work: Workload) -> None:
    """Raise `WrongAnswerError` unless both, on files with the same data, answer alike."""
    (arguments,) = work.arguments(operation, 1)
    answers = []
    for one in (contender, reference):
        answer = await getattr(one, operation)(*arguments)
        answers.append(_settled(operation, answer))
    if answers[0] != answers[1]:
        raise WrongAnswerError(f"{name}, {operation}: {answers[0]}\nwhere the reference answers\n{answers[1]}")
    if operation in ("e", "consume") and await getattr(contender, operation)(*arguments):
        raise WrongAnswerError(f"{name}, {operation}: removed the same row twice")
    if operation in ("c", "d"):
        stored = await contender.a2(answer["token"])
        if stored is None or stored["expires_at"] != answer["expires_at"]:
            raise WrongAnswerError(f"{name}, {operation}: did not store what it returned")


def _settled(operation: str, answer: Any) -> Any:
    """An answer in a form that can be compared: types beside values, checked and left out where each makes its own."""
    if operation == "f":
        user, *rest = answer
        linked = [{**one, "user_id": one["user_id"] == user["id"]} for one in rest]
        return [_settled("c", one) for one in (user, *linked)]
    if not isinstance(answer, dict):
        return type(answer).__name__, answer
    settled = {}
    for key, value in answer.items():
        if isinstance(value, datetime) and value.utcoffset() != timedelta(0):
            raise WrongAnswerError(f"{operation}: {key} is no aware time in UTC")
        own = key in GENERATED if operation in MADE else operation == "d" and key == "updated_at"
        settled[key] = type(value).__name__ if own else _settled("", value)
    return settled
