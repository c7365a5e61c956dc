# The serving path of the origin in its own container, for `make bench-container`. Built from a folder that
# bench/container.py fills.
ARG BASE_IMAGE=public.ecr.aws/lambda/python:3.13
FROM ${BASE_IMAGE}
COPY bench/requirements.txt /tmp/constraints.txt
# The same versions as in our image, so the libraries make no difference.
RUN sed -E '/^ +(--hash|#)/d; s/ *\\$//' /tmp/constraints.txt > /tmp/versions.txt \
 && python3 -m pip install --no-cache-dir --disable-pip-version-check --only-binary :all: --target ${LAMBDA_TASK_ROOT} \
      -c /tmp/versions.txt numpy onnxruntime pillow
COPY bench/__init__.py bench/origin.py ${LAMBDA_TASK_ROOT}/bench/
COPY model.onnx ${LAMBDA_TASK_ROOT}/model.onnx
RUN chmod -R u=rwX,go=rX ${LAMBDA_TASK_ROOT}
ENV ORIGIN_MODEL=${LAMBDA_TASK_ROOT}/model.onnx ORT_DISABLE_TELEMETRY=1
CMD ["bench.origin.handler"]
