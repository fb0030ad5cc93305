# ruff: noqa: F401, F811  fixtures are imported by name
"""Settings and secrets: every setting is documented, no secret is ever shown."""

import copy
import json
import logging
import random
import re
import traceback
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from bot.api.settings import ApiSettings
from bot.networks.mastodon.client import MastodonNetwork
from bot.networks.matrix.client import MatrixNetwork
from bot.networks.protocol import NetworkError
from bot.networks.registry import NETWORKS
from bot.networks.x.client import XNetwork
from bot.networks.x.prices import PRICE_DOLLARS
from bot.settings import PREFIX, BotSettings, secrets_of, settings_errors
from tests.bot.fakes.fixtures import clock, fake_mastodon, fake_x, harness, server_url
from tests.bot.fakes.harness import SECRETS, Harness, bot_settings, x_settings
from tests.bot.fakes.mastodon import FakeMastodon
from tests.bot.fakes.x import FakeX
from worker.monitoring.logs import JsonLines
from worker.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "bots.md").read_text(encoding="utf-8")
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
VALUES = ["wrong-consumer-secret", "wrong-token-secret", "wrong-mastodon-token", "wrong-matrix-token", "wrong-refresh"]


@pytest.mark.parametrize("name", BotSettings.model_fields)
def test_every_setting_of_the_bot_is_documented_with_its_meaning(name: str) -> None:
    assert f"`{PREFIX}{name.upper()}`" in DOCS
    assert str(BotSettings.model_fields[name].description) in DOCS


@pytest.mark.parametrize("kind", [BotSettings, Settings, ApiSettings])
def test_every_setting_stands_in_the_example_file(kind: type) -> None:
    missing = [name for name in kind.model_fields if not re.search(rf"(?m)^#?{PREFIX}{name.upper()}=", EXAMPLE)]
    assert missing == []


def test_the_example_file_names_no_unknown_setting() -> None:
    known = {f"{PREFIX}{name.upper()}" for kind in (BotSettings, Settings, ApiSettings) for name in kind.model_fields}
    assert set(re.findall(rf"(?m)^#?({PREFIX}\w+)=", EXAMPLE)) == known


def test_the_example_file_as_it_is_makes_valid_settings(tmp_path: Path) -> None:
    uncommented = re.sub(rf"(?m)^#({PREFIX})", r"\1", EXAMPLE)
    path = tmp_path / ".env"
    path.write_text(uncommented, encoding="utf-8")
    assert BotSettings(_env_file=path) == BotSettings(_env_file=None)


def test_every_network_and_every_price_stands_in_the_docs() -> None:
    assert all(f"| `{network}` |" in DOCS for network in NETWORKS)
    assert all(
        f"{PRICE_DOLLARS[what]:.3f}" in DOCS for what in ("mention read", "reply", "message read", "message sent")
    )


def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n", encoding="utf-8")
    monkeypatch.setenv("RIFFBIRD_X_ACCESS_TOKEN_FILE", str(tmp_path / "token"))
    settings = BotSettings(_env_file=None)
    assert settings.x_access_token == SecretStr("from-a-file")
    monkeypatch.setenv("RIFFBIRD_X_ACCESS_TOKEN", "from-the-environment")
    assert BotSettings(_env_file=None).x_access_token == SecretStr("from-the-environment")


def test_every_key_and_token_is_a_secret() -> None:
    for name, field in BotSettings.model_fields.items():
        if re.search(r"(key|secret|token|client_id)$", name):
            assert "SecretStr" in str(field.annotation), name


def test_an_error_names_the_variable_and_not_its_value() -> None:
    with pytest.raises(ValidationError) as caught:
        bot_settings(bot_cooldown_seconds="swordfish")
    assert "swordfish" not in str(caught.value)
    assert "RIFFBIRD_BOT_COOLDOWN_SECONDS" in settings_errors(caught.value)
    assert "swordfish" not in settings_errors(caught.value)


def test_no_secret_shows_in_logs_reprs_or_tracebacks_even_at_debug_level(
    harness: Harness, fake_x: FakeX, fake_mastodon: FakeMastodon, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = {**SECRETS, "x_consumer_secret": VALUES[0], "x_access_token_secret": VALUES[1]}
    signed = bot_settings(x_api_origin=fake_x.url, **wrong)
    renewed = bot_settings(
        x_api_origin=fake_x.url, x_client_id="client", x_refresh_token=VALUES[4], x_token_file=tmp_path / "x.json"
    )
    elsewhere = bot_settings(
        mastodon_url=fake_mastodon.url,
        mastodon_access_token=VALUES[2],
        matrix_homeserver="http://127.0.0.1:9",
        matrix_user_id="@band:localhost",
        matrix_access_token=VALUES[3],
    )
    networks = [
        XNetwork(signed, harness.reply_store("x"), harness.clock, random.Random(1)),
        XNetwork(renewed, harness.reply_store("x"), harness.clock, random.Random(1)),
        MastodonNetwork(elsewhere, harness.clock),
        MatrixNetwork(elsewhere, harness.clock),
    ]
    shown = [repr(signed), str(renewed), repr(elsewhere)]
    for network in networks:
        with pytest.raises(NetworkError) as caught:
            network.open()
        shown += [
            "".join(traceback.format_exception(caught.value)),
            repr(caught.value),
            repr(network),
            str(vars(network)),
        ]
        shown += [repr(vars(network).get("client"))]
        network.close()
    text = "\n".join([*shown, caplog.text])
    assert [value for value in VALUES if value in text] == []


def test_a_bearer_token_does_not_reach_the_log_of_the_library(
    harness: Harness, fake_x: FakeX, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    settings = bot_settings(
        x_api_origin=fake_x.url,
        x_client_id="c",
        x_refresh_token="first-refresh-token",
        x_token_file=tmp_path / "x.json",
    )
    network = XNetwork(settings, harness.reply_store("x"), harness.clock, random.Random(1))
    network.open()
    (bearer,) = fake_x.bearers
    assert bearer not in caplog.text
    assert bearer not in repr(network.client) + repr(vars(network)["client"].tokens)


def test_the_bots_log_cuts_known_secrets_out_of_whatever_is_said() -> None:
    formatter = JsonLines(secrets_of(bot_settings(**SECRETS)))
    secret = SECRETS["x_access_token_secret"]
    record = logging.LogRecord("x", logging.INFO, "", 0, "oops %s", (secret,), None)
    assert json.loads(formatter.format(record))["message"] == "oops ***"


def test_settings_survive_a_copy_without_showing_their_secrets(fake_x: FakeX) -> None:
    settings = x_settings(fake_x)
    assert copy.copy(settings) == settings
    assert SECRETS["x_consumer_secret"] not in str(settings.model_dump())
