# The small install: `rbc` and `mrcnn` detect, check and report, without Keras and TensorFlow.
# "Docker" in docs/deployment.md says how to run it, and how the whole package gets into an image.
FROM python:3.12-slim AS build
WORKDIR /source
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.12-slim
COPY requirements/runtime.txt requirements/constraints.txt /requirements/
RUN pip install --no-cache-dir -c /requirements/constraints.txt -r /requirements/runtime.txt
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-deps /wheels/*.whl
WORKDIR /data
ENTRYPOINT ["rbc"]
