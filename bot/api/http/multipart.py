"""Requests as ``multipart/form-data``: the JSON fields as form fields, and a MIDI file to imitate or to continue."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from bot.api.idempotency import request_hash
from bot.api.schemas import CompositionRequest

# It logs each malformed form, and clients decide how many there are.
logging.getLogger("python_multipart").setLevel(logging.ERROR)

MIDI_LIMIT_BYTES = 2**20
MULTIPART_LIMIT_BYTES = MIDI_LIMIT_BYTES + 64 * 1024
"""A MIDI file and the form's other fields."""
MAX_FIELDS = 20
FILE_FIELDS = ("primer", "like")
MIDI_HEADER = b"MThd"


@dataclass(frozen=True, slots=True)
class ComposeForm:
    """A parsed request; ``primer`` and ``like`` hold the bytes of a MIDI file, or nothing."""

    wanted: CompositionRequest
    primer: bytes = b""
    like: bytes = b""

    def hash(self) -> str:
        """A hash of the fields and the file. The body differs each time: a form's boundary is random."""
        return request_hash(self.wanted.model_dump_json().encode(), self.primer)


async def read_request(request: Request) -> ComposeForm:
    """The request in a JSON or multipart body. Raises 415 or 422 with the rule, 400 for bytes that are no text."""
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _read_form(request)
    if kind not in ("application/json", "text/json", ""):
        raise HTTPException(415, "a body is application/json or multipart/form-data")
    body = await request.body()
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        raise HTTPException(400, "a JSON body is UTF-8 text, and this one is not") from None
    return ComposeForm(_validated(body))


def _validated(given: bytes | dict[str, object]) -> CompositionRequest:
    model = CompositionRequest
    try:
        return model.model_validate_json(given) if isinstance(given, bytes) else model.model_validate(given)
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False, include_context=False)) from None


async def _read_form(request: Request) -> ComposeForm:
    async with request.form(max_files=1, max_fields=MAX_FIELDS, max_part_size=MIDI_LIMIT_BYTES) as form:
        fields: dict[str, object] = {}
        files: dict[str, bytes] = {}
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                files[name] = await value.read(MIDI_LIMIT_BYTES + 1)
            else:
                fields[name] = value if name != "formats" else value.split(",")
    wanted = _validated(fields)
    for name, content in files.items():
        _check_file(name, content)
    return ComposeForm(wanted, **files)


def _check_file(name: str, content: bytes) -> None:
    if name not in FILE_FIELDS:
        raise HTTPException(422, f"a file is named primer or like, not {name[:40]!r}")
    if len(content) > MIDI_LIMIT_BYTES:
        raise HTTPException(413, f"{name}: a MIDI file has at most {MIDI_LIMIT_BYTES} bytes")
    if not content.startswith(MIDI_HEADER):
        raise HTTPException(422, f"{name}: a MIDI file begins with MThd, and this one does not")
