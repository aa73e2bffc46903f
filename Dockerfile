# One image for every process of Dwell: the command says which.
#
#     docker build --tag dwell .
#     docker run --init --publish 127.0.0.1:8000:8000 --volume dwell:/data dwell

FROM debian:12-slim AS build

# Debian's stable release changes its packages for security alone, and then takes the older ones away.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 python3-venv \
    && apt-get clean && rm -rf /var/lib/apt/lists/*
WORKDIR /dwell
COPY requirements.txt ./
RUN python3 -m venv /opt/dwell \
    && /opt/dwell/bin/pip install --no-cache-dir --require-hashes --requirement requirements.txt
COPY . ./
# What goes again is for those who install packages, compile against pyarrow, or use its clients
# for Flight and S3: 75 MB.
RUN /opt/dwell/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
    && /opt/dwell/bin/python -I -c "from dwell.site.dashboard import vega; vega.bundle(vega.SHARED)" \
    && /opt/dwell/bin/python -I -m dwell.bill requirements.txt > /opt/dwell/dwell.cdx.json \
    && /opt/dwell/bin/pip uninstall --yes setuptools pip \
    && arrow=$(echo /opt/dwell/lib/python3*/site-packages/pyarrow) \
    && rm -rf "$arrow"/include "$arrow"/tests "$arrow"/*flight* "$arrow"/*s3*


FROM debian:12-slim

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 tzdata \
    && apt-get clean && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 dwell \
    && useradd --uid 10001 --gid dwell --home-dir /data --no-create-home --shell /usr/sbin/nologin dwell \
    && install --directory --owner dwell --group dwell /data
COPY --from=build /opt/dwell /opt/dwell

LABEL org.opencontainers.image.title="Dwell" \
      org.opencontainers.image.description="How long visitors really looked at your pages" \
      org.opencontainers.image.licenses="Apache-2.0"

# The packages come with their bytecode; nothing is written beside them.
ENV PATH=/opt/dwell/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    DWELL_DATA=/data \
    DWELL_HOST=0.0.0.0
USER 10001
WORKDIR /data
EXPOSE 8000 8001
STOPSIGNAL SIGTERM
CMD ["dwell", "up"]
