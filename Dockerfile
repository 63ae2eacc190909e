# The image holds one virtual environment and one folder of data; nothing is fetched at run time.

FROM python:3.11.14-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements-build.lock requirements.lock ./
# The locks carry the hash of every file: what was not reviewed cannot be installed. The
# environment is made where it will live, because its scripts name their interpreter.
RUN python -m venv /tools \
    && /tools/bin/pip install --require-hashes -r requirements-build.lock \
    && python -m venv /app \
    && /app/bin/pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md ./
COPY service service
COPY migrations migrations
RUN /tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && /app/bin/pip install --no-deps --no-index dist/*.whl \
    && /app/bin/pip uninstall --yes setuptools pip

FROM python:3.11.14-slim-bookworm
LABEL org.opencontainers.image.title="Throughline" \
      org.opencontainers.image.description="End-to-end marketing attribution" \
      org.opencontainers.image.licenses="Apache-2.0"
# A numeric user, so that an orchestrator can check that it is not root.
RUN groupadd --system --gid 10001 throughline \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /data throughline \
    && install --directory --owner 10001 --group 10001 --mode 0700 /data
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    THROUGHLINE_DATA_DIR=/data \
    THROUGHLINE_HOST=0.0.0.0 \
    THROUGHLINE_PORT=8000
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['THROUGHLINE_PORT'] + '/readyz', timeout=4)"]
ENTRYPOINT ["throughline"]
CMD ["serve"]
