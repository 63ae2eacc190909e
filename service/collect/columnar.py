"""Parquet, batch by batch, so that a file larger than the memory can be read."""

from collections.abc import Iterator
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from service.collect.rows import Row
from service.kit.errors import BadRequest, Refusal

BATCH_ROWS = 2_000


class Parquet:
    """The rows of a Parquet file, with Python values. Raises BadRequest where it is none."""

    def __init__(self, file: IO[bytes]) -> None:
        try:
            self._file = pq.ParquetFile(file)
        except (pa.ArrowException, OSError) as error:
            raise BadRequest("bad_parquet", f"The file is not whole Parquet: {error}.") from error
        self.columns: tuple[str, ...] = tuple(self._file.schema_arrow.names)
        self.size: int = self._file.metadata.num_rows
        self.done = 0

    def __iter__(self) -> Iterator[Row]:
        try:
            for batch in self._file.iter_batches(batch_size=BATCH_ROWS):
                for values in _plain(batch):
                    self.done += 1
                    yield Row(self.done, values)
        except (pa.ArrowException, OSError) as error:
            yield Row(self.done + 1, {}, Refusal("bad_parquet", "", f"reading ends here: {error}"))


def _plain(batch: Any) -> list[dict[str, Any]]:
    """The rows as dicts. Python knows no nanoseconds, and facts are kept in microseconds."""
    columns = [
        column.cast(pa.timestamp("us", column.type.tz), safe=False)
        if pa.types.is_timestamp(column.type)
        else column
        for column in batch.columns
    ]
    rows: list[dict[str, Any]] = pa.record_batch(columns, names=batch.schema.names).to_pylist()
    return rows
