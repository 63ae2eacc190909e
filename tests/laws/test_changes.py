"""Why a report changed: the causes add up to the difference, and every fact has one cause."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from service.attribution.models import parse_models
from service.reports.changes import CAUSES, MEASURES, figures, split
from service.reports.desk import ReportDesk
from tests.laws.laws import law
from tests.laws.ledgers import RATE_DAYS, Ledger
from tests.laws.test_as_of import QUESTION, _sent
from tests.laws.worlds import deliveries, worlds

ASKED = replace(QUESTION, models=parse_models("linear"), group_by=("channel",))


@law(sqlite=5, postgres=2)
def test_causes_lead_from_one_report_to_the_other(ledger: Ledger, data: st.DataObject) -> None:
    """Between any two moments of any stream: the first step is the report of then, the last that
    of later, and each fact between stands for one cause."""
    stops = _sent(ledger, data.draw(deliveries(data.draw(worlds()))))
    first_seq = ledger.first_seq()
    length = stops[-1] - first_seq  # seqs go on rising from world to world, lengths do not
    then = first_seq + data.draw(st.integers(0, length))
    later = first_seq + data.draw(st.integers(then - first_seq, length))
    mart = ledger.mart()
    mart.refresh()
    desk = ReportDesk(mart, ledger.engine, RATE_DAYS, ledger.mart)
    for report, ask in (("roi", desk.roi), ("attribution", desk.attribution)):
        found = desk.changes(report, then, later, lambda _: ASKED)
        seqs = np.sort(np.concatenate(list(found.facts.values())))
        assert seqs.tolist() == list(range(then + 1, later + 1))
        for measure in MEASURES[report]:
            first = ask(replace(ASKED, as_of=then))
            last = ask(replace(ASKED, as_of=later))
            assert figures(found.answers[0], measure) == figures(first, measure)
            assert figures(found.answers[-1], measure) == figures(last, measure)
            answer = split(found, measure)
            assert tuple(answer["totals"]["causes"]) == CAUSES
    mart.close()
