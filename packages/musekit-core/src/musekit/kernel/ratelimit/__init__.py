"""Rate limits by sliding window: policies, where their counts are kept, and who is counted."""

from musekit.kernel.ratelimit.database import RateCounter, forget, hit, sweep
from musekit.kernel.ratelimit.limiter import Limiter
from musekit.kernel.ratelimit.memory import MemoryStore
from musekit.kernel.ratelimit.window import Verdict, judge

__all__ = ["Limiter", "MemoryStore", "RateCounter", "Verdict", "forget", "hit", "judge", "sweep"]
