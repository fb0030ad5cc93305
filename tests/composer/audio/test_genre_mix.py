import pytest

from composer.audio.genre_mix import GENRE_MIXES, genre_mix
from midi_data.genres import GENRES


def test_every_shipped_genre_has_a_row_with_a_reason() -> None:
    assert GENRE_MIXES.keys() == {genre.name for genre in GENRES}
    assert all(row.reason for row in GENRE_MIXES.values())


@pytest.mark.parametrize("weight", [0.1, 0.5, 0.9])
def test_a_blend_lies_between_its_genres(weight: float) -> None:
    metal, folk = GENRE_MIXES["heavy-metal"], GENRE_MIXES["folk"]
    blend = genre_mix({"heavy-metal": weight, "folk": 1 - weight})
    assert blend.drums_lu == pytest.approx(weight * metal.drums_lu + (1 - weight) * folk.drums_lu)
    assert blend.presence_db == pytest.approx(weight * metal.presence_db + (1 - weight) * folk.presence_db)


def test_one_genre_is_its_row_and_an_unknown_one_the_mean_of_all() -> None:
    assert genre_mix({"jazz": 1.0}) is GENRE_MIXES["jazz"]
    mean = sum(row.drums_lu for row in GENRE_MIXES.values()) / len(GENRE_MIXES)
    assert genre_mix({"polka": 1.0}).drums_lu == genre_mix({}).drums_lu == pytest.approx(mean)
    assert genre_mix({"polka": 0.5, "jazz": 0.5}) is GENRE_MIXES["jazz"]
