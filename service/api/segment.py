"""The Segment HTTP Tracking API."""

from fastapi import APIRouter

router = APIRouter(tags=["collect"])
