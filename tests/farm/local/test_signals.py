import os
import signal

import pytest

from farm.local.signals import Signals, Stopped


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_raises_and_the_second_hurries(number: signal.Signals) -> None:
    """One request ends in order, a second one at once; afterwards all is as before."""
    before = signal.getsignal(number)
    with Signals() as signals:
        with pytest.raises(Stopped):
            os.kill(os.getpid(), number)
        assert not signals.hurry
        os.kill(os.getpid(), number)
        assert signals.hurry
    assert signal.getsignal(number) == before


def test_nothing_is_raised_once_the_end_has_begun() -> None:
    """A signal while a failed start is being cleared away does not leave half of it."""
    with Signals() as signals:
        signals.ignore_first()
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.hurry


def test_nothing_catches_it_by_accident() -> None:
    """Code that passes over ordinary errors does not pass over the request to end."""
    assert not issubclass(Stopped, Exception)
