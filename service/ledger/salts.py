"""The random salt of each day, shared by all processes of a deployment and deleted after the day."""

import base64
import secrets
from datetime import date, timedelta

from sqlalchemy import Engine, delete, insert, select
from sqlalchemy.exc import IntegrityError

from service.kit.db import reading
from service.ledger.tables import TABLES

SALTS = TABLES["daily_salts"]


def salt_of(engine: Engine, day: date) -> bytes:
    """The salt of the day, made where there is none yet. Salts of days before yesterday are
    deleted: a clock a little behind ours may still be in yesterday."""
    wanted = select(SALTS.c.salt).where(SALTS.c.day == day.isoformat())
    with reading(engine).connect() as connection:
        known = connection.execute(wanted).scalar()
    if known is None:
        fresh = base64.b64encode(secrets.token_bytes(32)).decode()
        try:
            with engine.begin() as connection:
                oldest = (day - timedelta(days=1)).isoformat()
                connection.execute(delete(SALTS).where(SALTS.c.day < oldest))
                connection.execute(insert(SALTS).values(day=day.isoformat(), salt=fresh))
        except IntegrityError:  # another process made it first
            pass
        with reading(engine).connect() as connection:
            known = connection.execute(wanted).scalar_one()
    return base64.b64decode(known)
