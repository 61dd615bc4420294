# A worker for one NVIDIA GPU. No CUDA base image: the torch of PyPI brings every CUDA library it uses as wheels of its
# own, so another copy in the base would be gigabytes that nothing loads; the driver comes from the host.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
COPY constraints.txt pyproject.toml README.md LICENSE /source/
COPY farm /source/farm
COPY workers /source/workers
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv /opt/stepfarm \
    && /opt/stepfarm/bin/pip install --constraint /source/constraints.txt '/source[worker]' \
    && /opt/stepfarm/bin/pip check

FROM python:${PYTHON}-slim
COPY --from=build /opt/stepfarm /opt/stepfarm
# Models are cached here: made now, so that a volume mounted over it belongs to the user and not to root.
RUN useradd --create-home --uid 10001 farm \
    && install --directory --owner farm --group farm /home/farm/.cache
USER farm
WORKDIR /home/farm
ENV PATH=/opt/stepfarm/bin:$PATH PYTHONUNBUFFERED=1 NVIDIA_DRIVER_CAPABILITIES=compute,utility
# The longest start is a first import of torch; a worker that is not heard of yet is asked for its device by another one.
HEALTHCHECK --interval=60s --timeout=150s --start-period=300s \
    CMD ["farm", "doctor", "--for", "worker", "--json"]
ENTRYPOINT ["farm"]
CMD ["worker"]
