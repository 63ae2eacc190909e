"""Resolve the people whom a batch of facts concerns, in the mart."""

import duckdb
import numpy as np

from service.identity.resolve import Evidence, resolve, surviving_links
from service.kit.duck import fetch_columns, run_file

PACKAGE = "service.identity"


def resolve_people(mart: duckdb.DuckDBPyConnection, shared_limit: int) -> None:
    """Bring `identifier_people`, `set_people`, `people` and the accounts up to date.

    Reads the temporary table `batch_sets` (who was named in the new facts); leaves
    `affected_people` and `affected_accounts` for the stages after it.
    """
    run_file(mart, PACKAGE, "area")
    nodes = fetch_columns(mart, "SELECT node, known, vouched, place FROM nodes ORDER BY node")
    links = fetch_columns(
        mart, "SELECT left_node, right_node, first_at, last_at, trusted FROM links"
    )
    unlinks = fetch_columns(
        mart,
        "SELECT l.node AS left_node, r.node AS right_node, unlinks.occurred_at FROM unlinks "
        "JOIN nodes AS l ON l.identifier_id = unlinks.left_id "
        "JOIN nodes AS r ON r.identifier_id = unlinks.right_id",
    )
    # Withdrawn links still belong to the cluster: what holds is decided anew with every fact of it.
    holds = surviving_links(
        links["left_node"],
        links["right_node"],
        links["last_at"],
        unlinks["left_node"],
        unlinks["right_node"],
        unlinks["occurred_at"],
    )
    count = len(nodes["node"])
    found = resolve(
        count,
        links["left_node"],
        links["right_node"],
        nodes["known"],
        nodes["place"],
        shared_limit,
        holds,
        Evidence(links["trusted"], links["first_at"], nodes["vouched"]),
    )
    resolved = {
        "node": np.arange(count, dtype=np.int64),
        "person_node": found.person,
        "cluster_node": found.cluster,
        "shared": found.shared,
    }
    mart.register("resolved", resolved)
    run_file(mart, PACKAGE, "people")
    mart.unregister("resolved")
    run_file(mart, PACKAGE, "accounts")
