import io
from collections.abc import Iterable
from fractions import Fraction

import av
import numpy as np
import pytest

from composer.video.hints import ChangeHint
from composer.video.layout import Area

SIZE = 64
LEFT = Area(0, 0, 32, SIZE)


def frame(left: int, right: int) -> av.VideoFrame:
    picture = av.VideoFrame(SIZE, SIZE, "yuv420p")
    paint(picture, left, right)
    return picture


def paint(picture: av.VideoFrame, left: int, right: int) -> None:
    for plane, value in zip(picture.planes, (left, 128, 128), strict=True):
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        rows[:] = value
    luma = picture.planes[0]
    np.frombuffer(luma, np.uint8).reshape(luma.height, luma.line_size)[:, 32:SIZE] = right


def encoded(frames: Iterable[av.VideoFrame]) -> list[np.ndarray]:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        options = {"preset": "ultrafast", "qp": "20", "mb_info": "1", "tune": "zerolatency"}
        stream = container.add_stream("libx264", rate=30, options=options)
        stream.width = stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for index, picture in enumerate(frames):
            picture.pts, picture.time_base = index, Fraction(1, 30)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as container:
        return [picture.to_ndarray()[:SIZE].astype(int) for picture in container.decode(video=0)]


def painted_twice(changed: list[list[Area]]) -> list[np.ndarray]:
    picture = frame(60, 60)
    hint = ChangeHint(picture)

    def frames() -> Iterable[av.VideoFrame]:
        for areas, level in zip(changed, (60, 200), strict=True):
            paint(picture, level, level)
            hint.set(areas)
            yield picture

    return encoded(frames())


def test_what_is_hinted_as_changed_is_encoded_and_the_rest_skipped() -> None:
    if ChangeHint(frame(0, 0)).is_attached is False:
        pytest.skip("this PyAV is not laid out as known")
    first, second = painted_twice([[Area(0, 0, SIZE, SIZE)], [LEFT]])
    assert abs(first - 60).max() < 12
    assert abs(second[:, :32] - 200).max() < 12
    assert abs(second[:, 32:] - 60).max() < 12


def test_more_changes_than_there_is_room_for_are_a_change_of_everything() -> None:
    _, second = painted_twice([[Area(0, 0, SIZE, SIZE)], [LEFT] * 300])
    assert abs(second - 200).max() < 12


def test_without_hints_everything_is_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("composer.video.hints._create_function", lambda: None)
    assert not ChangeHint(frame(0, 0)).is_attached
    _, second = painted_twice([[Area(0, 0, SIZE, SIZE)], [LEFT]])
    assert abs(second - 200).max() < 12
