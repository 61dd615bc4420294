"""What a pipeline or its scheduler refuses before the first step: the same on every worker, so it is tried once."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from farm.errors import RenderError
from workers.replace import replaced

#: How diffusers says that a scheduler does not take the sigmas or timesteps of a pipeline's own.
_CUSTOM_SCHEDULE = "does not support custom"
#: The same, and how Python says that it does not take another argument of theirs.
_OTHER_SCHEDULE = (_CUSTOM_SCHEDULE, "set_timesteps() got an unexpected")


@contextmanager
def told(pipe: Any, *, model: str) -> Iterator[None]:
    """While this is open, what the pipeline's own checks refuse is a sentence for the user.

    Raises:
        RenderError: the pipeline or its scheduler does not take what it was given.
    """

    def check(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The check, its complaint translated."""
        try:
            return original(*args, **kwargs)
        except (ValueError, TypeError) as error:
            raise _refused(pipe, model, str(error)) from error

    with ExitStack() as stack:
        for owner, name in ((pipe, "check_inputs"), (pipe.scheduler, "set_timesteps")):
            if callable(getattr(owner, name, None)):
                stack.enter_context(replaced(owner, name, check))
        try:
            yield
        except ValueError as error:
            if _CUSTOM_SCHEDULE not in str(error):
                raise
            raise _refused(pipe, model, str(error)) from error


def _refused(pipe: Any, model: str, complaint: str) -> RenderError:
    text = " ".join(complaint.split()).rstrip(".")
    if any(sign in text for sign in _OTHER_SCHEDULE):
        text = f"{type(pipe.scheduler).__name__} cannot run its schedule, use scheduler default instead"
    return RenderError(f"{type(pipe).__name__} refuses the task for {model}: {text}.")
