"""A recording pauses while nothing may be kept of what is said, such as the number of a card."""

from gateway.tools import Tool


class Pausing:
    """Whether the recordings of one call are paused; it lasts from one media stream to the next."""

    def __init__(self) -> None:
        self.is_paused = False

    def tools(self) -> tuple[Tool, ...]:
        """The tools by which the model pauses the recording and goes on with it."""
        return Tool.from_function(self.pause_recording), Tool.from_function(self.resume_recording)

    async def pause_recording(self) -> str:
        """Stop recording the call. Do so before the caller says anything that must not be kept, such as a card number."""
        self.is_paused = True
        return "The recording is paused."

    async def resume_recording(self) -> str:
        """Go on recording the call, as soon as the caller has said what must not be kept."""
        self.is_paused = False
        return "The recording goes on."
