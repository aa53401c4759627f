"""The claims of the paper as statements that can fail: a statistic, a threshold fixed before, a verdict."""

from vulngames.claims.claim import Judged, JudgedComparison
from vulngames.claims.ledger import elsewhere, ledger, together

__all__ = ["Judged", "JudgedComparison", "elsewhere", "ledger", "together"]
