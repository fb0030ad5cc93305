import pytest

from bot.api.settings import ApiSettings
from tests.bot.service import ROOT
from worker.settings import Settings

DOCS = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")
FIELDS = {**Settings.model_fields, **ApiSettings.model_fields}


@pytest.mark.parametrize("name", FIELDS)
def test_each_setting_is_in_the_docs_with_its_default(name: str) -> None:
    row = next(line for line in DOCS.splitlines() if line.startswith(f"| `RIFFBIRD_{name.upper()}` |"))
    default = FIELDS[name].default
    if isinstance(default, (int, float, str)) and not isinstance(default, bool):
        assert str(default) in row
    assert FIELDS[name].description


def test_each_endpoint_is_in_the_docs(service_client: object) -> None:
    for path in service_client.get("/openapi.json").json()["paths"]:
        short = path.replace("{job_id}", "{id}").replace("{kind}", "{mid,mp3,mp4,png}")
        assert short in DOCS, short


def test_each_metric_is_in_the_docs(service_client: object) -> None:
    text = service_client.get("/metrics").text
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE") and "_created" not in line}
    assert all(name.removesuffix("_total") in DOCS for name in names), names
