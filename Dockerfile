# Two images: `service` (web, console, worker, piles, clock, migrate) and `nlu` (Rasa and its trained model).
#   docker build --target service -t pilebot .
#   docker build --target nlu -t pilebot-nlu .

FROM python:3.11-slim-bookworm AS base
RUN useradd --system --uid 10001 --user-group --no-create-home pilebot
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app

# --- service ---------------------------------------------------------------------------------

FROM base AS service-packages
COPY requirements.txt .
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt \
 && /opt/venv/bin/pip uninstall --yes uv

FROM base AS service
# The second QR decoder's library; the first one brings its own.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libzbar0 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=service-packages /opt/venv /opt/venv
COPY . .
ENV PATH=/opt/venv/bin:$PATH
USER pilebot
EXPOSE 8080
CMD ["gunicorn", "app:web()", "--bind", "0.0.0.0:8080", "--worker-class", "gthread", \
     "--workers", "2", "--threads", "8", "--worker-tmp-dir", "/dev/shm", "--no-control-socket"]

# --- nlu -------------------------------------------------------------------------------------

FROM base AS nlu-packages
COPY nlu/requirements.txt .
# Rasa declares Python < 3.11; this exact lock runs on 3.11 (docs/architecture.md).
RUN python -m venv /app/.venv-nlu \
 && /app/.venv-nlu/bin/pip install --no-cache-dir --no-deps --ignore-requires-python \
      --require-hashes -r requirements.txt

FROM service AS nlu-model
USER root
COPY --from=nlu-packages /app/.venv-nlu /app/.venv-nlu
RUN python -m nlu.train && mv nlu/models/[0-9a-f]*.tar.gz /model.tar.gz

FROM base AS nlu
COPY --from=nlu-packages /app/.venv-nlu /app/.venv-nlu
COPY nlu nlu
COPY --from=nlu-model /model.tar.gz /app/model.tar.gz
ENV PYTHONPATH=/app PYTHONHASHSEED=0 PYTHONUTF8=1 HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib \
    RASA_TELEMETRY_ENABLED=false RASA_MAX_CACHE_SIZE=0 SANIC_WORKERS=1 \
    TF_CPP_MIN_LOG_LEVEL=3 OMP_NUM_THREADS=1 SQLALCHEMY_SILENCE_UBER_WARNING=1
USER pilebot
EXPOSE 5005
# Without a token anybody who reaches the server could delete its model.
CMD ["sh", "-c", "exec .venv-nlu/bin/python -W ignore -m rasa run --enable-api --quiet \
     --interface 0.0.0.0 --port 5005 --model model.tar.gz \
     --endpoints nlu/project/endpoints.yml --auth-token \"$(cat \"$NLU_TOKEN_FILE\")\""]
