# Two stages: pip and the sources stay in the first. EXTRAS=…,train adds torch, for a machine with an accelerator.
FROM python:3.12-slim AS build
ARG EXTRAS=serve,bot,matrix,bluesky,s3,fast
WORKDIR /src
RUN python -m venv /opt/riffbird
COPY pyproject.toml README.md ./
COPY bot bot
COPY composer composer
COPY midi_data midi_data
COPY training training
COPY worker worker
RUN /opt/riffbird/bin/pip install --no-cache-dir ".[${EXTRAS}]"

FROM python:3.12-slim
# A soundfont with better drums, guitars and strings than the wheel's; 39 MB.
RUN apt-get update && apt-get install --yes --no-install-recommends musescore-general-soundfont-small \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin riffbird \
    && install --directory --owner 10001 --group 10001 /data
COPY --from=build /opt/riffbird /opt/riffbird
ENV PATH=/opt/riffbird/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    RIFFBIRD_DATA_DIR=/data \
    XDG_CACHE_HOME=/data/cache
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
ENTRYPOINT ["riffbird"]
CMD ["serve", "--host", "0.0.0.0"]
