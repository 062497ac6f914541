"""Bodies by their entity tag, bounded in bytes."""

from app.api.recent import Recent


def test_the_least_recently_used_body_goes_first() -> None:
    recent = Recent(most_bytes=800)
    for n in range(8):
        recent.keep(f"tag{n}", bytes(100))
    assert recent.find("tag0") == bytes(100)
    recent.keep("tag8", bytes(100))
    assert recent.find("tag1") is None
    assert recent.find("tag0") == bytes(100)


def test_a_body_that_would_drive_out_the_others_is_not_kept() -> None:
    recent = Recent(most_bytes=800)
    recent.keep("small", b"small")
    recent.keep("large", bytes(101))
    assert recent.find("large") is None
    assert recent.find("small") == b"small"
