# ruff: noqa: F401, F811  fixtures are imported by name
"""`riffbird bot NETWORK --check`, as a person with new keys sees it, against the fakes."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from bot.cli.main import main
from tests.bot.fakes.fixtures import clock, fake_mastodon, fake_x, harness, server_url
from tests.bot.fakes.harness import SECRETS
from tests.bot.fakes.mastodon import TOKEN, FakeMastodon
from tests.bot.fakes.x import FakeX


@dataclass(frozen=True)
class Result:
    exit_code: int
    output: str
    stderr: str


Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, server_url: str, capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """The command as it is typed, in this process, with the given settings in the environment."""

    def command(*words: str, **settings: str) -> Result:
        for name, value in {"redis_url": server_url, **settings}.items():
            monkeypatch.setenv(f"RIFFBIRD_{name.upper()}", value)
        with pytest.raises(SystemExit) as end:
            main(["bot", *words])
        shown = capfd.readouterr()
        return Result(int(end.value.code or 0), shown.out, shown.err)

    handlers, level = logging.root.handlers[:], logging.root.level
    yield command
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def test_good_keys_pass_every_check(run: Run, fake_x: FakeX) -> None:
    result = run("x", "--check", x_api_origin=fake_x.url, **SECRETS)
    assert result.exit_code == 0, result.output
    assert "MISSING" not in result.output
    assert "signed in as @riffbird" in result.output
    assert [post for post in fake_x.posts if post.author == "7001"] == []


def test_missing_keys_are_named(run: Run) -> None:
    result = run("x", "--check", x_consumer_key="a", x_consumer_secret="b")
    assert result.exit_code == 2
    assert "RIFFBIRD_X_ACCESS_TOKEN, RIFFBIRD_X_ACCESS_TOKEN_SECRET" in result.stderr


def test_wrong_keys_have_another_message_than_missing_ones(run: Run, fake_x: FakeX) -> None:
    wrong = SECRETS | {"x_access_token_secret": "mistyped-secret"}
    result = run("x", "--check", x_api_origin=fake_x.url, **wrong)
    assert result.exit_code == 2
    assert "MISSING  account" in result.output
    assert "does not accept" in result.output
    assert "mistyped-secret" not in result.output + result.stderr


def test_for_read_only_keys_the_check_says_what_to_change(run: Run, fake_x: FakeX) -> None:
    fake_x.access_level = "read"
    result = run("x", "--check", x_api_origin=fake_x.url, **SECRETS)
    assert result.exit_code == 2
    assert "MISSING  permissions" in result.output
    assert "MISSING  posting" in result.output
    assert "Read and write and Direct message" in result.output


def test_a_wrong_clock_is_reported(run: Run, fake_x: FakeX) -> None:
    ahead = fake_x.now()
    fake_x.now = lambda: ahead + 240
    result = run("x", "--check", x_api_origin=fake_x.url, **SECRETS)
    assert result.exit_code == 2
    assert "MISSING  clock" in result.output
    assert "behind the network's" in result.output


def test_oauth_2_scopes_are_checked_and_tokens_renewed(
    run: Run, fake_x: FakeX, tmp_path_factory: pytest.TempPathFactory
) -> None:
    fake_x.scope = "tweet.read tweet.write users.read offline.access dm.read dm.write"
    tokens = tmp_path_factory.mktemp("tokens") / "x.json"
    result = run("x", "--check", x_api_origin=fake_x.url, x_client_id="client",
        x_refresh_token="first-refresh-token", x_token_file=str(tokens),
    )  # fmt: skip
    assert "MISSING  scopes       the token lacks media.write" in result.output
    assert tokens.stat().st_mode & 0o077 == 0


def test_without_redis_the_error_says_what_to_start(run: Run) -> None:
    result = run("console", redis_url="redis://127.0.0.1:1/0")
    assert (result.exit_code, "riffbird serve" in result.stderr) == (2, True)


def test_an_unknown_network_is_refused_with_the_known_ones(run: Run) -> None:
    result = run("icq")
    assert (result.exit_code, "x, mastodon, matrix, bluesky, console" in result.stderr) == (2, True)


def test_a_bad_setting_is_reported_without_its_value(run: Run) -> None:
    result = run("x", x_daily_budget_dollars="a-secret-by-mistake")
    assert (result.exit_code, "RIFFBIRD_X_DAILY_BUDGET_DOLLARS" in result.stderr) == (2, True)
    assert "a-secret-by-mistake" not in result.stderr


def test_a_mastodon_token_is_checked(run: Run, fake_mastodon: FakeMastodon) -> None:
    given = {"mastodon_url": fake_mastodon.url, "mastodon_access_token": TOKEN}
    assert run("mastodon", "--check", **given).exit_code == 0
    fake_mastodon.scopes, fake_mastodon.band.bot = ["read"], False
    result = run("mastodon", "--check", **given)
    assert "MISSING  scopes" in result.output
    assert "MISSING  label" in result.output
    result = run("mastodon", "--check", **(given | {"mastodon_access_token": "wrong"}))
    assert "MISSING  account" in result.output
