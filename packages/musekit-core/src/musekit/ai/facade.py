"""What products use of the language models, as ``musekit.api.ai``."""

from musekit.ai.results import AIResult, AnswerError, NoModelError
from musekit.ai.service import complete
from musekit.ai.streaming import AIStream, stream

__all__ = ["AIResult", "AIStream", "AnswerError", "NoModelError", "complete", "stream"]
