"""Which page and which channels of a file are taken, and what is said of it."""

from collections.abc import Sequence

from mrcnn.pictures.explaining import Unreadable


def chosen_page(page: int | None, count: int, usual: int = 1) -> int:
    """The page to take, from 1.

    Args:
        page: that was asked for; None takes the usual one.
        count: pages of the file.
        usual: the page that is taken where none is asked for.

    Raises:
        Unreadable: there is no such page.
    """
    if page is None:
        return usual
    if not 1 <= page <= count:
        pages = "1 page" if count == 1 else f"{count} pages, counted from 1"
        raise Unreadable(f"it has no page {page}: it has {pages}")
    return page


def page_note(taken: int, count: int) -> list[str]:
    """That a file has several pages; nothing of a single one."""
    if count == 1:
        return []
    return [f"page {taken} of {count} was read, the others were left out; --page takes another"]


def check_channels(channels: Sequence[int] | None, count: int) -> tuple[int, ...] | None:
    """Channels that were asked for, from 1, as numbers from 0.

    Raises:
        Unreadable: they are not one or three, or there are none such.
    """
    if channels is None:
        return None
    if len(channels) not in (1, 3):
        raise Unreadable(
            f"{len(channels)} channels were asked for: name one, which is gray, or three for red, "
            "green and blue"
        )
    for channel in channels:
        if not 1 <= channel <= count:
            names = "1 channel" if count == 1 else f"{count} channels, counted from 1"
            raise Unreadable(f"it has no channel {channel}: it has {names}")
    return tuple(channel - 1 for channel in channels)


def usual_channels(count: int) -> tuple[int, ...]:
    """Numbers, from 0, of the channels that are taken where nothing tells what they are."""
    return (0, 1, 2) if count >= 3 else (0,)


def channels_note(taken: Sequence[int], count: int) -> str:
    """That of several channels some were taken, numbers from 0, and how to take others."""
    names = ", ".join(str(number + 1) for number in taken)
    said = (
        f"channel {names} of {count} was taken as gray"
        if len(taken) == 1
        else f"channels {names} of {count} were taken as red, green and blue"
    )
    return f"{said}; --channels takes others"
