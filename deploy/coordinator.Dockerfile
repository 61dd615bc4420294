# The coordinator and the command line: no torch, no GPU.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
COPY constraints.txt pyproject.toml README.md LICENSE /source/
COPY farm /source/farm
COPY workers /source/workers
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv /opt/stepfarm \
    && /opt/stepfarm/bin/pip install --constraint /source/constraints.txt /source \
    && /opt/stepfarm/bin/pip check

FROM python:${PYTHON}-slim
COPY --from=build /opt/stepfarm /opt/stepfarm
RUN useradd --create-home --uid 10001 farm
USER farm
WORKDIR /home/farm
ENV PATH=/opt/stepfarm/bin:$PATH PYTHONUNBUFFERED=1
HEALTHCHECK --interval=60s --timeout=30s --start-period=30s \
    CMD ["farm", "doctor", "--for", "coordinator", "--json"]
ENTRYPOINT ["farm"]
CMD ["coordinator"]
